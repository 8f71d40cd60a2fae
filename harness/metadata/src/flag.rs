//! Sets of bits whose names are the kernel's.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of bits, told apart into those with a name and those without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagNames {
    /// All bits as they are stored.
    pub raw: u64,
    /// The kernel's names of the bits that are set, lowest bit first.
    pub names: Vec<Cow<'static, str>>,
    /// The bits that are set and have no name here: a newer kernel's, or damage.
    pub unknown: u64,
}

impl FlagNames {
    pub(crate) fn new(raw: u64, table: &[(u64, &'static str)]) -> Self {
        let set = table.iter().filter(|(bit, _)| raw & bit != 0);
        let known = table.iter().fold(0, |all, (bit, _)| all | bit);
        Self { raw, names: set.map(|(_, name)| Cow::Borrowed(*name)).collect(), unknown: raw & !known }
    }
}

impl fmt::Display for FlagNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.raw)?;
        if self.raw == 0 {
            return Ok(());
        }
        let unknown = (self.unknown != 0).then(|| format!("unknown {:#x}", self.unknown));
        let words: Vec<&str> = self.names.iter().map(AsRef::as_ref).chain(unknown.as_deref()).collect();
        write!(f, " ({})", words.join(" | "))
    }
}

/// Declares a set of bits: its type, one constant per bit, and the bits' names in the kernel.
macro_rules! flags {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident($Bits:ty) {
            $($(#[$doc:meta])* $FLAG:ident = $bit:expr, $kernel:literal;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $Name(
            /// All bits, named or not, as they are stored.
            pub $Bits,
        );

        impl $Name {
            $($(#[$doc])* pub const $FLAG: $Name = $Name($bit);)*

            const NAMES: &[(u64, &'static str)] = &[$(($bit, $kernel)),*];

            /// Whether every bit of `other` is set.
            pub fn contains(self, other: $Name) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits that are set, by the kernel's names.
            pub fn names(self) -> $crate::flag::FlagNames {
                $crate::flag::FlagNames::new(self.0.into(), Self::NAMES)
            }

            /// The view of these bits in a list of fields.
            fn view(&self) -> $crate::field::FieldValue {
                $crate::field::FieldValue::Flags(self.names())
            }
        }

        impl std::ops::BitOr for $Name {
            type Output = $Name;

            fn bitor(self, other: $Name) -> $Name {
                $Name(self.0 | other.0)
            }
        }

        impl $crate::layout::Wire for $Name {
            fn read(bytes: &[u8]) -> Self {
                $Name($crate::layout::Wire::read(bytes))
            }

            fn write(&self, bytes: &mut [u8]) {
                $crate::layout::Wire::write(&self.0, bytes);
            }
        }
    };
}

pub(crate) use flags;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_without_a_name_are_shown() {
        let table = [(1, "ONE"), (4, "FOUR")];
        assert_eq!(FlagNames::new(0, &table).to_string(), "0x0");
        assert_eq!(FlagNames::new(5, &table).to_string(), "0x5 (ONE | FOUR)");
        assert_eq!(FlagNames::new(0x8004, &table).to_string(), "0x8004 (FOUR | unknown 0x8000)");
        assert_eq!(FlagNames::new(2, &table).to_string(), "0x2 (unknown 0x2)");
    }
}
