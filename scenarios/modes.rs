//! States that an array can be put into, and what watches it.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A mismatch planted behind md's back is counted by a check, made good by a repair, and gone after that.
#[rstest]
fn checks_and_repairs(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.fill_sectors("/dev/loop1", 4096..4104));
    guest.trace_nothing();

    guest.step("check", |g| g.scrub(&array, "check"));
    guest.step("repair", |g| g.scrub(&array, "repair"));
    guest.step("check again", |g| g.scrub(&array, "check"));

    assert_story!(guest);
}

/// A read-only array takes no writes and forgets nothing.
#[rstest]
fn read_only(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);

    guest.step("read-only", |g| g.make_read_only(&array, true));
    guest.step("write", |g| g.refused(|g| g.fill_sectors(array.node(), 0..8)));
    guest.step("read-write", |g| g.make_read_only(&array, false));
    guest.step("write again", |g| {
        g.fill_sectors(array.node(), 0..8);
        g.wait_idle();
    });

    assert_story!(guest);
}

/// An array that starts read-only of its own accord becomes writable at the first write, and resyncs only then.
#[rstest]
fn auto_read_only(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.start_read_only(true);
    guest.trace_nothing();

    guest.step("assemble", |g| g.assemble_with(&array, "--update=resync"));
    guest.step("idle", |g| g.wait_idle());
    guest.step("write", |g| {
        g.fill_sectors(array.node(), 0..8);
        g.wait_idle();
    });

    assert_story!(guest);
}

/// A resync that is frozen before it has done anything begins at the beginning when it goes on. Snapshots do not show where
/// it was, because most often that is luck.
///
/// Fixed in Linux 6.3 (1d1f25bfda43), and in the stable kernels before it: it began at sector 3.
#[rstest]
fn frozen(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given_unsynced(&array);
    guest.hold_sync(&array, 0);
    guest.trace_nothing();

    guest.step("resync", |g| {
        g.make_read_only(&array, false);
        g.wait_for(&array, "sync_completed", "0 / 10240");
    });
    guest.step("freeze", |g| g.run("mdadm --action=frozen /dev/md0"));
    assert_eq!(guest.attribute(&array, "resync_start").as_deref(), Some("0"));
    guest.release_sync(&array);
    guest.step("go on", |g| g.scrub(&array, "idle"));

    assert_story!(guest);
}

/// A superblock can be wiped once its array is stopped; then there is nothing to assemble.
#[rstest]
fn zeroed(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));

    guest.step("zero", |g| g.zero(array.members()));
    guest.step("zero again", |g| g.either_way(|g| g.zero(&array.members()[..1])));
    guest.step("assemble", |g| g.refused(|g| g.assemble(&array, Mdadm)));

    assert_story!(guest);
}

/// mdadm watches an array from the side, and raises the alarm when a disk fails.
#[rstest]
fn monitored(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.trace_nothing();
    let monitor = guest.monitor(&array);

    guest.step("fail", |g| g.fail(&array, "/dev/loop1"));
    // It looks once in a second; whether it is woken as well depends on its version.
    guest.step("notice", |g| g.run("sleep 2"));
    guest.step("end", |g| g.terminate(monitor));

    assert_story!(guest);
}

/// It reports how a spare takes over.
#[rstest]
fn monitored_takeover(mut guest: Guest) {
    let array = Array::raid1().spares(1).on(guest.loops(3, mib(6)));
    guest.given(&array);
    guest.trace_nothing();
    let monitor = guest.monitor(&array);

    // Otherwise it is luck who speaks first, mdadm or the kernel that begins to recover.
    guest.prepare(|g| g.set(&array, "sync_action", "frozen"));
    guest.step("fail", |g| g.fail(&array, "/dev/loop1"));
    guest.step("notice", |g| g.run("sleep 2"));
    guest.step("recovery", |g| {
        g.set(&array, "sync_action", "idle");
        g.wait_idle();
    });
    guest.step("notice the end", |g| g.run("sleep 2"));
    guest.step("end", |g| g.terminate(monitor));

    assert_story!(guest);
}

/// Asked once, mdadm reports what is wrong at this moment.
#[rstest]
fn monitored_once(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.fail(&array, "/dev/loop1"));
    guest.trace_nothing();

    guest.step("look", |g| g.run("mdadm --monitor --oneshot --program /sbin/md-alert /dev/md0"));

    assert_story!(guest);
}
