//! Arrays that change their shape while they live, and keep every byte where its number says.

use mdlab::Tool::Mdadm;
use mdlab::metadata::Superblock;
use mdlab::{Array, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A mirror gives a copy up.
#[rstest]
fn one_copy_less(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(3, mib(6)));
    guest.given_filled(&array);
    guest.prepare(|g| {
        g.fail(&array, array.member(2));
        g.remove(&array, array.member(2));
    });

    guest.step("shrink", |g| g.grow(&array, "--raid-devices 2"));
    guest.step("read", |g| g.check(&array));

    assert_story!(guest);
}

/// A reshape is held on its way, the array stopped and assembled again: it goes on, and no byte is lost. Snapshots do not show
/// where it was stopped, because after a reshape that is luck.
#[rstest]
fn interrupted(mut guest: Guest) {
    let array = Array::raid5().chunk(64).spares(1).on(guest.loops(4, mib(6)));
    guest.given_filled(&array);
    guest.trace_nothing();
    guest.hold_sync(&array, 2048);

    guest.step("grow", |g| {
        g.grow(&array, "--raid-devices 4");
        g.wait_for(&array, "reshape_position", "6144");
    });
    guest.step("stop", |g| g.stop(&array, Mdadm));
    assert!(matches!(&guest.superblocks(&array)[0], Superblock::V1(first) if first.reshape_position == 6144));
    guest.step("assemble", |g| {
        g.assemble(&array, Mdadm);
        g.wait_idle();
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..20480));

    assert_story!(guest);
}

/// Changes of shape, in one line each. Those that need one more disk take the next.
#[rstest]
#[case::raid1_disk(Array::raid1(), 2, "--raid-devices 3 --add /dev/loop2")]
#[case::raid5_disk(Array::raid5().chunk(64), 4, "--raid-devices 5 --add /dev/loop4")]
#[case::raid6_disk(Array::new(Level::Raid6).chunk(64), 4, "--raid-devices 5 --add /dev/loop4")]
#[case::raid10_disk(Array::new(Level::Raid10).chunk(64), 4, "--raid-devices 5 --add /dev/loop4")]
#[case::size(Array::raid1().with("--size 3072"), 2, "--size max")]
#[case::raid1_to_raid5(Array::raid1(), 2, "--level 5")]
#[case::raid0_to_raid5(Array::new(Level::Raid0).chunk(64), 2, "--level 5 --add /dev/loop2")]
#[case::raid5_to_raid6(Array::raid5().spares(1).chunk(64), 4, "--level 6 --backup-file /tmp/backup")]
#[case::raid5_to_raid0(Array::raid5().chunk(64), 3, "--level 0 --backup-file /tmp/backup")]
#[case::chunk(Array::raid5().chunk(64), 3, "--chunk 128")]
#[case::bitmap(Array::raid1(), 2, "--bitmap internal")]
#[case::no_bitmap(Array::raid1().with("--bitmap internal"), 2, "--bitmap none")]
fn grows(mut guest: Guest, #[case] array: Array, #[case] members: u32, #[case] change: &str) {
    let array = array.on(guest.loops(members, mib(6)));
    guest.given_filled(&array);
    guest.loops(1, mib(6));
    let size = guest.size(&array);
    guest.trace_nothing();
    guest.keep_disks_from_udev();

    guest.step("grow", |g| {
        g.grow(&array, change);
        g.wait_idle();
        // mdadm may write its last limit after md has come to the end and forgotten all limits.
        if g.attribute(&array, "sync_max").is_some() {
            g.release_sync(&array);
        }
    });
    guest.step("read", |g| g.check_sectors(array.node(), 0..size));

    assert_story!(guest);
}
