//! Superblocks for equal devices of 10 MiB, and the corners of the rooms around them.

use super::*;
use crate::md::create::geometry::{Request, round_mirror};
use crate::md::create::roles::{Slot, count, places};

const TEN_MEG: u64 = 20480;

fn shape(level: Level, format: Format) -> Shape {
    let (chunk, layout) = (level.default_chunk(), level.default_layout());
    let request = Request { format, chunk, ppl: false };
    let data_offset = request.data_offset(TEN_MEG);
    let free = request.free_kib(TEN_MEG, data_offset);
    let size = match level {
        Level::Raid1 => round_mirror(free),
        _ if level.is_redundant() => free,
        _ => 0,
    };
    let covered = size * 2;
    Shape { level, format, chunk, layout, size, covered, data_offset, ppl: false, bitmap: false }
}

/// The superblock of the first of `disks` devices.
fn first(shape: &Shape, disks: u32, with_bitmap: bool) -> Superblock1 {
    let device = Slot::Device { path: String::new(), write_mostly: false, journal: false };
    let slots = vec![device; disks as usize];
    let counts = count(shape.level, disks, false, &slots);
    let mut superblock = init_super(shape, &counts, Uuid([1; 16]), set_name(Some("mdlab"), "0"), 7);
    let bitmap = with_bitmap.then(|| add_internal_bitmap(&mut superblock, shape).unwrap());
    let places = places(&counts, &slots);
    places.iter().for_each(|place| add_to_super(&mut superblock, *place));
    let (place, data_offset) = (places[0], shape.data_offset);
    let target = Target { place, write_mostly: false, uuid: Uuid([2; 16]), sectors: TEN_MEG, data_offset };
    address(&mut superblock, shape.format, bitmap.as_ref(), target);
    superblock
}

#[test]
fn each_format_has_its_places() {
    let places = |format| {
        let sb = first(&shape(Level::Raid1, format), 2, false);
        (sb.super_offset, sb.data_offset, sb.data_size, sb.size, sb.bblog_offset, sb.bblog_size)
    };
    assert_eq!(places(Format::V1_0), (20464, 0, 20448, 20352, -8, 8));
    assert_eq!(places(Format::V1_1), (0, 2048, 18432, 18432, 16, 8));
    assert_eq!(places(Format::V1_2), (8, 2048, 18432, 18432, 16, 8));
}

#[test]
fn a_raid5_recovers_its_last_member_and_is_clean() {
    let sb = first(&shape(Level::Raid5, Format::V1_2), 3, false);
    assert_eq!((sb.resync_offset, sb.events, sb.chunksize, sb.layout), (MAX_SECTOR, 0, 1024, 2));
    assert_eq!(sb.dev_roles[..4], [Role::Active(0), Role::Active(1), Role::Spare, Role::Spare]);
    assert_eq!((sb.dev_roles.len(), image(&sb).len()), (128, 512));
    assert_eq!(first(&shape(Level::Raid1, Format::V1_2), 2, false).resync_offset, 0);
}

#[test]
fn a_bitmap_lies_beside_the_superblock() {
    let end = first(&shape(Level::Raid1, Format::V1_0), 2, true);
    assert_eq!((end.bitmap_offset, end.feature_map), (-16, Features::BITMAP_OFFSET));
    let start = first(&shape(Level::Raid1, Format::V1_2), 2, true);
    assert_eq!((start.bitmap_offset, start.bblog_offset), (8, 16));
    let bitmap_of = |sectors| {
        let shape = Shape { covered: sectors, ..shape(Level::Raid1, Format::V1_2) };
        add_internal_bitmap(&mut Superblock1 { size: sectors, ..Superblock1::default() }, &shape)
    };
    assert_eq!(bitmap_of(1 << 40).unwrap().chunksize, 1 << 30);
    let trouble = |sectors| bitmap_of(sectors).unwrap_err().to_string();
    let (few, many) = (
        "there is no room for it; give larger devices, or `--bitmap none`",
        "each bit of it would stand for 32 GiB, and 2 GiB are the most; give a smaller size, or `--bitmap none`",
    );
    assert_eq!(trouble(127), format!("add `--bitmap internal`: {few}"));
    // What one bit covers is a number of 32 bits.
    assert_eq!(trouble(1 << 45), format!("add `--bitmap internal`: {many}"));
}

#[test]
fn a_name_has_the_host_if_it_fits() {
    assert_eq!(set_name(Some("mdlab"), "0").to_string(), "mdlab:0");
    assert_eq!(set_name(Some("mdlab"), "other:0").to_string(), "other:0");
    assert_eq!(set_name(None, "0").to_string(), "0");
    assert_eq!(set_name(Some("mdlab"), &"x".repeat(26)).to_string(), "x".repeat(26));
}

#[test]
fn a_raid0_has_a_layout_unless_it_is_told_to_have_none() {
    let shape = shape(Level::Raid0, Format::V1_2);
    assert!(has_raid0_layout(&shape));
    assert!(!has_raid0_layout(&Shape { layout: 0, ..shape }));
}
