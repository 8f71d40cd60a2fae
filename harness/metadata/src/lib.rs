//! md superblocks as values: what lies in the bytes, what should lie there, and what changed.
//!
//! A caller reads the bytes of a superblock from wherever it keeps them and hands them to
//! [`Superblock::decode`] with the [`Format`] it looked for; [`locations`] says where each format would
//! lie on a device of a given size. The decoded value holds every byte that it was given: padding that
//! ought to be zero, bits that no kernel has named yet, a checksum that is wrong. Damage is therefore
//! something to look at, not an error; an error means only that these bytes are no superblock at all.
//!
//! - [`Superblock1`] (formats 1.0, 1.1, 1.2) and [`Superblock090`] are the two layouts.
//! - [`BitmapSuper`] and [`BadBlock`] are what a superblock points to.
//! - `fields()` of each is one ordered view, named as in the kernel's headers; reports print it,
//!   redaction works on its typed values, and [`diff`] compares two of them.
//! - `to_bytes()` writes a value back exactly, faults and all; `encode()` first makes it valid.
//!
//! ```
//! use mdlab_metadata::{Format, Role, Superblock, Superblock1};
//!
//! let dev_roles = vec![Role::Active(0), Role::Active(1)];
//! let mirror = Superblock1 { level: 1, raid_disks: 2, dev_roles, ..Default::default() };
//! let read = Superblock::decode(Format::V1_2, &mirror.encode())?;
//! assert!(read.checksum().is_valid());
//! # Ok::<(), mdlab_metadata::DecodeError>(())
//! ```
//!
//! This crate must not know files, devices, sysfs, ioctls or any command's output: it does no I/O, and
//! what it says depends on its arguments alone. The sources of what it encodes are
//! `include/uapi/linux/raid/md_p.h`, `drivers/md/md.c` and `drivers/md/md-bitmap.h` of Linux, and
//! `super0.c` and `super1.c` of mdadm.

mod badblocks;
mod bitmap;
mod checksum;
mod diff;
mod error;
mod field;
mod flag;
mod format;
mod layout;
mod name;
mod padding;
mod role;
mod superblock;
mod superblock090;
mod superblock1;
mod time;
mod uuid;

pub use badblocks::BadBlock;
pub use bitmap::{BITMAP_MAGIC, BitmapState, BitmapSuper};
pub use checksum::Checksum;
pub use diff::{Change, diff};
pub use error::DecodeError;
pub use field::{Field, FieldValue};
pub use flag::FlagNames;
pub use format::{Format, Location, ParseFormatError, SUPERBLOCK_BYTES, locations};
pub use name::Name;
pub use padding::{Padding, Run};
pub use role::Role;
pub use superblock::Superblock;
pub use superblock1::{DeviceFlags, Features, MAX_DEVICES, Ppl, Superblock1};
pub use superblock090::{ArrayState, DISKS, Disk, DiskState, Superblock090};
pub use time::Time;
pub use uuid::{ParseUuidError, Uuid};

/// The magic number of every md superblock, `MD_SB_MAGIC` in `md_p.h`.
pub const MAGIC: u32 = 0xa92b_4efc;
