//! Power that fails while something is written: what the disks hold then, and what md makes of it.
//!
//! Disks whose power is cut take no more writes but say that they do; md is stopped, which they do not notice either; then
//! they work again, and hold what they held when power failed.

use std::ops::Range;

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A dirty array, full of the pattern, on disks that can fail.
fn dirty(guest: &mut Guest, array: &Array) {
    guest.given_filled(array);
    guest.prepare(|g| {
        // Nothing is left in a journal then.
        g.stop(array, Mdadm);
        g.assemble(array, Mdadm);
        g.keep_dirty(array);
        // Far from what is torn later.
        g.fill_sectors(array.node(), 2048..2056);
        g.wait_idle();
    });
    guest.trace_nothing();
}

/// Power fails while something is written that one member has missed.
fn torn(guest: &mut Guest, array: &Array, missed: usize, sectors: Range<u64>) {
    guest.cut_power(&array.members()[missed..=missed]);
    guest.overwrite_sectors(array.node(), sectors);
    guest.cut_power(array.members());
    guest.stop(array, Mdadm);
}

/// One member missed the last write. udev assembles the array when power returns, and a resync makes all agree again.
#[rstest]
fn resyncs(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    dirty(&mut guest, &array);

    guest.prepare(|g| torn(g, &array, 1, 0..1024));
    guest.step("power returns", |g| {
        g.restore_power(array.members());
        g.wait_idle();
    });
    guest.step("check", |g| g.scrub(&array, "check"));
    // Whether the new content prevails, or part of the old.
    guest.step("read", |g| g.either_way(|g| g.check_overwritten_sectors(array.node(), 0..1024)));

    assert_story!(guest);
}

/// Half of a stripe is being written when power fails, which one member misses, and its other half lies on a disk that does
/// not come back: it must be computed from a parity that may not fit.
///
/// Suspected bug in mdadm 4.1 and 4.2: told to force, it marks an array with a partial parity log as clean (`force-array` in
/// `Assemble`, Assemble.c, which asks `enough` as if there were no log), so that md does not replay the log, and what the log
/// would have saved is lost. Without force md starts the array all the same, and replays.
#[rstest]
#[case::resync(Array::raid5(), 3, 0, Guest::force, false)]
#[case::ppl(Array::raid5().with("--consistency-policy ppl"), 3, 0, Guest::assemble_degraded, true)]
#[case::ppl_forced(Array::raid5().with("--consistency-policy ppl"), 3, 0, Guest::force, false)]
#[case::journal(Array::raid5().journaled(), 4, 0, Guest::assemble_degraded, true)]
#[case::journal_of_parity(Array::raid5().journaled(), 4, 2, Guest::assemble_degraded, true)]
fn the_write_hole(
    mut guest: Guest,
    #[case] array: Array,
    #[case] disks: u32,
    #[case] missed: usize,
    #[case] assemble: fn(&mut Guest, &Array, &[String]),
    #[case] closed: bool,
) {
    // The first stripe: data, data, parity (left-symmetric).
    let array = array.chunk(64).on(guest.fragile(disks, mib(6)));
    let others = [&array.members()[..1], &array.members()[2..]].concat();
    dirty(&mut guest, &array);
    guest.prepare(|g| {
        torn(g, &array, missed, 0..8);
        g.restore_power(&others);
        // udev's rules have begun to assemble it.
        g.stop(&array, Mdadm);
    });

    guest.step("assemble", |g| assemble(g, &array, &others));
    let read = |g: &mut Guest| g.check_sectors(array.node(), 128..256);
    guest.step("read", |g| if closed { read(g) } else { g.refused(read) });

    assert_story!(guest);
}
