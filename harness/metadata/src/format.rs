//! The four formats, and where each keeps its superblock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The bytes that hold a superblock and nothing else that md reads with it: `MD_SB_BYTES` in `md_p.h`,
/// and the page that `super_1_load` reads.
pub const SUPERBLOCK_BYTES: usize = 4096;

/// What format 0.90 keeps free at the end of a device, in bytes: `MD_RESERVED_BYTES` in `md_p.h`.
const RESERVED_090: u64 = 64 * 1024;

const SECTOR: u64 = 512;

/// A superblock format. The three formats of version 1 have the same layout and differ only in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Format {
    /// 0.90: in the last 64 to 128 KiB of the device, in the byte order of the machine that wrote it.
    #[serde(rename = "0.90")]
    V090,
    /// 1.0: 8 to 12 KiB before the end of the device.
    #[serde(rename = "1.0")]
    V1_0,
    /// 1.1: at the start of the device.
    #[serde(rename = "1.1")]
    V1_1,
    /// 1.2: 4 KiB after the start of the device.
    #[serde(rename = "1.2")]
    V1_2,
}

impl Format {
    /// Every format, in the order of their numbers.
    pub const ALL: [Format; 4] = [Format::V090, Format::V1_0, Format::V1_1, Format::V1_2];

    /// Where this format's superblock starts, in bytes, on a device of `device_bytes`; `None` if the
    /// device is too small to hold it.
    ///
    /// `MD_NEW_SIZE_SECTORS` in `md_p.h` for 0.90, `super_1_load` in `drivers/md/md.c` for the others.
    pub fn offset(self, device_bytes: u64) -> Option<u64> {
        let offset = match self {
            Format::V090 => (device_bytes & !(RESERVED_090 - 1)).checked_sub(RESERVED_090)?,
            Format::V1_0 => ((device_bytes / SECTOR).checked_sub(16)? & !7) * SECTOR,
            Format::V1_1 => 0,
            Format::V1_2 => 4096,
        };
        (offset + SUPERBLOCK_BYTES as u64 <= device_bytes).then_some(offset)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::V090 => "0.90",
            Format::V1_0 => "1.0",
            Format::V1_1 => "1.1",
            Format::V1_2 => "1.2",
        })
    }
}

/// The text names no superblock format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading `{0}` as a superblock format: it is none of `0.90`, `1.0`, `1.1`, `1.2`")]
pub struct ParseFormatError(String);

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Format::ALL
            .into_iter()
            .find(|format| format.to_string() == text)
            .ok_or_else(|| ParseFormatError(text.to_owned()))
    }
}

/// Where one format's superblock lies on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The format that would lie here.
    pub format: Format,
    /// The first byte, counted from the start of the device.
    pub offset: u64,
    /// How many bytes to read for [`Superblock::decode`](crate::Superblock::decode).
    pub len: usize,
}

/// Where each format's superblock lies on a device of `device_bytes`. A format that the device is too
/// small for is left out.
pub fn locations(device_bytes: u64) -> Vec<Location> {
    Format::ALL
        .into_iter()
        .filter_map(|format| Some(Location { format, offset: format.offset(device_bytes)?, len: SUPERBLOCK_BYTES }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(device_bytes: u64) -> Vec<(String, u64)> {
        locations(device_bytes).into_iter().map(|found| (found.format.to_string(), found.offset)).collect()
    }

    fn expected(list: &[(&str, u64)]) -> Vec<(String, u64)> {
        list.iter().map(|(format, offset)| ((*format).to_owned(), *offset)).collect()
    }

    #[test]
    fn every_format_has_a_place_on_a_large_device() {
        let places = [("0.90", 33_488_896), ("1.0", 33_546_240), ("1.1", 0), ("1.2", 4096)];
        assert_eq!(offsets(32 * 1024 * 1024), expected(&places));
    }

    #[test]
    fn odd_sizes_are_rounded_down() {
        let size = 10 * 1024 * 1024 + 5 * 1024 + 511;
        assert_eq!(Format::V090.offset(size), Some(10 * 1024 * 1024 - 65536));
        assert_eq!(Format::V1_0.offset(size), Some(10 * 1024 * 1024 - 4096));
    }

    #[test]
    fn small_devices_leave_formats_out() {
        assert_eq!(offsets(0), []);
        assert_eq!(offsets(4095), []);
        assert_eq!(offsets(4096), expected(&[("1.1", 0)]));
        assert_eq!(offsets(8192), expected(&[("1.0", 0), ("1.1", 0), ("1.2", 4096)]));
        assert_eq!(offsets(65535).len(), 3);
        assert_eq!(offsets(65536).len(), 4);
        assert_eq!(offsets(u64::MAX).len(), 4);
    }

    #[test]
    fn names_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{format}\""));
        }
        assert!("1.3".parse::<Format>().is_err());
    }
}
