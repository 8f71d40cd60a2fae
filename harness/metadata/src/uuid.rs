//! The 128 bits that name an array or a device.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::layout::{Wire, array, fill};

/// An identifier, its bytes in the order in which mdadm prints them: `01234567:89abcdef:01234567:89abcdef`.
///
/// Version 1 stores them in that order (`examine_super1` in mdadm's `super1.c`); format 0.90 stores four
/// words of the host's byte order ([`Superblock090::uuid`](crate::Superblock090::uuid)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Uuid(
    /// The bytes, first printed first.
    pub [u8; 16],
);

impl Uuid {
    /// The same identifier with each of its four words byte-swapped.
    ///
    /// The bitmap of a 0.90 array holds a copy of the array's words in the host's byte order, where that
    /// of a 1.x array holds bytes: swap it to compare it with the superblock's.
    pub fn swap_words(self) -> Self {
        let mut bytes = self.0;
        bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        Uuid(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// The text is no identifier in mdadm's form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading `{0}` as a UUID: it is not 32 hexadecimal digits, separated by `:` at most")]
pub struct ParseUuidError(String);

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Option<Vec<u32>> = text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect();
        match digits {
            Some(digits) if digits.len() == 32 => {
                let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
                Ok(Uuid(array(&bytes)))
            }
            _ => Err(ParseUuidError(text.to_owned())),
        }
    }
}

impl From<Uuid> for String {
    fn from(uuid: Uuid) -> Self {
        uuid.to_string()
    }
}

impl TryFrom<String> for Uuid {
    type Error = ParseUuidError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Wire for Uuid {
    fn read(bytes: &[u8]) -> Self {
        Uuid(array(bytes))
    }

    fn write(&self, bytes: &mut [u8]) {
        fill(bytes, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        let text = "01234567:89abcdef:fedcba98:76543210";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.0[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(uuid.to_string(), text);
        assert_eq!(uuid.swap_words().to_string(), "67452301:efcdab89:98badcfe:10325476");
        assert!("01234567".parse::<Uuid>().is_err());
    }
}
