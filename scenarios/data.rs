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
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| g.fill(&array));

    guest.step("idle", |g| g.wait_idle());
    guest.step("map", |g| g.map(&array));
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.prepare(|g| g.assemble(&array, Mdadm));
    guest.step("read", |g| g.check(&array));

    assert_story!(guest);
}

/// An array that has lost as many disks as it may gives every byte back and takes new ones; so it does with new disks in
/// their places, and when the others are lost instead. No snapshots: how often the events are counted on such a long way
/// depends on where each checkpoint falls.
#[rstest]
fn survives(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    let array = Array::new(level).on(guest.loops(4, mib(6)));
    guest.given(&array);
    let fresh = guest.loops(level.tolerates() as u32, mib(6));
    guest.trace_nothing();
    guest.fill(&array);

    guest.step("lose", |g| (0..level.tolerates()).for_each(|lost| g.fail(&array, array.member(lost))));
    guest.step("read degraded", |g| g.check(&array));
    guest.step("write degraded", |g| g.overwrite(&array));
    guest.step("rebuild", |g| {
        fresh.iter().for_each(|disk| g.add(&array, disk));
        g.wait_idle();
        g.check_overwritten(&array);
    });
    guest.step("lose others", |g| (2..2 + level.tolerates()).for_each(|lost| g.fail(&array, array.member(lost))));
    guest.step("read from the rebuilt", |g| g.check_overwritten(&array));

    guest.keep_recording();
}

/// What a file system trims is given up, and what it holds is not. raid4, 5 and 6 trim only where the administrator vouches
/// for the disks (`devices_handle_discard_safely`). Blocks of 4 KiB, because of [`discards_too_much`].
#[rstest]
fn trims(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
) {
    needs!(guest, level);
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(8)));
    guest.set_parameter("raid456", "devices_handle_discard_safely", "Y");
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| {
        g.run("mkfs.ext4 -q -b 4096 -E nodiscard /dev/md0");
        g.run("mount /dev/md0 /mnt");
        g.fill_sectors("/mnt/kept", 0..2048);
        g.fill_sectors("/mnt/gone", 0..2048);
        g.run("rm /mnt/gone");
        g.run("sync");
        g.wait_idle();
    });

    guest.step("trim", |g| g.run("fstrim -v /mnt"));
    guest.prepare(|g| g.run("umount /mnt"));
    guest.prepare(|g| g.run("mount /dev/md0 /mnt"));
    guest.step("read", |g| g.check_sectors("/mnt/kept", 0..2048));
    // Levels without redundancy have nothing to check.
    guest.step("check", |g| g.either_way(|g| g.scrub(&array, "check")));

    assert_story!(guest);
}

/// Two sectors lie before the discarded range in its first 4 KiB, and must survive.
///
/// Bug in Debian's 5.10.0-32 and 6.1.0-50: sectors 1536 and 1537 are lost. raid5's `make_discard_request` rounds the start
/// down to 4 KiB before it rounds it up to a stripe, and so takes a stripe that begins before the range: a file system of
/// 1 KiB blocks loses data to fstrim. 6.1.192 computes the first stripe from the sector itself, and 7.2 keeps them.
#[rstest]
fn discards_too_much(mut guest: Guest, #[values(Level::Raid5, Level::Raid6)] level: Level) {
    // Three and two data disks: 1536 sectors are four stripes of the one and six of the other.
    const STRIPE_AND_TWO_SECTORS: u64 = (1536 + 2) * 512;
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(6)));
    guest.set_parameter("raid456", "devices_handle_discard_safely", "Y");
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| {
        g.fill(&array);
        g.wait_idle();
    });

    guest.step("discard", |g| {
        g.run(&format!("blkdiscard --offset {STRIPE_AND_TWO_SECTORS} --length 3145728 /dev/md0"));
        g.wait_idle();
    });
    guest.step("read", |g| g.refused(|g| g.check(&array)));

    assert_story!(guest);
}
