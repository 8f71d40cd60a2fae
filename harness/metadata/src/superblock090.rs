//! The layout of format 0.90: `mdp_superblock_s` in `md_p.h`.

use std::fmt;

use crate::field::view::{bytes, hex, kibibytes, padding, seconds, sectors, signed, unsigned};
use crate::flag::flags;
use crate::layout::{array, layout};
use crate::{Checksum, DecodeError, Field, FieldValue, MAGIC, Padding, SUPERBLOCK_BYTES, Uuid};

/// The bytes before the descriptors.
const TABLE: usize = 512;
const DISK: usize = 128;
const THIS_DISK: usize = TABLE + DISKS * DISK;
const MAJOR: u32 = 0;
const CHECKSUM_OFFSET: usize = 152;

/// How many devices format 0.90 can describe: `MD_SB_DISKS`.
pub const DISKS: usize = 27;

flags! {
    /// `state`: the state of the array.
    pub struct ArrayState(u32) {
        /// The array was stopped, or idle, with all devices in sync.
        CLEAN = 1 << 0, "MD_SB_CLEAN";
        /// Named in the header; md does not read it.
        ERRORS = 1 << 1, "MD_SB_ERRORS";
        /// The array belongs to a cluster.
        CLUSTERED = 1 << 5, "MD_SB_CLUSTERED";
        /// A bitmap lies behind the superblock.
        BITMAP_PRESENT = 1 << 8, "MD_SB_BITMAP_PRESENT";
    }
}

flags! {
    /// The state of one device.
    pub struct DiskState(u32) {
        /// Failed.
        FAULTY = 1 << 0, "MD_DISK_FAULTY";
        /// Has a place in the array.
        ACTIVE = 1 << 1, "MD_DISK_ACTIVE";
        /// Holds what the array holds.
        SYNC = 1 << 2, "MD_DISK_SYNC";
        /// Is not there.
        REMOVED = 1 << 3, "MD_DISK_REMOVED";
        /// Is being added across a cluster.
        CLUSTER_ADD = 1 << 4, "MD_DISK_CLUSTER_ADD";
        /// Is a spare until a cluster confirms it.
        CANDIDATE = 1 << 5, "MD_DISK_CANDIDATE";
        /// Read from another device where possible.
        WRITE_MOSTLY = 1 << 9, "MD_DISK_WRITEMOSTLY";
        /// Fail at once instead of trying again.
        FAIL_FAST = 1 << 10, "MD_DISK_FAILFAST";
        /// The write journal.
        JOURNAL = 1 << 18, "MD_DISK_JOURNAL";
    }
}

layout! {
    /// The descriptor of one device: `mdp_disk_t`.
    pub struct Disk [128] {
        /// Its number among all devices of the array.
        [0, 4] number: u32 => unsigned;
        /// The major number of its device node when the superblock was written.
        [4, 4] major: u32 => unsigned;
        /// The minor number of its device node when the superblock was written.
        [8, 4] minor: u32 => unsigned;
        /// Its place in the array.
        [12, 4] raid_disk: u32 => unsigned;
        /// Its state.
        [16, 4] state: DiskState => DiskState::view;
        /// Ought to be zero.
        [20, 108] reserved: Padding => padding;
    }
    and {}
}

impl fmt::Display for Disk {
    /// All fields on one line, the padding only if it is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            self.table_fields().into_iter().filter(|field| field.name != "reserved" || !self.reserved.is_zero());
        let words: Vec<String> = shown.map(|field| format!("{} {}", field.name, field.value)).collect();
        f.write_str(&words.join(", "))
    }
}

layout! {
    /// A superblock of format 0.90, as a little-endian machine writes it.
    ///
    /// [`to_bytes`](Self::to_bytes) writes all of it as it stands; [`seal`](Self::seal) sets the fields
    /// that follow from others.
    pub struct Superblock090 [512] {
        /// [`MAGIC`].
        [0, 4] md_magic: u32 => hex;
        /// 0.
        [4, 4] major_version: u32 => unsigned;
        /// 90, or 91 while the array is reshaped.
        [8, 4] minor_version: u32 => unsigned;
        /// The patch level; mdadm writes 0.
        [12, 4] patch_version: u32 => unsigned;
        /// Unused.
        [16, 4] gvalid_words: u32 => unsigned;
        /// The array, first word; see [`uuid`](Self::uuid).
        [20, 4] set_uuid0: u32 => hex;
        /// When the array was created, in seconds since 1970.
        [24, 4] ctime: u32 => seconds;
        /// The RAID level; -1 is linear, -4 was multipath.
        [28, 4] level: i32 => signed;
        /// What the array uses of each device, in KiB.
        [32, 4] size: u32 => kibibytes;
        /// How many devices the array has.
        [36, 4] nr_disks: u32 => unsigned;
        /// How many devices the array has when it is whole.
        [40, 4] raid_disks: u32 => unsigned;
        /// The minor number that the array would like to have.
        [44, 4] md_minor: u32 => unsigned;
        /// 0.
        [48, 4] not_persistent: u32 => unsigned;
        /// The array, second word.
        [52, 4] set_uuid1: u32 => hex;
        /// The array, third word.
        [56, 4] set_uuid2: u32 => hex;
        /// The array, fourth word.
        [60, 4] set_uuid3: u32 => hex;
        /// Ought to be zero.
        [64, 64] gstate_creserved: Padding => padding;
        /// When the superblock was last written, in seconds since 1970.
        [128, 4] utime: u32 => seconds;
        /// The state of the array.
        [132, 4] state: ArrayState => ArrayState::view;
        /// How many devices are in sync.
        [136, 4] active_disks: u32 => unsigned;
        /// How many devices have not failed.
        [140, 4] working_disks: u32 => unsigned;
        /// How many devices have failed or are missing.
        [144, 4] failed_disks: u32 => unsigned;
        /// How many devices have no place in the array.
        [148, 4] spare_disks: u32 => unsigned;
        /// The sum as it is stored; [`checksum`](Self::checksum) says whether it is right.
        [152, 4] sb_csum: u32 => hex;
        /// Counts the changes of the array's state: `events_lo` and `events_hi`, whose order is that of
        /// the writer's byte order, so that they read as one number.
        [156, 8] events: u64 => unsigned;
        /// `events` when `recovery_cp` was written: `cp_events_lo` and `cp_events_hi`.
        [164, 8] cp_events: u64 => unsigned;
        /// How far a resync had come, in sectors; holds only if `cp_events` equals `events`.
        [172, 4] recovery_cp: u32 => sectors;
        /// How far a reshape has come, in sectors of the array. This field and those up to `new_chunk`
        /// hold only if `minor_version` is 91.
        [176, 8] reshape_position: u64 => sectors;
        /// The level that a reshape leads to.
        [184, 4] new_level: i32 => signed;
        /// By how many devices a reshape changes `raid_disks`.
        [188, 4] delta_disks: i32 => signed;
        /// The layout that a reshape leads to.
        [192, 4] new_layout: u32 => hex;
        /// The chunk that a reshape leads to, in bytes.
        [196, 4] new_chunk: u32 => bytes;
        /// Ought to be zero.
        [200, 56] gstate_sreserved: Padding => padding;
        /// The level's own arrangement of data.
        [256, 4] layout: u32 => hex;
        /// In bytes, where version 1 counts sectors.
        [260, 4] chunk_size: u32 => bytes;
        /// Unused.
        [264, 4] root_pv: u32 => unsigned;
        /// Unused.
        [268, 4] root_block: u32 => unsigned;
        /// Ought to be zero.
        [272, 240] pstate_reserved: Padding => padding;
    }
    and {
        /// The devices, by their number.
        disks: [Disk; DISKS];
        /// The device that holds this superblock.
        this_disk: Disk;
    }
}

impl Superblock090 {
    /// Reads the first [`SUPERBLOCK_BYTES`] of `bytes`.
    ///
    /// Fails as [`DecodeError`] says on bytes that are no superblock of format 0.90, or one from a
    /// big-endian machine.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let too_short = DecodeError::TooShort { needed: SUPERBLOCK_BYTES, got: bytes.len() };
        let bytes: &[u8; SUPERBLOCK_BYTES] = bytes.first_chunk().ok_or(too_short)?;
        let mut superblock = Self::read_table(&array(bytes));
        if superblock.md_magic == MAGIC.swap_bytes() {
            return Err(DecodeError::BigEndian);
        }
        if superblock.md_magic != MAGIC {
            return Err(DecodeError::WrongMagic { found: superblock.md_magic, expected: MAGIC });
        }
        if superblock.major_version != MAJOR {
            return Err(DecodeError::WrongMajorVersion { found: superblock.major_version, expected: MAJOR });
        }
        for (disk, raw) in superblock.disks_mut().zip(bytes[TABLE..].chunks_exact(DISK)) {
            *disk = Disk::read_table(&array(raw));
        }
        Ok(superblock)
    }

    /// All [`SUPERBLOCK_BYTES`] exactly as the fields say, valid or not.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut table = [0; TABLE];
        self.write_table(&mut table);
        let mut bytes = table.to_vec();
        for disk in self.disks.iter().chain([&self.this_disk]) {
            let mut raw = [0; DISK];
            disk.write_table(&mut raw);
            bytes.extend(raw);
        }
        bytes
    }

    /// Makes the superblock valid: sets the magic number, the major version and the sum.
    pub fn seal(&mut self) {
        self.md_magic = MAGIC;
        self.major_version = MAJOR;
        self.sb_csum = self.checksum().computed;
    }

    /// All [`SUPERBLOCK_BYTES`] of the sealed superblock.
    pub fn encode(&self) -> Vec<u8> {
        let mut sealed = self.clone();
        sealed.seal();
        sealed.to_bytes()
    }

    /// The sum as it is stored and as it should be: `calc_sb_csum`.
    pub fn checksum(&self) -> Checksum {
        let computed = crate::checksum::sum(&self.to_bytes(), CHECKSUM_OFFSET);
        Checksum { stored: self.sb_csum, computed, folded: true }
    }

    /// The array, as mdadm prints it: the four words, most significant byte first.
    pub fn uuid(&self) -> Uuid {
        let words = [self.set_uuid0, self.set_uuid1, self.set_uuid2, self.set_uuid3];
        Uuid(array(words.map(u32::to_be_bytes).as_flattened()))
    }

    /// Every field in the order of its bytes, but for the UUID: its four words, which do not lie
    /// together, are one field `set_uuid` in the place of the first.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = self.table_fields();
        fields.retain(|field| !matches!(field.name.as_ref(), "set_uuid1" | "set_uuid2" | "set_uuid3"));
        for field in &mut fields {
            match field.name.as_ref() {
                "set_uuid0" => {
                    field.name = "set_uuid".into();
                    field.value = FieldValue::Uuid(self.uuid());
                }
                "sb_csum" => field.value = FieldValue::Checksum(self.checksum()),
                _ => {}
            }
        }
        fields.extend(self.disks.iter().enumerate().map(|(number, disk)| {
            Field::new(format!("disks[{number}]"), TABLE + number * DISK, DISK, FieldValue::Disk(disk.clone()))
        }));
        fields.push(Field::new("this_disk", THIS_DISK, DISK, FieldValue::Disk(self.this_disk.clone())));
        fields
    }

    fn disks_mut(&mut self) -> impl Iterator<Item = &mut Disk> {
        self.disks.iter_mut().chain([&mut self.this_disk])
    }
}
