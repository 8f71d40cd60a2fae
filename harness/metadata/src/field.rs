//! One view of every structure: its fields in order, each with a typed value.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::role::write_roles;
use crate::{Checksum, Disk, FlagNames, Name, Padding, Role, Time, Uuid};

/// What md writes for "no sector": `MaxSector` in `drivers/md/md.h`.
const MAX_SECTOR: u64 = u64::MAX;

/// One field of a structure on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The kernel's name, such as `resync_offset`.
    pub name: Cow<'static, str>,
    /// The first byte, counted from the start of the structure.
    pub offset: usize,
    /// How many bytes it takes.
    pub width: usize,
    /// What lies there.
    pub value: FieldValue,
}

impl Field {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, offset: usize, width: usize, value: FieldValue) -> Self {
        Field { name: name.into(), offset, width, value }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// What a field holds, with enough type that a caller can tell an identifier or an instant from a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldValue {
    /// A count or a number without a unit of its own.
    Unsigned(u64),
    /// A number that may be negative, such as a RAID level.
    Signed(i64),
    /// Bits whose meaning depends on something else, such as a layout.
    Hex(u64),
    /// A size or a place in sectors of 512 bytes.
    Sectors(u64),
    /// A distance in sectors of 512 bytes, mostly from the superblock.
    Distance(i64),
    /// A size in bytes.
    Bytes(u64),
    /// A size in KiB.
    Kibibytes(u64),
    /// An identifier.
    Uuid(Uuid),
    /// Text from user space.
    Name(Name),
    /// An instant.
    Time(Time),
    /// A set of bits.
    Flags(FlagNames),
    /// The role of each device of version 1.
    Roles(Vec<Role>),
    /// The descriptor of one device of format 0.90.
    Disk(Disk),
    /// The sum over the superblock, and whether it is right.
    Checksum(Checksum),
    /// Bytes that ought to be zero.
    Padding(Padding),
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::Unsigned(value) => value.fmt(f),
            FieldValue::Signed(value) => value.fmt(f),
            FieldValue::Hex(value) => write!(f, "{value:#x}"),
            FieldValue::Sectors(MAX_SECTOR) => f.write_str("MaxSector"),
            FieldValue::Sectors(value) => write!(f, "{value} sectors"),
            FieldValue::Distance(value) => write!(f, "{value:+} sectors"),
            FieldValue::Bytes(value) => write!(f, "{value} bytes"),
            FieldValue::Kibibytes(value) => write!(f, "{value} KiB"),
            FieldValue::Uuid(value) => value.fmt(f),
            FieldValue::Name(value) => value.fmt(f),
            FieldValue::Time(value) => value.fmt(f),
            FieldValue::Flags(value) => value.fmt(f),
            FieldValue::Roles(roles) => write_roles(f, roles),
            FieldValue::Disk(value) => value.fmt(f),
            FieldValue::Checksum(value) => value.fmt(f),
            FieldValue::Padding(value) => value.fmt(f),
        }
    }
}

/// From a stored number or value to its view; the tables name one of these in each row.
pub(crate) mod view {
    use super::{FieldValue, Name, Padding, Time, Uuid};

    macro_rules! from_number {
        ($($view:ident: $Variant:ident($Number:ty);)*) => {$(
            pub(crate) fn $view<T: Copy + Into<$Number>>(value: &T) -> FieldValue {
                FieldValue::$Variant((*value).into())
            }
        )*};
    }

    from_number! {
        unsigned: Unsigned(u64);
        signed: Signed(i64);
        hex: Hex(u64);
        sectors: Sectors(u64);
        distance: Distance(i64);
        bytes: Bytes(u64);
        kibibytes: Kibibytes(u64);
        uuid: Uuid(Uuid);
        time: Time(Time);
    }

    /// Format 0.90 stores whole seconds in 32 bits.
    pub(crate) fn seconds(value: &u32) -> FieldValue {
        FieldValue::Time(Time { seconds: (*value).into(), micros: 0 })
    }

    pub(crate) fn name(value: &Name) -> FieldValue {
        FieldValue::Name(value.clone())
    }

    pub(crate) fn padding(value: &Padding) -> FieldValue {
        FieldValue::Padding(value.clone())
    }
}
