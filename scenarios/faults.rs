//! Disks that go wrong beneath an array.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Fault, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A disk that takes no writes, or dies altogether, is dropped at the first write, for it cannot say that it is stale.
#[rstest]
fn a_disk_that_fails(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
    #[values(Fault::WriteErrors, Fault::Dead)] fault: Fault,
) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &fault));
    guest.step("write", |g| {
        g.fill_sectors(array.node(), 0..1024);
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..1024));

    assert_story!(guest);
}

/// The last disk of a mirror dies: the array stays, and answers with errors.
#[rstest]
fn the_last_disk_dies(mut guest: Guest) {
    guest.watch_nothing();
    let array = Array::raid1().on(guest.fragile(2, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.fail(&array, array.member(1)));
    guest.prepare(|g| g.inflict(array.member(0), &Fault::Dead));
    guest.step("read", |g| g.refused(|g| g.check_sectors(array.node(), 0..8)));
    guest.step("write", |g| g.refused(|g| g.fill_sectors(array.node(), 0..8)));
    guest.step("stop", |g| g.stop(&array, Mdadm));

    assert_story!(guest);
}

/// A disk that forgets what was written: nobody notices but a check.
#[rstest]
fn a_disk_that_lies(mut guest: Guest) {
    let array = Array::raid1().on(guest.fragile(2, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &Fault::DroppedWrites));
    guest.prepare(|g| g.fill_sectors(array.node(), 0..64));
    guest.prepare(|g| g.wait_idle());
    guest.step("check", |g| g.scrub(&array, "check"));

    assert_story!(guest);
}

/// A disk that does not answer: the write waits for it, and the array with it, until it does. All in one step, for nobody may
/// look at a raid5 meanwhile: who reads its attribute `journal_mode` waits for the array's lock, which md holds while it
/// writes superblocks (`r5c_journal_mode_show` of drivers/md/raid5-cache.c).
///
/// The disk is slow as well, so that device-mapper has announced that it answers again long before the write ends and the array
/// is closed: else it is luck what is announced first. And the array calls itself clean before a slow disk has been told.
#[rstest]
fn a_disk_that_stalls(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid10)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &Fault::Delay(100)));
    guest.step("write", |g| {
        g.stall(array.member(1));
        let write = g.start_filling(&array, 0..1024);
        g.wait_for(&array, "array_state", "write-pending");
        g.resume(array.member(1));
        g.finish(write);
        g.wait_for(&array, "array_state", "clean");
        g.inflict(array.member(1), &Fault::None);
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..1024));

    assert_story!(guest);
}

/// A disk a tenth of a second slow: the array is as slow, and loses nothing.
#[rstest]
fn a_slow_disk(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid10)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.fragile(4, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.prepare(|g| g.inflict(array.member(1), &Fault::Delay(100)));
    guest.step("write", |g| {
        g.fill_sectors(array.node(), 0..1024);
        // The array calls itself clean before the slow disk has been told.
        g.wait_for(&array, "array_state", "clean");
        g.inflict(array.member(1), &Fault::None);
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..1024));

    assert_story!(guest);
}

/// A write journal dies: nothing more can be written, what is there can be read; without the journal the array comes back
/// only by force, and read-only.
#[rstest]
fn a_journal_that_dies(mut guest: Guest) {
    let disks = guest.fragile(4, mib(6));
    let array = Array::raid5().chunk(64).with(&format!("--write-journal {}", disks[3])).on(&disks[..3]);
    guest.given_filled(&array);
    guest.trace_nothing();

    // Whether the array can be marked clean before the loss is written down is luck.
    guest.prepare(|g| g.keep_dirty(&array));
    guest.prepare(|g| g.inflict(&disks[3], &Fault::Dead));
    guest.step("write", |g| write_in_vain(g, &array));
    guest.step("read", |g| g.check(&array));
    guest.step("stop", |g| g.stop(&array, Mdadm));
    guest.step("assemble", |g| g.refused(|g| g.assemble(&array, Mdadm)));
    // udev's rules have taken what mdadm let go.
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.step("force", |g| g.force(&array, array.members()));
    guest.step("write again", |g| write_in_vain(g, &array));

    assert_story!(guest);
}

/// Linux 6.12 starts a recovery when a journal is lost, finds nothing to do, and writes that down: at once, or later.
fn write_in_vain(guest: &mut Guest, array: &Array) {
    guest.refused(|g| g.fill_sectors(array.node(), 0..64));
    guest.wait_for(array, "sync_completed", "none");
}

/// A disk is pulled out: md drops it, udev's rules remove it from the array, and what is written then can be read. No
/// snapshots: what the SCSI disk and what md say comes in an order that is luck.
#[rstest]
fn a_disk_that_vanishes(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid10)] level: Level) {
    let disk = guest.scsi_disk(8);
    let array = Array::new(level).with("--size 4096").chunk(64).on(guest.loops(3, mib(6)).into_iter().chain([disk]));
    guest.given(&array);
    guest.trace_nothing();
    assert_eq!(guest.attribute(&array, "dev-sda/slot").as_deref(), Some("3"));

    guest.step("pull", |g| g.pull("/dev/sda"));
    guest.step("write", |g| {
        g.fill_sectors(array.node(), 0..1024);
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..1024));

    assert_eq!(guest.attribute(&array, "degraded").as_deref(), Some("1"));
    assert_eq!(guest.attribute(&array, "dev-sda/slot"), None, "udev's rules have removed it");
}
