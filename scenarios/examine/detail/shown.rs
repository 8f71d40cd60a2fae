//! What `mdadm --detail` shows of an array, read from the superblocks of its members, whatever their format.

use mdlab::metadata::{ArrayState, DeviceFlags, DiskState, Features, Role, Superblock, Superblock1, Superblock090};

use crate::examine::text::{Line, line};
use crate::examine::v1::{laid_out, version};

/// Sizes are in sectors.
pub(in crate::examine) struct Shown {
    pub(super) version: &'static str,
    pub(super) ctime: u64,
    pub(super) utime: u64,
    pub(super) level: i32,
    pub(super) layout: u32,
    pub(super) raid_disks: u32,
    pub(super) chunk_kib: u32,
    /// What is used of each member.
    pub(super) size: u64,
    /// What all members hold, in whole chunks: for levels that use all of each.
    pub(super) whole_chunks: u64,
    pub(super) clean: bool,
    pub(super) bitmap: bool,
    pub(super) policy: &'static str,
    pub(super) reshape: Option<Reshape>,
    /// Lines that each format writes in a way of its own.
    pub(super) of_the_format: Vec<Line>,
    pub(super) members: Vec<Member>,
}

/// A change of the number of disks that is under way.
#[derive(Clone, Copy)]
pub(super) struct Reshape {
    pub(super) position: u64,
    pub(super) delta: i32,
}

pub(super) struct Member {
    pub(super) number: u32,
    pub(super) role: Role,
    pub(super) mostly: bool,
}

impl Shown {
    /// The newest superblock tells of all members, also of those that have failed and were not written to since.
    pub(in crate::examine) fn of(members: &[Superblock]) -> Self {
        let newest = members.iter().max_by_key(|superblock| superblock.events());
        match newest.expect("an array has members") {
            Superblock::V1(newest) => of_v1(newest, members),
            Superblock::V090(newest) => of_v090(newest, members),
        }
    }
}

fn of_v1(newest: &Superblock1, members: &[Superblock]) -> Shown {
    let features = newest.feature_map;
    let all = members.iter().filter_map(|member| if let Superblock::V1(one) = member { Some(one) } else { None });
    let chunk = u64::from(newest.chunksize).max(1);
    let reshapes = features.contains(Features::RESHAPE_ACTIVE);
    Shown {
        version: version(newest),
        ctime: newest.ctime.seconds,
        utime: newest.utime.seconds,
        level: newest.level,
        layout: laid_out(newest),
        raid_disks: newest.raid_disks,
        chunk_kib: newest.chunksize / 2,
        size: newest.size,
        whole_chunks: all.clone().map(|one| one.data_size / chunk * chunk).sum(),
        clean: newest.resync_offset == u64::MAX,
        bitmap: features.contains(Features::BITMAP_OFFSET),
        policy: match newest.level {
            _ if features.contains(Features::JOURNAL) => "journal",
            _ if newest.ppl().is_some() => "ppl",
            level => policy(level, features.contains(Features::BITMAP_OFFSET)),
        },
        reshape: reshapes.then_some(Reshape { position: newest.reshape_position, delta: newest.delta_disks }),
        of_the_format: vec![
            line("Name", format!("{} (local to host mdlab)", newest.set_name)),
            line("UUID", newest.set_uuid),
            line("Events", newest.events),
        ],
        members: all.map(|one| of_member(newest, one)).collect(),
    }
}

fn of_member(newest: &Superblock1, member: &Superblock1) -> Member {
    let number = member.dev_number;
    let role = newest.dev_roles.get(number as usize).copied().unwrap_or(Role::Spare);
    Member { number, role, mostly: member.devflags.contains(DeviceFlags::WRITE_MOSTLY) }
}

fn of_v090(newest: &Superblock090, members: &[Superblock]) -> Shown {
    let bitmap = newest.state.contains(ArrayState::BITMAP_PRESENT);
    let all = members.iter().filter_map(|member| if let Superblock::V090(one) = member { Some(one) } else { None });
    Shown {
        version: "0.90",
        ctime: newest.ctime.into(),
        utime: newest.utime.into(),
        level: newest.level,
        layout: newest.layout,
        raid_disks: newest.raid_disks,
        chunk_kib: newest.chunk_size / 1024,
        size: u64::from(newest.size) * 2,
        whole_chunks: 0,
        clean: newest.state.contains(ArrayState::CLEAN),
        bitmap,
        policy: policy(newest.level, bitmap),
        reshape: None,
        of_the_format: vec![
            line("Preferred Minor", newest.md_minor),
            line("UUID", format!("{} (local to host mdlab)", newest.uuid())),
            line("Events", format!("{}.{}", newest.events >> 32, newest.events & 0xffff_ffff)),
        ],
        members: all.map(|one| of_disk(newest, one.this_disk.minor)).collect(),
    }
}

/// The row of the newest table about the loop device of this number.
fn of_disk(newest: &Superblock090, minor: u32) -> Member {
    let disk = newest.disks.iter().find(|disk| (disk.major, disk.minor) == (7, minor)).expect("a row for each disk");
    let role = match disk.state {
        state if state.contains(DiskState::FAULTY) => Role::Faulty,
        state if state.contains(DiskState::SYNC) => Role::Active(disk.raid_disk as u16),
        _ => Role::Spare,
    };
    Member { number: disk.number, role, mostly: disk.state.contains(DiskState::WRITE_MOSTLY) }
}

fn policy(level: i32, bitmap: bool) -> &'static str {
    match level {
        _ if bitmap => "bitmap",
        ..1 => "none",
        _ => "resync",
    }
}
