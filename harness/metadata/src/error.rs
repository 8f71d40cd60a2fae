//! Why bytes are no superblock.

/// The bytes are not the superblock that was looked for. A wrong checksum is no reason: see
/// [`Checksum`](crate::Checksum).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The slice ends before the superblock does.
    #[error("decoding `superblock`: it needs {needed} bytes, and there are {got}")]
    TooShort {
        /// How many bytes the superblock takes.
        needed: usize,
        /// How many there were.
        got: usize,
    },
    /// Another magic number, usually because nothing was ever written here.
    #[error("decoding `magic`: {found:#010x} instead of {expected:#010x}")]
    WrongMagic {
        /// What lies there, read as little-endian.
        found: u32,
        /// What md writes there.
        expected: u32,
    },
    /// A 0.90 superblock that a big-endian machine wrote. Only that format has a byte order of its own;
    /// a little-endian kernel refuses it as well.
    #[error("decoding `magic`: it is byte-swapped, a 0.90 superblock from a big-endian machine")]
    BigEndian,
    /// The magic number of md with another major version than the format that was looked for.
    #[error("decoding `major_version`: {found} instead of {expected}")]
    WrongMajorVersion {
        /// What lies there.
        found: u32,
        /// The major version of the format that was looked for.
        expected: u32,
    },
    /// More devices than fit behind the fixed fields; `super_1_load` in `drivers/md/md.c` refuses it too.
    #[error("decoding `max_dev`: {found} is more than the {limit} that fit")]
    TooManyDevices {
        /// What lies there.
        found: u32,
        /// The most that fit.
        limit: u32,
    },
}
