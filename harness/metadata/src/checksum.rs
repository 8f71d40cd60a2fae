//! The sum over a superblock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a superblock says its sum is, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// As it is stored.
    pub stored: u32,
    /// As the kernel would compute it from the other bytes.
    pub computed: u32,
    /// Whether the two are folded to 16 bits before they are compared, as `super_90_load` does: old
    /// kernels on Alpha wrote a folded sum.
    pub folded: bool,
}

impl Checksum {
    /// Whether the kernel would accept the superblock.
    pub fn is_valid(self) -> bool {
        if self.folded { fold(self.stored) == fold(self.computed) } else { self.stored == self.computed }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_valid() {
            true => write!(f, "{:#010x} (correct)", self.stored),
            false => write!(f, "{:#010x} (expected {:#010x})", self.stored, self.computed),
        }
    }
}

/// The sum of all 32-bit little-endian words but the one at `checksum_offset`; two bytes at the end
/// count as a word. What overflows 32 bits is added once more, and what overflows then is lost.
///
/// `calc_sb_1_csum` and `calc_sb_csum` in `drivers/md/md.c`.
pub(crate) fn sum(bytes: &[u8], checksum_offset: usize) -> u32 {
    let words = bytes.chunks(4).enumerate().filter(|(index, _)| index * 4 != checksum_offset);
    let total: u64 = words.map(|(_, word)| u64::from(u32::from_le_bytes(crate::layout::array(word)))).sum();
    (total as u32).wrapping_add((total >> 32) as u32)
}

/// `md_csum_fold` in `drivers/md/md.c`.
fn fold(sum: u32) -> u32 {
    let once = (sum & 0xffff) + (sum >> 16);
    (once & 0xffff) + (once >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_is_added_once() {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(sum(&words(&[0xffff_ffff, 0xffff_ffff]), 8), 0xffff_ffff);
        assert_eq!(sum(&words(&[0xffff_ffff, 0xffff_ffff, 1]), 12), 0, "the second overflow is lost");
        assert_eq!(sum(&words(&[1, 2, 4]), 4), 5, "the checksum itself does not count");
        assert_eq!(sum(&[1, 0, 0, 0, 2, 1], 8), 0x103, "two bytes at the end count");
    }

    #[test]
    fn a_folded_sum_counts_only_where_the_kernel_folds() {
        let exact = Checksum { stored: 0x0000_579b, computed: 0x1234_4567, folded: false };
        assert!(!exact.is_valid());
        assert!(Checksum { folded: true, ..exact }.is_valid());
        assert!(!Checksum { folded: true, stored: 0x0000_579c, ..exact }.is_valid());
    }
}
