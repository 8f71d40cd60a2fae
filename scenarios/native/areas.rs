//! What the tools write beside a superblock: bitmaps, partial parity logs, the first blocks of journals.

use std::ops::Range;

use mdlab::metadata::{Features, Role, Superblock, Superblock1};
use mdlab::{Array, Guest, Tool};

/// Bytes of an area in which `md` and mdadm may differ on equal disks, and why. That the sums are right is tested where they
/// are made, harness/agent/src/md/create/logs.rs.
const EXPLAINED: &[(&str, Range<usize>, &str)] = &[
    ("bitmap", 8..24, "the array's UUID: random"),
    ("ppl", 512..516, "the signature: a sum over the UUID"),
    ("ppl", 532..536, "a sum over the header, the signature among it"),
    ("journal", 4..8, "a sum over the block and the UUID"),
    ("journal", 16..20, "the sequence number: random, of 32 bits"),
];

/// Sectors of an area that are compared: what lies behind them is all ones or all zeros, or was not written.
const BLOCK: u64 = 8;

/// All that a tool has left on the members.
pub(super) struct Written {
    pub(super) superblocks: Vec<Superblock>,
    /// The areas of each member, by name, without what is explained.
    pub(super) areas: Vec<Vec<(&'static str, Vec<u8>)>>,
    /// Which sectors were written at all, with zeros or with anything else.
    pub(super) places: String,
}

/// Has a tool create an array whose level the kernel lacks, on disks every sector of which is marked.
pub(super) fn written(guest: &mut Guest, array: &Array, tool: Tool) -> Written {
    guest.prepare(|g| g.fill_devices(array.members()));
    guest.unload(array.level());
    guest.prepare(|g| g.refused(|g| g.create(array, tool)));
    let superblocks = guest.superblocks(array);
    let areas = array.members().iter().zip(&superblocks).map(|(member, superblock)| match superblock {
        Superblock::V1(superblock) => read(guest, member, superblock),
        Superblock::V090(_) => Vec::new(),
    });
    let areas = areas.collect();
    let places = guest.places(array);
    Written { superblocks, areas, places }
}

fn read(guest: &mut Guest, member: &str, superblock: &Superblock1) -> Vec<(&'static str, Vec<u8>)> {
    let areas = areas(superblock).into_iter().map(|(name, first)| {
        let mut bytes = guest.sectors(member, first..first.saturating_add(BLOCK));
        let explained = EXPLAINED.iter().filter(|(area, ..)| *area == name);
        explained.for_each(|(_, range, _)| bytes[range.clone()].fill(0));
        (name, bytes)
    });
    areas.collect()
}

/// The areas that a superblock points to, and their first sectors.
fn areas(superblock: &Superblock1) -> Vec<(&'static str, u64)> {
    let beside = |distance: i32| superblock.super_offset.wrapping_add_signed(distance.into());
    let bitmap = superblock.feature_map.contains(Features::BITMAP_OFFSET);
    let bitmap = bitmap.then(|| ("bitmap", beside(superblock.bitmap_offset)));
    let ppl = superblock.ppl().map(|ppl| ("ppl", beside(ppl.offset.into())));
    let journal = (superblock.role() == Role::Journal).then_some(("journal", superblock.data_offset));
    [bitmap, ppl, journal].into_iter().flatten().collect()
}
