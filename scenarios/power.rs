//! Power that fails while something is written: what the disks hold then, and what md makes of it.
//!
//! Disks whose power is cut take no more writes but say that they do; md is stopped, which they do not notice either; then
//! they work again, and hold what they held when power failed.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A dirty array, full of the pattern, on disks that can fail.
fn dirty(guest: &mut Guest, array: &Array) {
    guest.given(array);
    guest.prepare(|g| {
        g.keep_dirty(array);
        g.fill(array);
        g.wait_idle();
    });
    guest.trace_nothing();
}

/// One member missed the last write. udev assembles the array when power returns, and a resync makes all agree again.
#[rstest]
fn resyncs(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    dirty(&mut guest, &array);

    guest.prepare(|g| {
        g.cut_power(&array.members()[1..2]);
        g.overwrite_sectors(array.node(), 0..1024);
        g.cut_power(array.members());
        g.stop(&array, Mdadm);
    });
    guest.step("power returns", |g| {
        g.restore_power(array.members());
        g.wait_idle();
    });
    guest.step("check", |g| g.scrub(&array, "check"));
    // Whether the new content prevails, or part of the old.
    guest.step("read", |g| g.either_way(|g| g.check_overwritten_sectors(array.node(), 0..1024)));

    assert_story!(guest);
}

/// Half of a stripe is being written when power fails, and its other half lies on a disk that does not come back: it must be
/// computed from a parity that may not fit.
///
/// Suspected bug in mdadm 4.1 and 4.2: told to force, it marks an array with a partial parity log as clean (`force-array` in
/// `Assemble`, Assemble.c, which asks `enough` as if there were no log), so that md does not replay the log, and what the log
/// would have saved is lost. Without force md starts the array all the same, and replays.
#[rstest]
#[case::resync("", Guest::force, &[0, 2], false)]
#[case::ppl("--consistency-policy ppl", Guest::assemble_degraded, &[0, 2], true)]
#[case::ppl_forced("--consistency-policy ppl", Guest::force, &[0, 2], false)]
#[case::journal("--write-journal /dev/mapper/fragile-loop3", Guest::assemble_degraded, &[0, 2, 3], true)]
fn the_write_hole(
    mut guest: Guest,
    #[case] policy: &str,
    #[case] assemble: fn(&mut Guest, &Array, &[String]),
    #[case] back: &[usize],
    #[case] closed: bool,
) {
    // The first stripe: data, data, parity (left-symmetric). The fourth disk is a journal, or idle.
    let disks = guest.fragile(4, mib(6));
    let array = Array::raid5().chunk(64).with(policy).on(&disks[..3]);
    let others: Vec<String> = back.iter().map(|disk| disks[*disk].clone()).collect();
    dirty(&mut guest, &array);
    guest.prepare(|g| torn(g, &array, &disks, &others));

    guest.step("assemble", |g| assemble(g, &array, &others));
    let read = |g: &mut Guest| g.check_sectors(array.node(), 128..256);
    guest.step("read", |g| if closed { read(g) } else { g.refused(read) });

    assert_story!(guest);
}

/// Power fails when the first stripe's parity has been written, and its first data have not. The others come back.
fn torn(guest: &mut Guest, array: &Array, disks: &[String], others: &[String]) {
    guest.cut_power(&disks[..1]);
    guest.overwrite_sectors(array.node(), 0..64);
    guest.cut_power(disks);
    guest.stop(array, Mdadm);
    guest.restore_power(others);
    // udev's rules have begun to assemble it.
    guest.stop(array, Mdadm);
}
