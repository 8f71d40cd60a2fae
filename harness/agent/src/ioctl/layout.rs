//! Structures as lists of named fields, decoded from their bytes.

use mdlab_protocol::Value;

use crate::trace::flag_set;

/// The layout of an argument.
#[derive(Debug)]
pub(super) enum Shape {
    /// One value.
    One(Field),
    /// A structure: fields in the kernel's order, under the kernel's names.
    Struct(&'static [(&'static str, Field)]),
}

/// One field. All are little endian.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    U8,
    U16,
    U32,
    I32,
    U64,
    /// A number that reads best in hexadecimal.
    Hex64,
    /// Bits of 32 with names.
    Flags32(&'static [(u64, &'static str)]),
    /// One of several numbers with names.
    Choice32(&'static [(u64, &'static str)]),
    /// Text that ends at its first zero.
    Text(usize),
    /// Bytes that are left out: padding, reserved fields, keys.
    Skip(usize),
}

impl Field {
    pub(super) const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 | Self::I32 | Self::Flags32(_) | Self::Choice32(_) => 4,
            Self::U64 | Self::Hex64 => 8,
            Self::Text(size) | Self::Skip(size) => size,
        }
    }

    /// The value, `None` if there is none to show.
    fn decode(self, bytes: &[u8]) -> Option<Value> {
        let number = || bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        Some(match self {
            Self::U8 | Self::U16 | Self::U32 => Value::Int(number() as i64),
            Self::I32 => Value::Int(i64::from(number() as i32)),
            // Sizes and offsets never use the highest bit; what does is no number to people.
            Self::U64 => i64::try_from(number()).map_or_else(|_| Value::Hex(number()), Value::Int),
            Self::Hex64 => Value::Hex(number()),
            Self::Flags32(names) => flag_set(names, number()),
            Self::Choice32(names) => match names.iter().find(|(value, _)| *value == number()) {
                Some((_, name)) => Value::Symbol((*name).into()),
                None => Value::Int(number() as i64),
            },
            Self::Text(_) => {
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                Value::Text(String::from_utf8_lossy(&bytes[..end]).into_owned())
            }
            Self::Skip(_) => return None,
        })
    }
}

impl Shape {
    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::One(field) => field.size(),
            Self::Struct(fields) => fields.iter().map(|(_, field)| field.size()).sum(),
        }
    }

    /// Decodes as much as the bytes hold.
    pub(super) fn decode(&self, bytes: &[u8]) -> Value {
        match self {
            Self::One(field) => field.decode(bytes).unwrap_or(Value::Int(0)),
            Self::Struct(fields) => {
                let mut rest = bytes;
                let mut values = Vec::new();
                for (name, field) in *fields {
                    let Some((own, after)) = rest.split_at_checked(field.size()) else { break };
                    rest = after;
                    values.extend(field.decode(own).map(|value| ((*name).to_owned(), value)));
                }
                Value::Fields(values)
            }
        }
    }
}

/// A device number in the encoding of user space, 12 bits of major and 20 of minor (`new_decode_dev` of the kernel).
pub(crate) fn device(number: u64) -> Value {
    let major = (number >> 8 & 0xfff) as u32;
    let minor = (number & 0xff | number >> 12 & 0xf_ff00) as u32;
    Value::Device { major, minor }
}
