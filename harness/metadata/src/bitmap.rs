//! The head of a write-intent bitmap: `bitmap_super_t` in `drivers/md/md-bitmap.h`.

use crate::field::view::{bytes, name, padding, sectors, unsigned, uuid};
use crate::flag::flags;
use crate::layout::layout;
use crate::{DecodeError, Field, Name, Padding, Uuid};

const LEN: usize = 256;

/// The magic number of every bitmap, the bytes `bitm`: `BITMAP_MAGIC` in `md-bitmap.h`.
pub const BITMAP_MAGIC: u32 = 0x6d74_6962;

flags! {
    /// `state`. The kernel's names are numbers of bits, for `test_bit`.
    pub struct BitmapState(u32) {
        /// The bitmap is out of date or could not be written.
        STALE = 1 << 1, "BITMAP_STALE";
        /// A write of the bitmap failed.
        WRITE_ERROR = 1 << 2, "BITMAP_WRITE_ERROR";
        /// A lockless bitmap was just created; since Linux 6.18.
        FIRST_USE = 1 << 3, "BITMAP_FIRST_USE";
        /// A lockless bitmap was created for an array that counts as clean; since Linux 6.18.
        CLEAN = 1 << 4, "BITMAP_CLEAN";
        /// The daemon of a lockless bitmap has not finished in time; since Linux 6.18.
        DAEMON_BUSY = 1 << 5, "BITMAP_DAEMON_BUSY";
        /// The bits are in the byte order of the host: version 3.
        HOSTENDIAN = 1 << 15, "BITMAP_HOSTENDIAN";
    }
}

layout! {
    /// The first 256 bytes of a write-intent bitmap. It carries no checksum.
    pub struct BitmapSuper [256] {
        /// The bytes `bitm`.
        [0, 4] magic: u32 => crate::field::view::hex;
        /// 3 in the host's byte order, 4 little-endian, 5 in a cluster, 6 lockless (since Linux 6.18).
        [4, 4] version: u32 => unsigned;
        /// The array, in the bytes that the kernel keeps: for format 0.90 see [`Uuid::swap_words`].
        [8, 16] uuid: Uuid => uuid;
        /// The array's event counter when the bitmap was written.
        [24, 8] events: u64 => unsigned;
        /// The event counter when a bit was last cleared.
        [32, 8] events_cleared: u64 => unsigned;
        /// What the bitmap covers, in sectors.
        [40, 8] sync_size: u64 => sectors;
        /// The state of the bitmap.
        [48, 4] state: BitmapState => BitmapState::view;
        /// What one bit covers, in bytes.
        [52, 4] chunksize: u32 => bytes;
        /// Seconds between two flushes.
        [56, 4] daemon_sleep: u32 => unsigned;
        /// How many writes to write-mostly devices may be outstanding.
        [60, 4] write_behind: u32 => unsigned;
        /// The room for the bitmap, in sectors.
        [64, 4] sectors_reserved: u32 => sectors;
        /// The most nodes that the cluster may have.
        [68, 4] nodes: u32 => unsigned;
        /// The cluster that the array belongs to.
        [72, 64] cluster_name: Name => name;
        /// Ought to be zero.
        [136, 120] pad: Padding => padding;
    }
    and {}
}

impl BitmapSuper {
    /// Reads the first 256 of `bytes`.
    ///
    /// Fails with [`DecodeError::TooShort`] or [`DecodeError::WrongMagic`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let too_short = DecodeError::TooShort { needed: LEN, got: bytes.len() };
        let bitmap = Self::read_table(bytes.first_chunk().ok_or(too_short)?);
        match bitmap.magic {
            BITMAP_MAGIC => Ok(bitmap),
            found => Err(DecodeError::WrongMagic { found, expected: BITMAP_MAGIC }),
        }
    }

    /// All 256 bytes exactly as the fields say.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [0; LEN];
        self.write_table(&mut bytes);
        bytes.to_vec()
    }

    /// Every field in the order of its bytes, named as in `md-bitmap.h`.
    pub fn fields(&self) -> Vec<Field> {
        self.table_fields()
    }
}
