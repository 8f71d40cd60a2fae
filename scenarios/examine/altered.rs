//! Superblocks that somebody has altered: mdadm and mdlab see the same in them.

use std::ops::Range;

use fastrand::Rng;
use mdlab::metadata::{Features, Format, Superblock, Superblock1};
use mdlab::{Array, Guest, Level, Report, Tool, Version, mib};
use rstest::rstest;

use super::text::{Line, line, whole};
use super::{DISK, superblocks_of_v1, v1};
use crate::guest;

/// Altered superblocks of each level, and how many mdadm is shown at once.
const ALTERED: usize = 500;
const BATCH: usize = 25;

/// Where format 1.2 has its superblock, in bytes.
const PLACE: u64 = 4096;

/// Offset of `layout`, and of `max_dev`, which counts the roles behind the superblock.
const LAYOUT: usize = 76;
const MAX_DEV: usize = 220;

/// Bytes that stay as they are, and why: offsets in `struct mdp_superblock_1` of md_p.h.
const SPARED: [(Range<usize>, &str); 6] = [
    (64..72, "`ctime`: mdadm prints it as a date, which is another test's business"),
    (LAYOUT..LAYOUT + 2, "`layout`: mdadm does not survive some of a raid10, see `no_copies`"),
    (93..96, "`raid_disks`: mdadm prints a letter for each, and would go on for hours"),
    (113..116, "`delta_disks`: it prints as many more"),
    (192..200, "`utime`: as `ctime`"),
    (MAX_DEV + 1..MAX_DEV + 4, "`max_dev`: mdadm does not survive it, see `more_roles_than_there_are`"),
];

/// What lies on 2,000 members after one to three changes each, half of them with a checksum that is right.
#[rstest]
fn mdadm_and_mdlab_see_the_same(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    guest.watch_nothing();
    let array = Array::new(level).on(guest.loops(4, DISK));
    guest.given(&array);
    let disks = guest.loops(BATCH as u32, mib(1));
    let original = superblocks_of_v1(&mut guest, &array).remove(0).to_bytes();
    let mut random = Rng::with_seed(level as u64);
    let altered: Vec<_> = (0..ALTERED).map(|_| alter(&original, &mut random)).collect();

    let disagreements: Vec<_> =
        altered.chunks(BATCH).flat_map(|batch| disagreements(&mut guest, &disks, batch)).collect();
    assert!(disagreements.is_empty(), "{} of {ALTERED}:\n{}", disagreements.len(), disagreements.join("\n"));
}

/// A superblock claims to have more roles than it has room for.
///
/// Bug in mdadm 4.1 and 4.2: it sums them all up without a look at their number (`calc_sb_1_csum` of super1.c), far past the
/// 4 KiB that it has read. Whoever plugs such a disk in has udev run into it.
#[rstest]
fn more_roles_than_there_are(mut guest: Guest) {
    guest.watch_nothing();
    let array = Array::raid1().on(guest.loops(2, DISK));
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| g.stop(&array, Tool::Mdadm));
    guest.put_at("/dev/loop1", PLACE + MAX_DEV as u64, &u32::MAX.to_le_bytes());

    let crashes = "mdadm --examine /dev/loop1; test $? -eq 139";
    guest.step("examine", |g| g.run(&format!("sh -c '{crashes}'")));
}

/// A raid10 claims to have no copy of anything.
///
/// Bug in mdadm 4.1 and 4.2: the array's size is divided by their number (`examine_super1` of super1.c).
#[rstest]
fn no_copies(mut guest: Guest) {
    guest.watch_nothing();
    let array = Array::new(Level::Raid10).on(guest.loops(2, DISK));
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| g.stop(&array, Tool::Mdadm));
    guest.put_at("/dev/loop1", PLACE + LAYOUT as u64, &0_u32.to_le_bytes());

    let crashes = "mdadm --examine /dev/loop1; test $? -eq 136";
    guest.step("examine", |g| g.run(&format!("sh -c '{crashes}'")));
}

/// Changes bits and bytes of a superblock and of the roles behind it.
fn alter(original: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..random.usize(1..=3) {
        let at = random.usize(0..272);
        if SPARED.iter().any(|(spared, _)| spared.contains(&at)) {
            continue;
        }
        bytes[at] = match random.bool() {
            true => bytes[at] ^ 1 << random.u32(0..8),
            false => [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.usize(0..6)],
        };
    }
    match Superblock::decode(Format::V1_2, &bytes) {
        Ok(superblock) if random.bool() => superblock.encode(),
        _ => bytes,
    }
}

/// Where the two do not agree on these superblocks.
fn disagreements(guest: &mut Guest, disks: &[String], batch: &[Vec<u8>]) -> Vec<String> {
    disks.iter().zip(batch).for_each(|(disk, bytes)| guest.put_at(disk, PLACE, bytes));
    let mut reports = Vec::new();
    guest.untraced(|guest| reports = guest.examine_all(disks));
    let truncated = if guest.mdadm() < TRUNCATES { "" } else { " TRUNCATED DEVICE" };
    batch.iter().zip(reports).filter_map(|(bytes, report)| disagreement(bytes, report.as_ref(), truncated)).collect()
}

/// The first mdadm of the grid that says of disks that are smaller than what their superblocks are about, as these are, that
/// they are truncated.
const TRUNCATES: Version = Version { major: 4, minor: 4 };

fn disagreement(bytes: &[u8], report: Option<&Report>, truncated: &str) -> Option<String> {
    let decoded = match Superblock::decode(Format::V1_2, bytes) {
        // mdlab shows what is not where it says it is; mdadm does not (`load_super1` of super1.c).
        Ok(Superblock::V1(superblock)) if superblock.super_offset == PLACE / 512 => Some(superblock),
        _ => None,
    };
    match (decoded, report) {
        (None, None) => None,
        (Some(superblock), Some(report)) => {
            let missing = lines(&superblock).into_iter().find(|line| !says(report, line, truncated));
            missing.map(|line| format!("mdlab alone: {}\n  {:?}\n  {report:?}", whole(&line), superblock))
        }
        (Some(superblock), None) => Some(format!("mdadm sees none where mdlab sees {superblock:?}")),
        (None, Some(report)) => Some(format!("mdlab sees none where mdadm sees {report:?}")),
    }
}

/// Whether mdadm says this, with that behind it perhaps.
fn says(report: &Report, (name, value): &Line, truncated: &str) -> bool {
    let truncated = (name.clone(), format!("{value}{truncated}"));
    [&(name.clone(), value.clone()), &truncated].iter().any(|line| report.lines().contains(line))
}

/// Lines of `mdadm --examine` that depend on one field each, and on nothing that was not altered.
fn lines(superblock: &Superblock1) -> Vec<Line> {
    let mut lines = vec![
        line("Magic", format!("{:08x}", superblock.magic)),
        line("Array UUID", superblock.set_uuid),
        line("Raid Devices", superblock.raid_disks),
        line("Super Offset", format!("{} sectors", superblock.super_offset)),
        line("Device UUID", superblock.device_uuid),
        line("Events", superblock.events),
        line("State", if superblock.resync_offset == u64::MAX { "clean" } else { "active" }),
        line("Device Role", v1::role(superblock)),
        line("Array State", v1::state(superblock).trim()),
    ];
    // Where there is no bitmap, mdadm takes the flag away that claims one, and then finds the sum wrong (`load_super1`).
    if !superblock.feature_map.contains(Features::BITMAP_OFFSET) {
        let sum = superblock.checksum();
        let verdict = if sum.is_valid() { "correct".to_owned() } else { format!("expected {:x}", sum.computed) };
        lines.push(line("Feature Map", format!("{:#x}", superblock.feature_map.0)));
        lines.push(line("Checksum", format!("{:x} - {verdict}", sum.stored)));
    }
    if superblock.data_offset > 0 {
        lines.push(line("Data Offset", format!("{} sectors", superblock.data_offset)));
    }
    lines
}
