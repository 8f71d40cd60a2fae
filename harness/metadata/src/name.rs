//! Text of a fixed width.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::layout::{Wire, fill};

/// Bytes that user space means as text, such as `set_name`, without the zeros that fill them up.
///
/// Nothing obliges the bytes to be text. What is not printable ASCII shows as an escape (`\x00`), and
/// the recorded form is that same text, so that every byte is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Name(Vec<u8>);

impl Name {
    /// The bytes, without the zeros at the end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Name(bytes[..len].to_vec())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name::from(text.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl From<String> for Name {
    /// Reads the displayed form; a backslash that starts no escape stands for itself.
    fn from(text: String) -> Self {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((byte, used)) = unescape(rest) {
            bytes.push(byte);
            rest = &rest[used..];
        }
        Name::from(bytes.as_slice())
    }
}

/// The first byte that `text` stands for and how much of `text` it took; the reverse of
/// [`u8::escape_ascii`].
fn unescape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [] => None,
        [b'\\', b'x', high, low, ..] => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            match (digit(high), digit(low)) {
                (Some(high), Some(low)) => Some(((high * 16 + low) as u8, 4)),
                _ => Some((b'\\', 1)),
            }
        }
        [b'\\', b'n', ..] => Some((b'\n', 2)),
        [b'\\', b'r', ..] => Some((b'\r', 2)),
        [b'\\', b't', ..] => Some((b'\t', 2)),
        [b'\\', quoted @ (b'\\' | b'\'' | b'"'), ..] => Some((*quoted, 2)),
        [byte, ..] => Some((*byte, 1)),
    }
}

impl Wire for Name {
    fn read(bytes: &[u8]) -> Self {
        Name::from(bytes)
    }

    fn write(&self, bytes: &mut [u8]) {
        fill(bytes, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_behind_the_text_are_shown() {
        assert_eq!(Name::from(&b"host:0\0\0\0"[..]).to_string(), "host:0");
        assert_eq!(Name::from(&b"host:0\0x\0"[..]).to_string(), "host:0\\x00x");
    }

    proptest! {
        #[test]
        fn every_byte_survives_the_text(bytes: Vec<u8>) {
            let name = Name::from(bytes.as_slice());
            prop_assert_eq!(Name::from(String::from(name.clone())), name);
        }
    }
}
