//! Single sectors that go wrong, and the log that members keep of them.

use std::ops::Range;

use mdlab::{Array, Fault, Guest, Level, Need, Version, assert_story, mib, needs};
use rstest::rstest;

use crate::guest;

/// Sectors of a member that hold data on the first two of four disks, whichever the level, in chunks of 64 KiB.
const DATA: Range<u64> = 4224..4232;

/// What one disk cannot read comes from the others; what cannot be rewritten either goes into the bad-block log.
///
/// raid10 of 5.10 and 6.1 says `failing drive`, and fails none (`fix_read_error` in drivers/md/raid10.c).
#[rstest]
fn sectors_that_cannot_be_read(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(0), &Fault::Errors(DATA)));
    guest.step("read", |g| g.check(&array));
    guest.step("check", |g| g.scrub(&array, "check"));
    guest.step("log", |g| g.bad_blocks(array.member(0)));

    assert_story!(guest);
}

/// Single sectors that cannot be written go into the bad-block log, and the disk stays.
#[rstest]
fn sectors_that_cannot_be_written(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &Fault::Errors(DATA)));
    guest.step("write", |g| {
        g.fill(&array);
        g.wait_idle();
    });
    guest.step("read", |g| g.check(&array));
    guest.step("log", |g| g.bad_blocks(array.member(1)));

    assert_story!(guest);
}

/// While a lost disk is rebuilt another turns out to have sectors that cannot be read. Where nothing else tells what they
/// held, the new disk gets the same gap: an entry in its bad-block log, and a read of it fails. A third copy or a second
/// parity tells.
#[rstest]
#[case::raid1(Array::raid1(), true)]
#[case::raid5(Array::raid5(), false)]
#[case::raid6(Array::new(Level::Raid6), true)]
#[case::raid10(Array::new(Level::Raid10), false)]
fn sectors_that_cannot_be_read_for_a_rebuild(mut guest: Guest, #[case] array: Array, #[case] whole: bool) {
    if array.level() == Level::Raid5 {
        needs!(guest, Need::LinuxBefore(HANGS));
    }
    let array = array.chunk(64).spares(1).on(guest.fragile(5, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &Fault::Errors(DATA)));
    guest.step("rebuild", |g| {
        g.fail(&array, array.member(0));
        g.wait_idle();
    });
    guest.step("log", |g| g.bad_blocks(array.member(4)));
    guest.step("read", |g| if whole { g.check(&array) } else { g.refused(|g| g.check(&array)) });

    assert_story!(guest);
}

/// The first kernel of the grid whose raid5 never ends such a rebuild.
const HANGS: Version = Version { major: 7, minor: 2 };

/// Bug in 7.2.13: the rebuild of a raid5 waits for ever for what it gave up at the first sector that cannot be read
/// (`recovery_active` at the end of `md_do_sync`, drivers/md/md.c), and the array's own thread does not come to rest.
#[rstest]
fn a_rebuild_that_never_ends(mut guest: Guest) {
    needs!(guest, Need::LinuxSince(HANGS));
    let array = Array::raid5().chunk(64).spares(1).on(guest.fragile(5, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &Fault::Errors(DATA)));
    guest.expect_hang("md0_resync");
    guest.step("rebuild", |g| {
        g.fail(&array, array.member(0));
        g.run("sleep 1");
    });

    assert_story!(guest);
}

/// Nothing is read from a disk that is mostly for writing, as long as another has the data: its sectors that cannot be read
/// are not noticed.
#[rstest]
fn sectors_that_need_not_be_read(mut guest: Guest) {
    let array = Array::raid1().on(guest.fragile(2, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.set(&array, "dev-dm-0/state", "writemostly"));
    guest.prepare(|g| g.inflict(array.member(0), &Fault::Errors(DATA)));
    guest.step("read", |g| g.check(&array));

    assert_story!(guest);
}
