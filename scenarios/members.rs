//! Members that fail, go, come back, and are replaced.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, assert_story, mib, needs};
use rstest::rstest;

use crate::guest;

/// A mirror loses a disk, goes on without it, and takes it back as if it were new.
#[rstest]
fn fails_removes_and_adds(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);

    guest.step("fail", |g| g.fail(&array, "/dev/loop1"));
    guest.step("remove", |g| g.remove(&array, "/dev/loop1"));
    guest.hold_sync(&array, 0);
    guest.step("add", |g| g.add(&array, "/dev/loop1"));
    guest.release_sync(&array);
    guest.step("recovery", |g| g.wait_idle());

    assert_story!(guest);
}

/// A spare takes the place of a disk that failed, without being asked.
#[rstest]
fn a_spare_takes_over(
    mut guest: Guest,
    #[values(Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    let array = Array::new(level).spares(1).on(guest.loops(5, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.hold_sync(&array, 0);
    guest.step("fail", |g| g.fail(&array, "/dev/loop1"));
    guest.release_sync(&array);
    guest.step("recovery", |g| g.wait_idle());

    assert_story!(guest);
}

/// Two disks of a raid6 fail, and there is a spare for one of them.
#[rstest]
fn one_spare_for_two_losses(mut guest: Guest) {
    let array = Array::new(Level::Raid6).on(guest.loops(4, mib(6)));
    guest.given(&array);
    let spare = guest.loops(1, mib(6)).remove(0);
    guest.trace_nothing();

    guest.step("fail one", |g| g.fail(&array, "/dev/loop1"));
    guest.step("fail another", |g| g.fail(&array, "/dev/loop2"));
    guest.step("add", |g| {
        g.add(&array, &spare);
        g.wait_idle();
    });

    assert_story!(guest);
}

/// Through the bitmap only what was written meanwhile is copied: the mismatch planted elsewhere on the disk that was away
/// survives its return, and a check finds it.
#[rstest]
fn returns_through_the_bitmap(mut guest: Guest) {
    let array = Array::raid1().with("--bitmap internal --bitmap-chunk 64K").on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.fail(&array, "/dev/loop1");
        g.remove(&array, "/dev/loop1");
        g.fill_sectors(array.node(), 0..128);
        g.fill_sectors("/dev/loop1", 8192..8200);
        g.wait_idle();
    });

    guest.step("re-add", |g| {
        g.re_add(&array, "/dev/loop1");
        g.wait_idle();
    });
    guest.step("check", |g| g.scrub(&array, "check"));

    assert_story!(guest);
}

/// What the bitmap knows outlives the array: a disk lacks nothing that returns after the array was stopped, and assembled
/// without it. Half a minute after the first resync the bitmap on disk has forgotten it.
#[rstest]
fn returns_to_another_life(mut guest: Guest) {
    let array = Array::raid1().with("--bitmap internal --bitmap-chunk 64K").on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.run("sleep 30");
        g.fail(&array, "/dev/loop1");
        g.remove(&array, "/dev/loop1");
        g.fill_sectors(array.node(), 0..128);
        g.wait_idle();
        g.stop(&array, Mdadm);
        g.assemble_degraded(&array, &array.members()[..1]);
    });
    guest.trace_nothing();

    guest.step("re-add", |g| g.re_add(&array, "/dev/loop1"));
    guest.step("recovery", |g| g.wait_idle());
    guest.step("check", |g| g.scrub(&array, "check"));

    assert_story!(guest);
}

/// A bitmap on disk knows what is being written, and forgets it once all members have it.
#[rstest]
fn the_bitmap_forgets(mut guest: Guest) {
    let array = Array::raid1().with("--bitmap internal --bitmap-chunk 64K --assume-clean").on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.trace_nothing();
    guest.prepare(|g| g.run("sleep 30"));

    guest.prepare(|g| g.fill_sectors(array.node(), 0..128));
    guest.step("at once", |g| g.run("mdadm --examine-bitmap /dev/loop0"));
    guest.prepare(|g| g.run("sleep 30"));
    guest.step("later", |g| g.run("mdadm --examine-bitmap /dev/loop0"));

    assert_story!(guest);
}

/// Without a bitmap nobody knows what was written meanwhile.
#[rstest]
fn cannot_return_without_a_bitmap(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.fail(&array, "/dev/loop1");
        g.remove(&array, "/dev/loop1");
        g.fill_sectors(array.node(), 0..128);
        g.wait_idle();
    });
    guest.trace_nothing();

    guest.step("re-add", |g| g.refused(|g| g.re_add(&array, "/dev/loop1")));
    guest.step("add", |g| {
        g.add(&array, "/dev/loop1");
        g.wait_idle();
    });

    assert_story!(guest);
}

/// A disk is copied to another while it still works, and leaves when that is done.
///
/// Suspected bug in 5.10 and 6.1: the link `rd1` goes with the disk that leaves, and the one in its place gets none
/// (`sysfs_link_rdev` in drivers/md/md.h passes over replacements, and nobody asks again once it is none).
#[rstest]
fn replaces(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid10)] level: Level) {
    let array = Array::new(level).spares(1).on(guest.loops(5, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.hold_sync(&array, 0);
    // An array that is clean again may count its events back (`md_update_sb` of drivers/md/md.c): whether it can is luck.
    guest.prepare(|g| g.keep_dirty(&array));
    guest.step("replace", |g| {
        g.replace(&array, "/dev/loop1", "/dev/loop4");
        // Otherwise it is luck whether the superblocks say so before all is over.
        g.fill_sectors(array.node(), 0..8);
    });
    guest.release_sync(&array);
    guest.step("recovery", |g| g.wait_idle());
    guest.step("remove", |g| g.run("mdadm /dev/md0 --remove failed"));

    assert_story!(guest);
}

/// The last disk of a mirror cannot be failed: whoever asks is told that it is busy.
#[rstest]
fn the_last_one_stays(mut guest: Guest, #[values(Level::Raid1, Level::Raid10)] level: Level) {
    let array = Array::new(level).on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.step("fail one", |g| g.fail(&array, "/dev/loop1"));
    guest.step("fail the last", |g| g.refused(|g| g.fail(&array, "/dev/loop0")));
    guest.step("remove the last", |g| g.refused(|g| g.remove(&array, "/dev/loop0")));

    assert_story!(guest);
}

/// A raid5 that loses two disks cannot go on.
///
/// Suspected bug in 6.1: md fails the disk and says EBUSY all the same (`raid5_error` sets MD_BROKEN, and `set_disk_faulty`
/// takes that for a refusal). Nor does it wake md's thread then (`md_error` does so only where MD_BROKEN is not set): no superblock
/// says that the disk has failed until the array is stopped. 5.10 says that it is done, and writes them.
#[rstest]
fn a_second_loss(mut guest: Guest) {
    let array = Array::raid5().on(guest.loops(3, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.fail(&array, "/dev/loop1"));
    guest.trace_nothing();

    guest.step("fail another", |g| g.either_way(|g| g.fail(&array, "/dev/loop0")));
    guest.step("stop", |g| g.stop(&array, Mdadm));

    assert_story!(guest);
}

/// A level without redundancy cannot lose a disk, and says that it is busy.
///
/// Suspected bug in 6.1: it marks the array as broken all the same, and then refuses writes that would have worked
/// (`raid0_error` in drivers/md/raid0.c, whose message lacks a colon). 5.10 lets the array be.
#[rstest]
fn nothing_to_spare(mut guest: Guest, #[values(Level::Linear, Level::Raid0)] level: Level) {
    needs!(guest, level);
    let array = Array::new(level).on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    guest.step("fail", |g| g.refused(|g| g.fail(&array, "/dev/loop0")));
    guest.step("write", |g| g.either_way(|g| g.fill_sectors(array.node(), 0..8)));

    assert_story!(guest);
}

/// A disk in use cannot be added elsewhere, nor removed while it works.
#[rstest]
fn members_in_use(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);

    guest.step("add again", |g| g.refused(|g| g.add(&array, "/dev/loop1")));
    guest.step("remove", |g| g.refused(|g| g.remove(&array, "/dev/loop1")));
    guest.step("zero", |g| g.refused(|g| g.zero(&array.members()[1..])));

    assert_story!(guest);
}
