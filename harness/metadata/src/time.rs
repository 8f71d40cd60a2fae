//! Instants as version 1 stores them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::layout::Wire;

const SECOND_BITS: u32 = 40;
const SECOND_MASK: u64 = (1 << SECOND_BITS) - 1;

/// An instant since 1970: 40 bits of seconds below 24 bits of microseconds, `ctime` in `md_p.h`.
///
/// Nothing keeps the microseconds below a million; they are shown as they are stored. Bits above
/// 40 and 24 are cut off when a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Time {
    /// Whole seconds since 1970 (UTC).
    pub seconds: u64,
    /// Microseconds on top of them, or 0 if the writer knew none.
    pub micros: u32,
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.seconds, self.micros)
    }
}

impl Wire for Time {
    fn read(bytes: &[u8]) -> Self {
        let raw = u64::read(bytes);
        Time { seconds: raw & SECOND_MASK, micros: (raw >> SECOND_BITS) as u32 }
    }

    fn write(&self, bytes: &mut [u8]) {
        (self.seconds & SECOND_MASK | u64::from(self.micros) << SECOND_BITS).write(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_microseconds_share_a_word() {
        let time = Time::read(&[0x78, 0x56, 0x34, 0x12, 0xff, 0x40, 0x42, 0x0e]);
        assert_eq!(time, Time { seconds: 0xff_1234_5678, micros: 934_464 });
        let mut bytes = [0; 8];
        time.write(&mut bytes);
        assert_eq!(Time::read(&bytes), time);
    }
}
