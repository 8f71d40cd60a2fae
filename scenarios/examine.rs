//! What mdadm prints about an array, against what mdlab reads from the same bytes, line by line: each line that mdadm prints
//! is expected, or stands in a table with the reason why it is not.

use mdlab::metadata::{BadBlock, Superblock, Superblock1, Superblock090};
use mdlab::{Array, Guest, Level, Report, mib, needs};
use rstest::rstest;

use crate::guest;

mod altered;
mod detail;
mod text;
mod v090;
mod v1;

/// Bytes of every disk here.
const DISK: u64 = mib(6);

/// Lines that no superblock decides, and why.
const NOT_IN_A_SUPERBLOCK: &[(&str, &str)] =
    &[("Layout : -unknown-", "what md calls the layout of a raid0 that needs none; mdadm 4.1 does not print it")];

/// Lines of a report that nothing explains, and lines that are missing from it.
fn unexplained(report: &Report, expected: Vec<(String, String)>) -> Vec<String> {
    let mut expected: Vec<String> = expected.iter().map(|pair| text::without_units(&text::whole(pair))).collect();
    let mut lines = Vec::new();
    for found in report.lines().iter().map(|pair| text::without_units(&text::whole(pair))) {
        match expected.iter().position(|line| *line == found) {
            Some(place) => drop(expected.remove(place)),
            None if NOT_IN_A_SUPERBLOCK.iter().any(|(line, _)| *line == found) => {}
            None => lines.push(format!("mdadm alone: {found}")),
        }
    }
    lines.extend(expected.iter().map(|line| format!("mdlab alone: {line}")));
    lines
}

/// The superblocks of an array that lie in the formats of version 1.
fn superblocks_of_v1(guest: &mut Guest, array: &Array) -> Vec<Superblock1> {
    let v1 = |superblock| match superblock {
        Superblock::V1(superblock) => *superblock,
        Superblock::V090(_) => panic!("format 0.90"),
    };
    guest.superblocks(array).into_iter().map(v1).collect()
}

/// The same for format 0.90.
fn superblocks_of_v090(guest: &mut Guest, array: &Array) -> Vec<Superblock090> {
    let v090 = |superblock| match superblock {
        Superblock::V090(superblock) => *superblock,
        Superblock::V1(_) => panic!("version 1"),
    };
    guest.superblocks(array).into_iter().map(v090).collect()
}

/// Every line of `mdadm --examine` on every member of an array. One of the lines begins with `shown`, for the case to be what
/// it is called.
#[track_caller]
fn assert_examined(guest: &mut Guest, array: &Array, shown: &str) {
    let mut seen = false;
    for (member, superblock) in array.members().iter().zip(superblocks_of_v1(guest, array)) {
        let report = guest.examine(member);
        assert_eq!(unexplained(&report, v1::lines(member, &superblock)), [""; 0], "{report:?}");
        seen |= report.lines().iter().any(|pair| text::whole(pair).starts_with(shown));
    }
    assert!(seen, "no line begins with `{shown}`");
}

/// Every line of `mdadm --detail` on an array, whose state is this.
#[track_caller]
fn assert_detailed(guest: &mut Guest, array: &Array, state: &str) {
    let shown = detail::Shown::of(&guest.superblocks(array));
    let report = guest.detail(array);
    assert_eq!(unexplained(&report, detail::lines(array, &shown)), [""; 0], "{report:?}");
    assert!(report.lines().contains(&text::line("State", state)), "{report:?}");
}

/// `mdadm --examine` and `--detail` say what the superblock of every level and format holds.
#[rstest]
fn mdadm_and_mdlab_agree(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
    #[values("1.0", "1.1", "1.2")] metadata: &str,
) {
    needs!(guest, level);
    let array = Array::new(level).with(&format!("--metadata {metadata}")).on(guest.loops(4, DISK));
    guest.given(&array);
    guest.trace_nothing();

    assert_examined(&mut guest, &array, &format!("Version : {metadata}"));
    assert_detailed(&mut guest, &array, "clean");
}

/// The same for what else an array may have.
#[rstest]
#[case::spare("Device Role : spare", Array::raid1().spares(1), 3)]
#[case::journal("Device Role : Journal", Array::raid5().journaled(), 4)]
#[case::bitmap("Internal Bitmap : 8", Array::raid1().with("--bitmap internal"), 2)]
#[case::bitmap_at_the_end("Internal Bitmap : -", Array::raid1().with("--bitmap internal --metadata 1.0"), 2)]
#[case::ppl("PPL : 2048", Array::raid5().with("--consistency-policy ppl"), 3)]
#[case::write_mostly("Flags : write-mostly", Array::raid1().write_mostly_from(1), 2)]
#[case::smaller("Used Dev Size : 6000", Array::raid1().with("--size 3000"), 2)]
#[case::far("Layout : far=2", Array::new(Level::Raid10).with("--layout f2"), 3)]
#[case::offset("Layout : offset=2", Array::new(Level::Raid10).with("--layout o2"), 3)]
#[case::left_asymmetric("Layout : left-asymmetric", Array::raid5().with("--layout left-asymmetric"), 3)]
fn mdadm_and_mdlab_agree_on_more(mut guest: Guest, #[case] shown: &str, #[case] array: Array, #[case] members: u32) {
    let array = array.on(guest.loops(members, DISK));
    guest.given(&array);
    guest.trace_nothing();

    assert_examined(&mut guest, &array, shown);
    assert_detailed(&mut guest, &array, "clean");
}

/// What the superblock says of it.
const BAD_BLOCKS: &str = "Bad Block Log : 512 entries available at offset 16 sectors - bad blocks present";

/// A list of bad blocks that is not empty, and every block in it.
#[rstest]
fn mdadm_and_mdlab_agree_on_bad_blocks(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, DISK));
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| {
        g.set(&array, "dev-loop1/bad_blocks", "4096 8");
        // The list is written with the superblock, and that when the array becomes active.
        g.fill_sectors(array.node(), 0..8);
    });
    guest.wait_idle();

    assert_examined(&mut guest, &array, BAD_BLOCKS);
    let log = bad_blocks(&mut guest, &array, 1);
    assert_eq!(log, [BadBlock { first: 4096, len: 8 }]);
    let report = guest.examine_bad_blocks(array.member(1));
    assert_eq!(unexplained(&report, v1::bad_blocks(array.member(1), &log)), [""; 0], "{report:?}");
}

/// The list of bad blocks of a member, as mdlab decodes it.
fn bad_blocks(guest: &mut Guest, array: &Array, index: usize) -> Vec<BadBlock> {
    let superblock = superblocks_of_v1(guest, array).remove(index);
    let first = superblock.super_offset.wrapping_add_signed(superblock.bblog_offset.into());
    let bytes = guest.sectors(array.member(index), first..first + u64::from(superblock.bblog_size));
    BadBlock::decode_log(&bytes)
}

/// In the middle of a reshape from three disks to four.
#[rstest]
fn mdadm_and_mdlab_agree_on_a_reshape(mut guest: Guest) {
    let array = Array::raid5().with("--chunk 64").on(guest.loops(3, DISK));
    guest.given(&array);
    let array = array.clone().on(array.members().iter().cloned().chain(guest.loops(1, DISK)));
    guest.trace_nothing();
    guest.prepare(|g| {
        g.add(&array, array.member(3));
        g.hold_sync(&array, 2048);
        g.grow(&array, "--raid-devices 4");
        g.wait_for(&array, "reshape_position", "6144");
    });

    assert_examined(&mut guest, &array, "Delta Devices : 1 (3->4)");
    assert_detailed(&mut guest, &array, "clean, reshaping");
}

/// A member has failed, and is removed.
#[rstest]
fn mdadm_and_mdlab_agree_on_a_loss(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid5, Level::Raid10)] level: Level,
    #[values("0.90", "1.2")] metadata: &str,
) {
    let array = Array::new(level).with(&format!("--metadata {metadata}")).on(guest.loops(4, DISK));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.fail(&array, array.member(1)));
    assert_detailed(&mut guest, &array, "clean, degraded");
    guest.prepare(|g| g.remove(&array, array.member(1)));
    let rest = array.members().iter().filter(|member| *member != array.member(1)).cloned().collect::<Vec<_>>();
    assert_detailed(&mut guest, &array.on(rest), "clean, degraded");
}

/// The same for format 0.90, whose disks are a table.
#[rstest]
fn mdadm_and_mdlab_agree_on_0_90(mut guest: Guest, #[values(Level::Raid1, Level::Raid5)] level: Level) {
    let array = Array::new(level).with("--metadata 0.90").spares(1).on(guest.loops(4, DISK));
    guest.given(&array);
    guest.trace_nothing();

    for (member, superblock) in array.members().iter().zip(superblocks_of_v090(&mut guest, &array)) {
        let report = guest.examine(member);
        assert_eq!(unexplained(&report, v090::lines(member, &superblock)), [""; 0], "{report:?}");
    }
    assert_detailed(&mut guest, &array, "clean");
}
