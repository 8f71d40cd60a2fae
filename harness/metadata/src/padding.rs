//! Bytes that ought to be zero.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::layout::Wire;

/// Bytes that no field claims: only those that are not zero are kept, with their places.
///
/// A kernel that finds some may refuse the device: "Some padding is non-zero, might be a new feature"
/// (`super_1_load` in `drivers/md/md.c`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Padding {
    /// What is not zero, in ascending order.
    pub runs: Vec<Run>,
}

/// Neighbouring bytes, none of them zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The place of the first byte, counted from the start of the padding.
    pub offset: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Padding {
    /// Whether all is as it should be.
    pub fn is_zero(&self) -> bool {
        self.runs.is_empty()
    }
}

impl From<&[u8]> for Padding {
    fn from(bytes: &[u8]) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for (offset, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            match runs.last_mut() {
                Some(run) if run.offset + run.bytes.len() == offset => run.bytes.push(*byte),
                _ => runs.push(Run { offset, bytes: vec![*byte] }),
            }
        }
        Padding { runs }
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("zero");
        }
        for (index, run) in self.runs.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}+{:#x}:", run.offset)?;
            run.bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
        }
        Ok(())
    }
}

impl Wire for Padding {
    fn read(bytes: &[u8]) -> Self {
        Padding::from(bytes)
    }

    /// A run that lies outside, in whole or in part, is cut off there.
    fn write(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        for run in &self.runs {
            let places = bytes.iter_mut().skip(run.offset);
            places.zip(&run.bytes).for_each(|(place, byte)| *place = *byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_zero_is_kept() {
        let bytes = [0, 1, 2, 0, 0, 0xff];
        let padding = Padding::from(&bytes[..]);
        assert_eq!(padding.to_string(), "+0x1: 01 02, +0x5: ff");
        let mut written = [9; 6];
        padding.write(&mut written);
        assert_eq!(written, bytes);
        assert_eq!(Padding::from(&[0; 8][..]).to_string(), "zero");
    }

    #[test]
    fn a_run_outside_is_cut_off() {
        let mut written = [9; 2];
        Padding { runs: vec![Run { offset: 1, bytes: vec![1, 2] }, Run { offset: 7, bytes: vec![3] }] }
            .write(&mut written);
        assert_eq!(written, [0, 1]);
    }
}
