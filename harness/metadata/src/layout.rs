//! One table per on-disk structure, from which its type, its reading, its writing and its view come.

/// A value that lies in a fixed number of bytes, little-endian where it is a number.
///
/// Both directions accept a slice of any length: what is missing reads as zero, what is left over is
/// written as zero. A table that does this by accident is not written back as it was read, which the tests see.
pub(crate) trait Wire {
    fn read(bytes: &[u8]) -> Self;
    fn write(&self, bytes: &mut [u8]);
}

/// The first `N` bytes, filled up with zeros.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    fill(&mut array, bytes);
    array
}

/// Copies as much of `from` as fits into `to`, and zeros behind it.
pub(crate) fn fill(to: &mut [u8], from: &[u8]) {
    for (index, byte) in to.iter_mut().enumerate() {
        *byte = from.get(index).copied().unwrap_or(0);
    }
}

macro_rules! number {
    ($($Type:ty),*) => {$(
        impl Wire for $Type {
            fn read(bytes: &[u8]) -> Self {
                <$Type>::from_le_bytes(array(bytes))
            }

            fn write(&self, bytes: &mut [u8]) {
                fill(bytes, &self.to_le_bytes());
            }
        }
    )*};
}

number!(u8, u16, u32, u64, i32);

/// Declares a structure as rows of `[offset, width] field: Type => view`, and after `and` the parts
/// that lie behind the table and are read by hand.
///
/// The rows must follow each other without a gap up to the length: anything else does not compile.
macro_rules! layout {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident [$len:literal] {
            $($(#[doc = $doc:literal])* [$offset:literal, $width:literal] $field:ident: $Type:ty => $view:expr;)*
        }
        and {
            $($(#[$part_doc:meta])* $part:ident: $Part:ty;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $Name {
            $($(#[doc = $doc])* pub $field: $Type,)*
            $($(#[$part_doc])* pub $part: $Part,)*
        }

        const _: () = {
            let mut end = 0;
            $(
                assert!($offset == end, concat!("gap or overlap before ", stringify!($field)));
                end += $width;
            )*
            assert!(end == $len);
        };

        impl $Name {
            /// The rows of the table; what lies behind it stays at its default.
            fn read_table(bytes: &[u8; $len]) -> Self {
                Self {
                    $($field: $crate::layout::Wire::read(&bytes[$offset..$offset + $width]),)*
                    $($part: Default::default(),)*
                }
            }

            fn write_table(&self, bytes: &mut [u8; $len]) {
                $($crate::layout::Wire::write(&self.$field, &mut bytes[$offset..$offset + $width]);)*
            }

            /// What the field of this name means: its documentation.
            pub fn meaning(name: &str) -> Option<&'static str> {
                $(if name == stringify!($field) {
                    return Some(concat!($($doc),*).trim_ascii());
                })*
                None
            }

            fn table_fields(&self) -> Vec<$crate::field::Field> {
                vec![$($crate::field::Field::new(stringify!($field), $offset, $width, $view(&self.$field)),)*]
            }
        }
    };
}

pub(crate) use layout;
