//! The layout of formats 1.0, 1.1 and 1.2: `struct mdp_superblock_1` in `md_p.h`.

use serde::{Deserialize, Serialize};

use crate::field::view::{distance, hex, name, padding, sectors, signed, time, unsigned, uuid};
use crate::flag::flags;
use crate::layout::{Wire, array, layout};
use crate::{Checksum, DecodeError, Field, FieldValue, MAGIC, Name, Padding, Role, SUPERBLOCK_BYTES, Time, Uuid};

/// The bytes before the roles.
const TABLE: usize = 256;
const MAJOR: u32 = 1;
const CHECKSUM_OFFSET: usize = 216;

/// How many roles fit into [`SUPERBLOCK_BYTES`]: `super_1_load` refuses more.
pub const MAX_DEVICES: usize = (SUPERBLOCK_BYTES - TABLE) / 2;

flags! {
    /// `feature_map`. A kernel refuses a superblock with a bit that it does not know.
    pub struct Features(u32) {
        /// `bitmap_offset` holds.
        BITMAP_OFFSET = 1, "MD_FEATURE_BITMAP_OFFSET";
        /// `recovery_offset` holds.
        RECOVERY_OFFSET = 2, "MD_FEATURE_RECOVERY_OFFSET";
        /// `reshape_position`, `delta_disks` and the `new_` fields hold.
        RESHAPE_ACTIVE = 4, "MD_FEATURE_RESHAPE_ACTIVE";
        /// The bad-block log is not empty.
        BAD_BLOCKS = 8, "MD_FEATURE_BAD_BLOCKS";
        /// The device is replacing an active one with the same role.
        REPLACEMENT = 16, "MD_FEATURE_REPLACEMENT";
        /// A reshape that keeps the number of devices goes backwards.
        RESHAPE_BACKWARDS = 32, "MD_FEATURE_RESHAPE_BACKWARDS";
        /// `new_offset` holds.
        NEW_OFFSET = 64, "MD_FEATURE_NEW_OFFSET";
        /// The recovery is guided by the bitmap.
        RECOVERY_BITMAP = 128, "MD_FEATURE_RECOVERY_BITMAP";
        /// The array belongs to a cluster.
        CLUSTERED = 256, "MD_FEATURE_CLUSTERED";
        /// The array has a write journal.
        JOURNAL = 512, "MD_FEATURE_JOURNAL";
        /// The array has a partial parity log.
        PPL = 1024, "MD_FEATURE_PPL";
        /// The array has several partial parity logs.
        MULTIPLE_PPLS = 2048, "MD_FEATURE_MULTIPLE_PPLS";
        /// `layout` holds for RAID 0, since Linux 5.4.
        RAID0_LAYOUT = 4096, "MD_FEATURE_RAID0_LAYOUT";
    }
}

flags! {
    /// `devflags`: what holds for this device alone.
    pub struct DeviceFlags(u8) {
        /// Read from another device where possible.
        WRITE_MOSTLY = 1, "WriteMostly1";
        /// Fail at once instead of trying again.
        FAIL_FAST = 2, "FailFast1";
    }
}

layout! {
    /// A superblock of version 1. Sectors are of 512 bytes.
    ///
    /// [`to_bytes`](Self::to_bytes) writes all of it as it stands; [`seal`](Self::seal) sets the fields
    /// that follow from others.
    pub struct Superblock1 [256] {
        /// [`MAGIC`].
        [0, 4] magic: u32 => hex;
        /// 1.
        [4, 4] major_version: u32 => unsigned;
        /// Which of the fields below hold.
        [8, 4] feature_map: Features => Features::view;
        /// Ought to be zero.
        [12, 4] pad0: Padding => padding;
        /// The array.
        [16, 16] set_uuid: Uuid => uuid;
        /// The array's name, by convention `host:name`.
        [32, 32] set_name: Name => name;
        /// When the array was created.
        [64, 8] ctime: Time => time;
        /// The RAID level; -1 is linear, -4 was multipath.
        [72, 4] level: i32 => signed;
        /// The level's own arrangement of data.
        [76, 4] layout: u32 => hex;
        /// What the array uses of each device, in sectors.
        [80, 8] size: u64 => sectors;
        /// In sectors.
        [88, 4] chunksize: u32 => sectors;
        /// How many devices the array has when it is whole.
        [92, 4] raid_disks: u32 => unsigned;
        /// From the superblock to the bitmap, in sectors. With a partial parity log, [`Ppl`] lies here.
        [96, 4] bitmap_offset: i32 => distance;
        /// The level that a reshape leads to.
        [100, 4] new_level: i32 => signed;
        /// How far a reshape has come, in sectors of the array.
        [104, 8] reshape_position: u64 => sectors;
        /// By how many devices a reshape changes `raid_disks`.
        [112, 4] delta_disks: i32 => signed;
        /// The layout that a reshape leads to.
        [116, 4] new_layout: u32 => hex;
        /// The chunk that a reshape leads to, in sectors.
        [120, 4] new_chunk: u32 => sectors;
        /// By how many sectors a reshape moves `data_offset`.
        [124, 4] new_offset: i32 => distance;
        /// Where the data starts, in sectors from the start of the device.
        [128, 8] data_offset: u64 => sectors;
        /// What could be used for data, in sectors.
        [136, 8] data_size: u64 => sectors;
        /// Where this superblock lies, in sectors from the start of the device.
        [144, 8] super_offset: u64 => sectors;
        /// How far this device is recovered, in sectors from `data_offset`. On a journal, its tail.
        [152, 8] recovery_offset: u64 => sectors;
        /// Which entry of `dev_roles` is this device's.
        [160, 4] dev_number: u32 => unsigned;
        /// How many read errors were corrected by writing again.
        [164, 4] cnt_corrected_read: u32 => unsigned;
        /// The device; set and used by user space alone.
        [168, 16] device_uuid: Uuid => uuid;
        /// What holds for this device alone.
        [184, 1] devflags: DeviceFlags => DeviceFlags::view;
        /// The bad-block log counts in blocks of `1 << bblog_shift` sectors.
        [185, 1] bblog_shift: u8 => unsigned;
        /// The room for the bad-block log, in sectors.
        [186, 2] bblog_size: u16 => sectors;
        /// From the superblock to the bad-block log, in sectors; 0 without a log.
        [188, 4] bblog_offset: i32 => distance;
        /// When the superblock was last written.
        [192, 8] utime: Time => time;
        /// Counts the changes of the array's state.
        [200, 8] events: u64 => unsigned;
        /// How far the array is in sync, in sectors from `data_offset`; `u64::MAX` when it is clean.
        [208, 8] resync_offset: u64 => sectors;
        /// The sum as it is stored; [`checksum`](Self::checksum) says whether it is right.
        [216, 4] sb_csum: u32 => hex;
        /// How many entries `dev_roles` has.
        [220, 4] max_dev: u32 => unsigned;
        /// The array's logical block in bytes, or 0. Since Linux 6.19 (commit 62ed1b582246); padding
        /// before, and an older kernel refuses the device if it is not zero.
        [224, 4] logical_block_size: u32 => crate::field::view::bytes;
        /// Ought to be zero.
        [228, 28] pad3: Padding => padding;
    }
    and {
        /// The role of each device, by its `dev_number`.
        dev_roles: Vec<Role>;
        /// What lies between the roles and the end of [`SUPERBLOCK_BYTES`]. It does not belong to the
        /// superblock and does not count in its sum; a bitmap may lie here in format 1.0.
        trailing: Padding;
    }
}

/// Where the partial parity log lies: it shares its place with `bitmap_offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ppl {
    /// From the superblock to the log, in sectors.
    pub offset: i16,
    /// In sectors.
    pub size: u16,
}

impl From<i32> for Ppl {
    fn from(bitmap_offset: i32) -> Self {
        Ppl { offset: bitmap_offset as i16, size: (bitmap_offset >> 16) as u16 }
    }
}

impl From<Ppl> for i32 {
    fn from(ppl: Ppl) -> Self {
        i32::from(ppl.size) << 16 | i32::from(ppl.offset as u16)
    }
}

impl Superblock1 {
    /// Reads the first [`SUPERBLOCK_BYTES`] of `bytes`, or fewer if the roles end before.
    ///
    /// Fails as [`DecodeError`] says on bytes that are no superblock of version 1.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = &bytes[..bytes.len().min(SUPERBLOCK_BYTES)];
        let too_short = |needed| DecodeError::TooShort { needed, got: bytes.len() };
        let (table, rest) = bytes.split_first_chunk().ok_or_else(|| too_short(TABLE))?;
        let mut superblock = Self::read_table(table);
        if superblock.magic != MAGIC {
            return Err(DecodeError::WrongMagic { found: superblock.magic, expected: MAGIC });
        }
        if superblock.major_version != MAJOR {
            return Err(DecodeError::WrongMajorVersion { found: superblock.major_version, expected: MAJOR });
        }
        let devices = superblock.max_dev as usize;
        if devices > MAX_DEVICES {
            return Err(DecodeError::TooManyDevices { found: superblock.max_dev, limit: MAX_DEVICES as u32 });
        }
        let (roles, trailing) = rest.split_at_checked(devices * 2).ok_or_else(|| too_short(TABLE + devices * 2))?;
        superblock.dev_roles = roles.chunks_exact(2).map(|raw| u16::from_le_bytes(array(raw)).into()).collect();
        superblock.trailing = Padding::from(trailing);
        Ok(superblock)
    }

    /// All [`SUPERBLOCK_BYTES`] exactly as the fields say, valid or not. Roles beyond [`MAX_DEVICES`]
    /// are left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut table = [0; TABLE];
        self.write_table(&mut table);
        let mut bytes = table.to_vec();
        bytes.extend(self.roles().iter().flat_map(|role| u16::from(*role).to_le_bytes()));
        let trailing = bytes.len();
        bytes.resize(SUPERBLOCK_BYTES, 0);
        self.trailing.write(&mut bytes[trailing..]);
        bytes
    }

    /// Makes the superblock valid: sets the magic number, the major version, `max_dev` and the sum.
    pub fn seal(&mut self) {
        self.magic = MAGIC;
        self.major_version = MAJOR;
        self.dev_roles.truncate(MAX_DEVICES);
        self.max_dev = self.dev_roles.len() as u32;
        self.sb_csum = self.checksum().computed;
    }

    /// All [`SUPERBLOCK_BYTES`] of the sealed superblock; mdadm and the kernel write
    /// [`written_len`](Self::written_len) of them, rounded up to the device's sectors.
    pub fn encode(&self) -> Vec<u8> {
        let mut sealed = self.clone();
        sealed.seal();
        sealed.to_bytes()
    }

    /// How many bytes belong to the superblock: 256 and 2 for each device.
    pub fn written_len(&self) -> usize {
        TABLE + self.roles().len() * 2
    }

    /// The sum as it is stored and as it should be, over [`written_len`](Self::written_len) bytes:
    /// `calc_sb_1_csum`.
    pub fn checksum(&self) -> Checksum {
        let computed = crate::checksum::sum(&self.to_bytes()[..self.written_len()], CHECKSUM_OFFSET);
        Checksum { stored: self.sb_csum, computed, folded: false }
    }

    /// This device's own role; [`Role::Spare`] if `dev_number` is outside the table, as the kernel has it.
    pub fn role(&self) -> Role {
        self.dev_roles.get(self.dev_number as usize).copied().unwrap_or(Role::Spare)
    }

    /// The partial parity log, if the feature map says that there is one.
    pub fn ppl(&self) -> Option<Ppl> {
        let present = self.feature_map.contains(Features::PPL) || self.feature_map.contains(Features::MULTIPLE_PPLS);
        present.then(|| Ppl::from(self.bitmap_offset))
    }

    /// Every field in the order of its bytes. Of fields that share a place, the one that holds.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        for mut field in self.table_fields() {
            match (field.name.as_ref(), self.ppl(), self.role()) {
                ("bitmap_offset", Some(ppl), _) => {
                    fields.push(Field::new("ppl.offset", 96, 2, FieldValue::Distance(ppl.offset.into())));
                    field = Field::new("ppl.size", 98, 2, FieldValue::Sectors(ppl.size.into()));
                }
                ("recovery_offset", _, Role::Journal) => field.name = "journal_tail".into(),
                ("sb_csum", _, _) => field.value = FieldValue::Checksum(self.checksum()),
                _ => {}
            }
            fields.push(field);
        }
        let end = self.written_len();
        fields.push(Field::new("dev_roles", TABLE, end - TABLE, FieldValue::Roles(self.dev_roles.clone())));
        fields.push(Field::new("trailing", end, SUPERBLOCK_BYTES - end, padding(&self.trailing)));
        fields
    }

    fn roles(&self) -> &[Role] {
        &self.dev_roles[..self.dev_roles.len().min(MAX_DEVICES)]
    }
}
