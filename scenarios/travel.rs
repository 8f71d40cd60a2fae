//! Arrays that travel: created by one kernel and one mdadm, plugged into another machine, where udev takes them up.
//!
//! Since 6.19 the kernel writes the size of a logical block into the superblock, where it was padding before, and kernels before
//! that refuse what they do not know there.

use mdlab::Tool::{Ioctl, Mdadm};
use mdlab::{Array, Disks, Guest, Level, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// The disks of an array that was created elsewhere, filled, and stopped.
fn created_on(suite: &str, array: Array) -> (Array, Disks) {
    let mut elsewhere = Guest::fork_on(suite);
    let array = array.on(elsewhere.loops(3, mib(6)));
    elsewhere.given_filled(&array);
    elsewhere.prepare(|g| g.stop(&array, Mdadm));
    let disks = elsewhere.unplug(array.members());
    (array, disks)
}

/// udev's rules have assembled it once mdadm is told to. It is read, loses a disk, gets it back, and is stopped; or it is
/// refused, and with it all of that.
#[rstest]
fn goes_on_elsewhere(
    #[values("bullseye", "bookworm", "trixie", "sid")] from: &str,
    #[values(Level::Raid1, Level::Raid5)] level: Level,
    mut guest: Guest,
) {
    let (array, disks) = created_on(from, Array::new(level).chunk(64));
    guest.trace_nothing();

    guest.step("plug in", |g| drop(g.plug_in(&disks)));
    // Disks that were refused are announced again, all at once: which of them udev's mdadm takes first is luck.
    guest.keep_disks_from_udev();
    guest.step("assemble", |g| g.either_way(|g| g.assemble(&array, Mdadm)));
    guest.step("read", |g| g.either_way(|g| g.check(&array)));
    guest.step("fail", |g| g.either_way(|g| g.fail(&array, array.member(1))));
    guest.step("remove", |g| g.either_way(|g| g.remove(&array, array.member(1))));
    guest.step("add", |g| {
        g.either_way(|g| g.add(&array, array.member(1)));
        g.wait_idle();
    });
    guest.step("stop", |g| g.either_way(|g| g.stop(&array, Mdadm)));

    assert_story!(guest);
}

/// It is made larger where it was not created.
#[rstest]
fn grows_elsewhere(#[values("bullseye", "bookworm", "trixie", "sid")] from: &str, mut guest: Guest) {
    let (array, disks) = created_on(from, Array::raid5().chunk(64));
    guest.trace_nothing();
    guest.prepare(|g| drop(g.plug_in(&disks)));
    let spare = guest.loops(1, mib(6));
    guest.keep_disks_from_udev();

    guest.step("add", |g| g.either_way(|g| g.add(&array, &spare[0])));
    guest.step("grow", |g| {
        g.either_way(|g| g.grow(&array, "--raid-devices 4"));
        g.wait_idle();
    });
    guest.step("read", |g| g.either_way(|g| g.check_sectors(array.node(), 0..16384)));

    assert_story!(guest);
}

/// It was on another machine, and comes back.
#[rstest]
fn comes_back_from(#[values("bullseye", "bookworm", "trixie", "sid")] elsewhere: &str, mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given_filled(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    let mut other = Guest::fork_on(elsewhere);
    let disks = guest.unplug(array.members());
    other.prepare(|g| drop(g.plug_in(&disks)));
    other.prepare(|g| g.either_way(|g| g.stop(&array, Mdadm)));
    let disks = other.unplug(array.members());
    guest.trace_nothing();
    guest.prepare(|g| g.zero(array.members()));

    guest.step("plug in", |g| drop(g.plug_in(&disks)));
    guest.step("read", |g| g.either_way(|g| g.check(&array)));

    assert_story!(guest);
}

/// A raid0 of unequal members that does not say how it is laid out, as those from before 5.4: nobody knows whether a kernel
/// before 3.14 wrote to it or a later one, and so it is refused until somebody says it.
#[rstest]
fn a_raid0_from_before_layouts(mut guest: Guest) {
    let mut elsewhere = Guest::fork_on("bullseye");
    // What lies behind the smallest is striped as well.
    let disks = [elsewhere.loops(1, mib(4)), elsewhere.loops(2, mib(6))].concat();
    let array = Array::new(Level::Raid0).with("--chunk 64 --no-raid0-layout").on(disks);
    elsewhere.prepare(|g| g.refused(|g| g.create(&array, Ioctl)));
    let disks = elsewhere.unplug(array.members());
    guest.trace_nothing();

    guest.step("plug in", |g| drop(g.plug_in(&disks)));
    guest.step("stop", |g| g.either_way(|g| g.stop(&array, Ioctl)));
    guest.keep_disks_from_udev();
    guest.step("assemble", |g| g.refused(|g| g.assemble(&array, Mdadm)));
    guest.step("say so", |g| g.either_way(|g| g.assemble_with(&array, "--update=layout-alternate")));

    assert_story!(guest);
}
