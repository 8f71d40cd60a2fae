//! What mdadm writes beside a superblock: the bitmap, the first block of a write journal, an empty partial parity log.

use mdlab_metadata::{BitmapSuper, Uuid};

use super::geometry::PPL_SECTORS;
use super::superblock::bitmap_bytes;

/// Bytes of a block of each.
const BLOCK: usize = 4096;

/// `struct r5l_meta_block` of include/uapi/linux/raid/md_p.h: R5LOG_MAGIC, R5LOG_VERSION, and its length.
const R5LOG_MAGIC: u32 = 0x6433_c509;
const R5LOG_VERSION: u8 = 1;
const R5LOG_LENGTH: u32 = 32;

/// `struct ppl_header`: the reserved bytes at its start, and where its signature and its checksum lie.
const PPL_RESERVED: usize = 512;
const PPL_SIGNATURE: usize = 512;
const PPL_CHECKSUM: usize = 532;

/// `write_bitmap1`: all bits set, so that a first assembly resyncs everything.
pub(super) fn bitmap(head: &BitmapSuper) -> Vec<u8> {
    let mut bytes = vec![0xff; bitmap_bytes(head) as usize];
    let head = head.to_bytes();
    bytes[..head.len()].copy_from_slice(&head);
    bytes
}

/// `write_empty_r5l_meta_block`.
pub(super) fn empty_meta_block(array: Uuid, sequence: u32) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    put(&mut block, 0, &R5LOG_MAGIC.to_le_bytes());
    block[8] = R5LOG_VERSION;
    put(&mut block, 12, &R5LOG_LENGTH.to_le_bytes());
    put(&mut block, 16, &u64::from(sequence).to_le_bytes());
    let sum = crc32c(crc32c(!0, &array.0), &block);
    put(&mut block, 4, &sum.to_le_bytes());
    block
}

/// `write_init_ppl1`: the whole log, zeros behind a header.
pub(super) fn empty_ppl(array: Uuid) -> Vec<u8> {
    let mut log = vec![0; PPL_SECTORS as usize * 512];
    log[..PPL_RESERVED].fill(0xff);
    put(&mut log, PPL_SIGNATURE, &(!crc32c(!0, &array.0)).to_le_bytes());
    let sum = !crc32c(!0, &log[..BLOCK]);
    put(&mut log, PPL_CHECKSUM, &sum.to_le_bytes());
    log
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// `crc32c_le`: the Castagnoli polynomial, without the usual inversions.
fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_castagnolis() {
        // The check value of CRC-32C.
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
    }

    /// Of arrays that mdadm 4.2 made: what is random in them keeps a scenario from comparing these.
    #[test]
    fn sums_are_those_of_mdadm() {
        let log = empty_ppl(Uuid(0x57c1_85b1_323f_b4d3_25bd_b044_3389_2146_u128.to_be_bytes()));
        assert_eq!(log[PPL_SIGNATURE..][..4], [0xac, 0x84, 0x89, 0xf0]);
        assert_eq!(log[PPL_CHECKSUM..][..4], [0x7d, 0xb2, 0xe5, 0x78]);
        let array = Uuid(0x01a8_554a_216c_ef83_04d1_e1e9_ebac_63f2_u128.to_be_bytes());
        assert_eq!(empty_meta_block(array, 0xa7c1_462b)[4..8], [0x94, 0x41, 0x15, 0x4e]);
    }

    #[test]
    fn blocks_begin_with_their_heads() {
        let head = BitmapSuper { sync_size: 20480, chunksize: 64 << 20, ..BitmapSuper::default() };
        let bytes = bitmap(&head);
        assert_eq!((bytes.len(), &bytes[..256], bytes[256]), (4096, &head.to_bytes()[..], 0xff));
        let block = empty_meta_block(Uuid([7; 16]), 9);
        assert_eq!((&block[..4], block[8], block[12], block[16]), (&[0x09, 0xc5, 0x33, 0x64][..], 1, 32, 9));
        let log = empty_ppl(Uuid([7; 16]));
        assert_eq!((log.len(), log[511], &log[516..532]), (1 << 20, 0xff, &[0; 16][..]));
        assert!(log[536..].iter().all(|byte| *byte == 0));
    }
}
