//! A superblock of any format.

use serde::{Deserialize, Serialize};

use crate::{Checksum, DecodeError, Field, Format, Superblock1, Superblock090, Uuid};

/// A superblock of any format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Superblock {
    /// Format 0.90.
    V090(Box<Superblock090>),
    /// Formats 1.0, 1.1 and 1.2, which differ only in where they lie.
    V1(Box<Superblock1>),
}

impl Superblock {
    /// Reads a superblock of `format` from the start of `bytes`; no more than
    /// [`SUPERBLOCK_BYTES`](crate::SUPERBLOCK_BYTES) are looked at.
    ///
    /// Fails as [`DecodeError`] says if the bytes are no such superblock. A wrong checksum does not fail:
    /// see [`checksum`](Self::checksum).
    pub fn decode(format: Format, bytes: &[u8]) -> Result<Self, DecodeError> {
        match format {
            Format::V090 => Superblock090::decode(bytes).map(|superblock| Superblock::V090(Box::new(superblock))),
            Format::V1_0 | Format::V1_1 | Format::V1_2 => {
                Superblock1::decode(bytes).map(|superblock| Superblock::V1(Box::new(superblock)))
            }
        }
    }

    /// All its bytes exactly as the fields say, valid or not.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Superblock::V090(superblock) => superblock.to_bytes(),
            Superblock::V1(superblock) => superblock.to_bytes(),
        }
    }

    /// All its bytes, with the sum and whatever else follows from other fields set right.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Superblock::V090(superblock) => superblock.encode(),
            Superblock::V1(superblock) => superblock.encode(),
        }
    }

    /// The sum as it is stored and as it should be.
    pub fn checksum(&self) -> Checksum {
        match self {
            Superblock::V090(superblock) => superblock.checksum(),
            Superblock::V1(superblock) => superblock.checksum(),
        }
    }

    /// The array that the device belongs to.
    pub fn uuid(&self) -> Uuid {
        match self {
            Superblock::V090(superblock) => superblock.uuid(),
            Superblock::V1(superblock) => superblock.set_uuid,
        }
    }

    /// How often the array's state has changed.
    pub fn events(&self) -> u64 {
        match self {
            Superblock::V090(superblock) => superblock.events,
            Superblock::V1(superblock) => superblock.events,
        }
    }

    /// Every field in the order of its bytes, named as in `md_p.h`.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Superblock::V090(superblock) => superblock.fields(),
            Superblock::V1(superblock) => superblock.fields(),
        }
    }

    /// What one of its [`fields`](Self::fields) means.
    pub fn meaning(&self, field: &str) -> Option<&'static str> {
        let documented = match self {
            Superblock::V090(_) => Superblock090::meaning(field),
            Superblock::V1(_) => Superblock1::meaning(field),
        };
        documented.or(match field {
            "set_uuid" => Some("The array."),
            "this_disk" => Some("The descriptor of this device."),
            "ppl.offset" => Some("From the superblock to the partial parity log, in sectors."),
            "ppl.size" => Some("The room for the partial parity log, in sectors."),
            "journal_tail" => Some("Where the oldest entry of the journal lies, in sectors from `data_offset`."),
            "dev_roles" => Some("The role of each device, by its `dev_number`."),
            "trailing" => Some("No part of the superblock: it does not count in its sum."),
            _ if field.starts_with("disks[") => Some("The descriptor of one device of the array, by its number."),
            _ => None,
        })
    }
}
