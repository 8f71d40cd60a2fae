//! The bad-block log of version 1, which `bblog_offset` points to.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The low bits of an entry that count blocks.
const LEN_BITS: u32 = 10;

/// One entry of the log: neighbouring blocks that cannot be read.
///
/// A block has `1 << bblog_shift` sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadBlock {
    /// The first block, counted from the start of the device, not of the data (`is_badblock` in
    /// `drivers/md/md.h` adds `data_offset`); 54 bits.
    pub first: u64,
    /// How many blocks; 10 bits. md keeps the count itself, not one less.
    pub len: u16,
}

impl BadBlock {
    /// Reads the log from `bytes`: 64-bit little-endian entries until one of all ones, or the end of
    /// `bytes`. What lies behind that entry does not count; bytes that make no whole entry are skipped.
    ///
    /// `super_1_load` in `drivers/md/md.c`, `examine_badblocks_super1` in mdadm's `super1.c`.
    pub fn decode_log(bytes: &[u8]) -> Vec<BadBlock> {
        bytes
            .chunks_exact(8)
            .map(|raw| u64::from_le_bytes(crate::layout::array(raw)))
            .take_while(|entry| *entry != u64::MAX)
            .map(|entry| BadBlock { first: entry >> LEN_BITS, len: (entry & ((1 << LEN_BITS) - 1)) as u16 })
            .collect()
    }

    /// The sectors it covers, counted from the start of the device; `None` if a number of 64 bits cannot
    /// hold them.
    pub fn sectors(self, bblog_shift: u8) -> Option<Range<u64>> {
        let factor = 1u64.checked_shl(bblog_shift.into())?;
        let start = self.first.checked_mul(factor)?;
        Some(start..start.checked_add(u64::from(self.len).checked_mul(factor)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_follow_the_shift() {
        let block = BadBlock { first: 3, len: 2 };
        assert_eq!(block.sectors(0), Some(3..5));
        assert_eq!(block.sectors(3), Some(24..40));
        assert_eq!(block.sectors(63), None);
        assert_eq!(block.sectors(255), None);
    }

    #[test]
    fn the_log_ends_with_all_ones() {
        let bytes = [[0x08, 0xa0, 0x0f, 0, 0, 0, 0, 0], [0xff; 8], [1; 8]].concat();
        assert_eq!(BadBlock::decode_log(&bytes), [BadBlock { first: 1000, len: 8 }]);
        assert_eq!(BadBlock::decode_log(&bytes[..7]), []);
    }
}
