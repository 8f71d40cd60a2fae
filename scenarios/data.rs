//! Every byte: what was written is read again, whatever the members go through.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, assert_story, mib, needs};
use rstest::rstest;

use crate::guest;

/// Which block lies where, on every level; and the array gives every block back, after it was stopped and assembled too.
#[rstest]
fn lays_out(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
) {
    needs!(guest, level);
    let array = Array::new(level).on(guest.loops(4, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.step("map", |g| g.map(&array));
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.prepare(|g| g.assemble(&array, Mdadm));
    guest.step("read", |g| g.check(&array));

    assert_story!(guest);
}

/// A raid10 whose copies are spread in a way: `n2`, `f2`, `o2`.
fn raid10(layout: &str) -> Array {
    Array::new(Level::Raid10).with(&format!("--layout {layout}"))
}

/// An array that has lost as many disks as it may gives every byte back and takes new ones; so it does with new disks in
/// their places, and when the others are lost instead. The first four disks are members, the others take the places of
/// those that are lost.
///
/// A mirror of four may lose three. raid10 keeps two copies of each chunk: near copies on disks 0 and 1, or on 2 and 3 (so
/// it may lose 0 and 2); far and offset copies on a disk and the one after it, and on 3 and 0 (so 0 and 2 again, or 1 and
/// 3).
#[rstest]
#[case::raid1(Array::raid1(), &[0, 1, 2], &[3, 4, 5])]
#[case::raid4(Array::new(Level::Raid4), &[0], &[2])]
#[case::raid5(Array::raid5(), &[0], &[2])]
#[case::raid6(Array::new(Level::Raid6), &[0, 1], &[2, 3])]
#[case::raid10_near(raid10("n2"), &[0, 2], &[1, 3])]
#[case::raid10_far(raid10("f2"), &[0, 2], &[1, 3])]
#[case::raid10_offset(raid10("o2"), &[0, 2], &[1, 3])]
#[case::v0_90(Array::raid5().with("--metadata 0.90"), &[0], &[2])]
#[case::v1_0(Array::raid5().with("--metadata 1.0"), &[0], &[2])]
fn survives(mut guest: Guest, #[case] array: Array, #[case] lost: &[usize], #[case] then: &[usize]) {
    let disks = guest.loops(4 + lost.len() as u32, mib(6));
    let array = array.on(&disks[..4]);
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.step("lose", |g| lost.iter().for_each(|disk| g.fail(&array, &disks[*disk])));
    guest.step("read degraded", |g| g.check(&array));
    guest.step("write degraded", |g| g.overwrite(&array));
    guest.step("add", |g| disks[4..].iter().for_each(|disk| g.add(&array, disk)));
    guest.step("rebuild", |g| g.wait_idle());
    guest.step("read", |g| g.check_overwritten(&array));
    guest.step("lose others", |g| then.iter().for_each(|disk| g.fail(&array, &disks[*disk])));
    guest.step("read from the rebuilt", |g| g.check_overwritten(&array));
}

/// A spare that took over holds what the disk before it held: it is read once another disk is gone, or its only copy.
#[rstest]
#[case::raid1(Array::raid1(), &[0, 2, 3])]
#[case::raid4(Array::new(Level::Raid4), &[0])]
#[case::raid5(Array::raid5(), &[0])]
#[case::raid6(Array::new(Level::Raid6), &[0, 2])]
#[case::raid10(raid10("n2"), &[0, 2])]
fn survives_on_a_spare(mut guest: Guest, #[case] array: Array, #[case] then: &[usize]) {
    let array = array.spares(1).on(guest.loops(5, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.step("lose", |g| g.fail(&array, array.member(1)));
    guest.step("take over", |g| g.wait_idle());
    guest.step("lose others", |g| then.iter().for_each(|disk| g.fail(&array, array.member(*disk))));
    guest.step("read", |g| g.check(&array));
}

/// A disk that was copied to another while it worked can go, and others too.
#[rstest]
#[case::raid1(Array::raid1(), &[0, 2, 3])]
#[case::raid5(Array::raid5(), &[0])]
#[case::raid6(Array::new(Level::Raid6), &[0, 2])]
#[case::raid10(raid10("n2"), &[0, 2])]
fn survives_a_replacement(mut guest: Guest, #[case] array: Array, #[case] then: &[usize]) {
    let array = array.spares(1).on(guest.loops(5, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.step("replace", |g| g.replace(&array, array.member(1), array.member(4)));
    guest.step("write meanwhile", |g| g.overwrite(&array));
    guest.step("copied", |g| g.wait_idle());
    guest.step("lose others", |g| then.iter().for_each(|disk| g.fail(&array, array.member(*disk))));
    guest.step("read", |g| g.check_overwritten(&array));
}

/// A raid5 that lost one disk, was written to, and lost another: by force the second returns, not the first, whose content
/// is old.
#[rstest]
fn survives_by_force(mut guest: Guest) {
    let array = Array::raid5().on(guest.loops(3, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();
    guest.prepare(|g| {
        g.fail(&array, array.member(1));
        g.overwrite(&array);
        g.wait_idle();
        // Done, but called EBUSY by 6.1: `members::a_second_loss`.
        g.either_way(|g| g.fail(&array, array.member(2)));
        g.stop(&array, Mdadm);
    });

    guest.step("force", |g| g.force(&array, array.members()));
    guest.step("read", |g| g.check_overwritten(&array));

    assert_story!(guest);
}

/// A write of less than a stripe, on disks so many that what it replaces is read and not the rest of the stripe: the parity
/// fits afterwards, and tells what a lost disk held.
#[rstest]
fn writes_less_than_a_stripe(mut guest: Guest, #[values(Level::Raid4, Level::Raid5, Level::Raid6)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.loops(6, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.overwrite_sectors(array.node(), 8..16));
    guest.prepare(|g| g.wait_idle());
    guest.step("check", |g| g.scrub(&array, "check"));
    guest.step("lose", |g| g.fail(&array, array.member(0)));
    guest.step("read", |g| g.check_overwritten_sectors(array.node(), 8..16));

    assert_story!(guest);
}
