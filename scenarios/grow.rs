//! Arrays that change their shape while they live.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A mirror gets a third copy, and gives it up again.
#[rstest]
fn a_third_copy(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    let more = guest.loops(1, mib(6)).remove(0);

    guest.step("grow", |g| {
        g.run(&format!("mdadm --grow /dev/md0 --raid-devices 3 --add {more}"));
        g.wait_idle();
    });
    guest.prepare(|g| g.run(&format!("mdadm /dev/md0 --fail {more} --remove {more}")));
    guest.step("shrink", |g| g.run("mdadm --grow /dev/md0 --raid-devices 2"));

    assert_story!(guest);
}

/// An array is spread over one more disk, and every byte stays where its number says.
#[rstest]
fn one_more_disk(mut guest: Guest, #[values(Level::Raid5, Level::Raid6, Level::Raid10)] level: Level) {
    let array = Array::new(level).chunk(64).on(guest.loops(4, mib(6)));
    guest.given(&array);
    let more = guest.loops(1, mib(6)).remove(0);
    guest.trace_nothing();
    guest.prepare(|g| {
        g.fill_sectors(array.node(), 0..8192);
        g.wait_idle();
    });

    guest.step("grow", |g| {
        g.run(&format!("mdadm --grow /dev/md0 --raid-devices 5 --add {more}"));
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..8192));

    assert_story!(guest);
}

/// A reshape is frozen on its way, the array stopped and assembled again: it goes on, and no byte is lost.
#[rstest]
fn interrupted(mut guest: Guest) {
    let array = Array::raid5().with("--chunk 64").on(guest.loops(3, mib(6)));
    guest.given(&array);
    let more = guest.loops(1, mib(6)).remove(0);
    guest.trace_nothing();
    guest.prepare(|g| {
        g.fill_sectors(array.node(), 0..8192);
        g.wait_idle();
        g.add(&array, &more);
        g.set(&array, "sync_max", "2048");
    });

    guest.step("grow", |g| {
        g.run("mdadm --grow /dev/md0 --raid-devices 4");
        g.wait_for(&array, "reshape_position", "6144");
    });
    guest.step("stop", |g| g.stop(&array, Mdadm));
    guest.step("assemble", |g| {
        g.run("mdadm --assemble /dev/md0 /dev/loop0 /dev/loop1 /dev/loop2 /dev/loop3");
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..8192));

    assert_story!(guest);
}

/// Other changes of shape, in one line each.
#[rstest]
#[case::size(Array::raid1().with("--size 3072"), 2, "--size max")]
#[case::raid1_to_raid5(Array::raid1(), 2, "--level 5")]
#[case::raid0_to_raid5(Array::new(Level::Raid0).with("--chunk 64"), 2, "--level 5 --add /dev/loop2")]
#[case::raid5_to_raid6(Array::raid5().spares(1).with("--chunk 64"), 4, "--level 6 --backup-file /tmp/backup")]
#[case::raid5_to_raid0(Array::raid5().with("--chunk 64"), 3, "--level 0 --backup-file /tmp/backup")]
#[case::chunk(Array::raid5().with("--chunk 64"), 3, "--chunk 128")]
#[case::bitmap(Array::raid1(), 2, "--bitmap internal")]
#[case::no_bitmap(Array::raid1().with("--bitmap internal"), 2, "--bitmap none")]
fn grows(mut guest: Guest, #[case] array: Array, #[case] members: u32, #[case] change: &str) {
    let array = array.on(guest.loops(members, mib(6)));
    guest.given(&array);
    // A disk for changes that need one.
    guest.loops(1, mib(6));
    guest.prepare(|g| {
        g.fill_sectors(array.node(), 0..4096);
        g.wait_idle();
    });
    guest.trace_nothing();

    guest.step("grow", |g| {
        g.run(&format!("mdadm --grow /dev/md0 {change}"));
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..4096));

    assert_story!(guest);
}
