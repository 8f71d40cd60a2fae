//! What is given up, and what must not be.

use mdlab::{Array, Guest, Level, assert_story, mib, needs};
use rstest::rstest;

use crate::guest;

/// Vouches, as an administrator does, that all disks read zeros where something was discarded. raid4, 5 and 6 pass
/// discards on only then (`raid5_run` in drivers/md/raid5.c).
fn vouch(guest: &mut Guest) {
    guest.set_parameter("raid456", "devices_handle_discard_safely", "Y");
}

/// A file system with one file, which had another.
fn mounted_with_a_hole(guest: &mut Guest, array: &Array) {
    guest.prepare(|g| {
        g.format(array);
        g.mount(array);
        g.fill_sectors("/mnt/kept", 0..2048);
        g.overwrite_sectors("/mnt/gone", 0..2048);
        g.delete("/mnt/gone");
        g.wait_idle();
    });
}

/// What a file system trims is given up, and what it holds is not. Blocks of 4 KiB, because of [`discards_too_much`].
#[rstest]
fn trims(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
) {
    needs!(guest, level);
    vouch(&mut guest);
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(8)));
    guest.given(&array);
    guest.trace_nothing();
    mounted_with_a_hole(&mut guest, &array);

    guest.step("before", |g| g.map_overwritten(&array));
    guest.step("trim", |g| g.trim());
    guest.step("after", |g| g.map_overwritten(&array));
    guest.prepare(|g| g.unmount());
    guest.prepare(|g| g.mount(&array));
    guest.step("read", |g| g.check_sectors("/mnt/kept", 0..2048));
    // Levels without redundancy have nothing to check.
    guest.step("check", |g| g.either_way(|g| g.scrub(&array, "check")));

    assert_story!(guest);
}

/// Where nobody vouches for the disks (`devices_handle_discard_safely` of raid456), nothing is given up: neither what is
/// discarded nor what is trimmed. That is so until 6.12; 7.2 takes the discard all the same.
#[rstest]
fn gives_up_nothing(mut guest: Guest, #[values(Level::Raid4, Level::Raid5, Level::Raid6)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(8)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.step("discard", |g| g.either_way(|g| g.discard(&array, 0..8192)));
    guest.step("read", |g| g.either_way(|g| g.check(&array)));
    mounted_with_a_hole(&mut guest, &array);
    guest.step("trim", |g| g.either_way(|g| g.trim()));

    assert_story!(guest);
}

/// Two sectors lie before the discarded range in its first 4 KiB, and must survive.
///
/// Bug in Debian's 5.10.0-32 and 6.1.0-50: sectors 1536 and 1537 are lost. raid5's `make_discard_request` rounds the start
/// down to 4 KiB before it rounds it up to a stripe, and so takes a stripe that begins before the range: a file system of
/// 1 KiB blocks loses data to fstrim. 6.1.192 computes the first stripe from the sector itself; 6.12.117 and 7.2
/// keep them.
#[rstest]
fn discards_too_much(mut guest: Guest, #[values(Level::Raid5, Level::Raid6)] level: Level) {
    // Three and two data disks: 1536 sectors are four stripes of the one and six of the other.
    const STRIPE_AND_TWO_SECTORS: u64 = 1536 + 2;
    vouch(&mut guest);
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();

    guest.step("discard", |g| g.discard(&array, STRIPE_AND_TWO_SECTORS..STRIPE_AND_TWO_SECTORS + 6144));
    guest.step("idle", |g| g.wait_idle());
    guest.step("read", |g| g.either_way(|g| g.check(&array)));

    assert_story!(guest);
}
