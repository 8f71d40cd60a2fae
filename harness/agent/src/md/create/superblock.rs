//! The superblock that is written, as mdadm's super1.c fills it: `init_super1`, `add_to_super1`, and what `write_init_super1`
//! works out for each device.

use mdlab_metadata::{
    BITMAP_MAGIC, BitmapSuper, DeviceFlags, Features, Format, Name, Ppl, Role, Superblock1, Time, Uuid,
};

use super::Shape;
use super::geometry::{PPL_SECTORS, choose_bm_space};
use super::level::Level;
use super::roles::{Counts, Place};
use crate::md::trouble::Trouble;

/// `resync_offset` of an array that has nothing to resync.
const MAX_SECTOR: u64 = u64::MAX;

/// Bytes of a superblock before its roles, and of a sector.
const TABLE: usize = 256;
const SECTOR: usize = 512;

/// Version of a bitmap with little-endian bits: BITMAP_MAJOR_HI.
const BITMAP_MAJOR_HI: u32 = 4;

/// Seconds between two flushes: DEFAULT_BITMAP_DELAY.
const BITMAP_DELAY: u32 = 5;

/// Bytes that one bit of a bitmap covers unless it needs to be more.
const BITMAP_CHUNK: u64 = 64 << 20;

/// Bytes of a bitmap's head, and what it grows by.
const BITMAP_SUPER: u64 = 256;
const BITMAP_BLOCK: u64 = 4096;

/// Sectors of the bad-block log.
const BBLOG: u16 = 8;

/// `init_super1`: what all members have in common.
pub(super) fn init_super(shape: &Shape, counts: &Counts, uuid: Uuid, name: Name, seconds: u64) -> Superblock1 {
    let spares = counts.working - counts.active;
    let table = TABLE + 2 * (counts.raid_disks + spares) as usize;
    let time = Time { seconds, micros: 0 };
    Superblock1 {
        feature_map: if shape.ppl { Features::PPL } else { Features::default() },
        set_uuid: uuid,
        set_name: name,
        ctime: time,
        level: shape.level.number(),
        layout: shape.layout,
        size: shape.size * 2,
        chunksize: shape.chunk * 2,
        raid_disks: counts.raid_disks,
        utime: time,
        events: 1,
        resync_offset: if counts.clean { MAX_SECTOR } else { 0 },
        // The table of roles fills its last sector.
        dev_roles: vec![Role::Spare; (table.next_multiple_of(SECTOR) - TABLE) / 2],
        ..Superblock1::default()
    }
}

/// `homehost:name`, or the name alone if that is too long or the name has a host already.
pub(super) fn set_name(homehost: Option<&str>, name: &str) -> Name {
    let full = homehost.filter(|_| !name.contains(':')).map(|host| format!("{host}:{name}"));
    Name::from(full.filter(|full| full.len() < 32).as_deref().unwrap_or(name))
}

/// `add_to_super1`: gives a device its role.
pub(super) fn add_to_super(superblock: &mut Superblock1, place: Place) {
    let number = place.number as usize;
    if number >= superblock.dev_roles.len() {
        superblock.dev_roles.resize(number + 1, Role::Spare);
    }
    superblock.dev_roles[number] = place.role;
}

/// `add_internal_bitmap1`.
pub(super) fn add_internal_bitmap(superblock: &mut Superblock1, shape: &Shape) -> Result<BitmapSuper, Trouble> {
    let unfit = |cause: &str, remedy: &str| Trouble::unfit("add `--bitmap internal`", cause, remedy);
    let covered = shape.covered;
    let room = choose_bm_space(superblock.size);
    let most = (room * 512).checked_sub(BITMAP_SUPER);
    let most = most.ok_or_else(|| unfit("there is no room for it", "give larger devices, or `--bitmap none`"))? * 8;
    let (mut chunk, mut bits) = (4096, covered * 512 / 4096 + 1);
    while bits > most {
        chunk *= 2;
        bits = bits.div_ceil(2);
    }
    let chunk = chunk.max(BITMAP_CHUNK);
    let too_coarse = format!("each bit of it would stand for {} GiB, and 2 GiB are the most", chunk >> 30);
    let remedy = "give a smaller size, or `--bitmap none`";
    let chunksize = u32::try_from(chunk).map_err(|_| unfit(&too_coarse, remedy))?;
    superblock.feature_map = superblock.feature_map | Features::BITMAP_OFFSET;
    superblock.bitmap_offset = match shape.format {
        // Before the superblock and its bad-block log.
        Format::V1_0 => {
            let bits = covered * 512 / chunk + 1;
            let blocks = (bits.div_ceil(8) + BITMAP_SUPER).div_ceil(BITMAP_BLOCK);
            -(blocks as i32 * 8) - i32::from(BBLOG)
        }
        _ => 8,
    };
    Ok(BitmapSuper {
        magic: BITMAP_MAGIC,
        version: BITMAP_MAJOR_HI,
        uuid: superblock.set_uuid,
        chunksize,
        daemon_sleep: BITMAP_DELAY,
        sync_size: covered,
        ..BitmapSuper::default()
    })
}

/// `calc_bitmap_size` with a boundary of 4096, in bytes.
pub(super) fn bitmap_bytes(bitmap: &BitmapSuper) -> u64 {
    let bits = (bitmap.sync_size * 512).div_ceil(bitmap.chunksize.into());
    (bits.div_ceil(8) + BITMAP_SUPER).next_multiple_of(BITMAP_BLOCK)
}

/// The device that a superblock is written to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) write_mostly: bool,
    pub(super) uuid: Uuid,
    pub(super) sectors: u64,
    pub(super) data_offset: u64,
}

/// The middle of `write_init_super1`: what differs from device to device. It leaves its traces in the superblock for the next
/// device, as mdadm does.
pub(super) fn address(superblock: &mut Superblock1, format: Format, bitmap: Option<&BitmapSuper>, target: Target) {
    superblock.dev_number = target.place.number;
    superblock.devflags = if target.write_mostly { DeviceFlags::WRITE_MOSTLY } else { DeviceFlags::default() };
    superblock.device_uuid = target.uuid;
    if target.place.role != Role::Journal {
        superblock.events = 0;
    }
    let ppl = superblock.feature_map.contains(Features::PPL);
    let space = match bitmap {
        Some(bitmap) => bitmap_bytes(bitmap) / 512,
        None if ppl => PPL_SECTORS,
        None => choose_bm_space(superblock.size),
    };
    if ppl {
        let offset = if format == Format::V1_0 { -(PPL_SECTORS as i16) - 8 } else { 8 };
        superblock.bitmap_offset = Ppl { offset, size: PPL_SECTORS as u16 }.into();
    }
    superblock.data_offset = target.data_offset;
    if format == Format::V1_0 {
        let super_offset = (target.sectors - 8 * 2) & !7;
        let space = (space + u64::from(BBLOG)).min(super_offset - superblock.size.min(super_offset));
        superblock.super_offset = super_offset;
        superblock.data_size = super_offset - space;
        if space >= u64::from(BBLOG) {
            (superblock.bblog_size, superblock.bblog_offset) = (BBLOG, -i32::from(BBLOG));
        }
        return;
    }
    superblock.super_offset = if format == Format::V1_2 { 8 } else { 0 };
    superblock.data_size = target.sectors - target.data_offset;
    let room = target.data_offset - superblock.super_offset;
    // Behind the bitmap if there is room, just before the data otherwise.
    if room >= 8 + space + u64::from(BBLOG) {
        (superblock.bblog_size, superblock.bblog_offset) = (BBLOG, (8 + space) as i32);
    } else if room >= 16 {
        (superblock.bblog_size, superblock.bblog_offset) = (BBLOG, room as i32 - i32::from(BBLOG));
    }
}

/// Whether a superblock says which of its two layouts a RAID 0 means, as mdadm does since 4.3; before, it did so only where
/// the members differ in size.
pub(super) fn has_raid0_layout(shape: &Shape) -> bool {
    shape.level == Level::Raid0 && shape.layout != super::level::RAID0_UNKNOWN
}

/// What is written of a superblock: whole sectors.
pub(super) fn image(superblock: &Superblock1) -> Vec<u8> {
    let mut bytes = superblock.encode();
    bytes.truncate(superblock.written_len().next_multiple_of(SECTOR));
    bytes
}

#[cfg(test)]
mod tests;
