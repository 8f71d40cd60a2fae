//! md as a module: not loaded, not to be loaded, and with the options that change what an mdadm may rely on.

use mdlab::Tool::{self, Mdadm};
use mdlab::{Array, Guest, Need, Version, assert_story, mib, needs};
use rstest::rstest;

use crate::guest;

/// md is not loaded: whoever wants an array has it loaded. mdadm 4.5 did not, and left machines without their arrays.
#[rstest]
fn is_loaded_by_whoever_needs_it(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    needs!(guest, Need::MdModule);
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.unload_md();

    guest.step("create", |g| g.create(&array, tool));
    guest.step("resync", |g| g.wait_idle());
    guest.step("stop", |g| g.stop(&array, tool));

    assert_story!(guest);
}

/// The same for arrays that are there already: named, found by a scan, and one member after the other.
#[rstest]
#[case::assemble("mdadm --assemble /dev/md0 /dev/loop0 /dev/loop1")]
#[case::scan("mdadm --assemble --scan")]
#[case::incremental("mdadm --incremental /dev/loop0")]
fn is_loaded_for_what_is_there(mut guest: Guest, #[case] line: &str) {
    needs!(guest, Need::MdModule);
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.unload_md();

    guest.step("assemble", |g| g.run(line));

    assert_story!(guest);
}

/// By udev, whose rules run mdadm when disks are plugged in.
#[rstest]
fn is_loaded_for_what_is_plugged_in(mut guest: Guest) {
    needs!(guest, Need::MdModule);
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    let disks = guest.unplug(array.members());
    guest.prepare(|g| g.zero(array.members()));
    guest.unload_md();

    guest.step("plug in", |g| drop(g.plug_in(&disks)));

    assert_story!(guest);
}

/// md must not be loaded: what each tool says then.
#[rstest]
fn must_not_be_loaded(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    needs!(guest, Need::MdModule);
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.unload_md();
    guest.forbid_modules();

    guest.step("create", |g| g.refused(|g| g.create(&array, tool)));
    guest.step("stop", |g| g.refused(|g| g.stop(&array, tool)));

    assert_story!(guest);
}

/// The kernel frees the disk of an array that was stopped at once, and not at some later time: that is how 6.17 began to do it,
/// and what mdadm before 4.5 does not survive. Since then it does so only where it is asked to.
#[rstest]
fn frees_disks_at_once(mut guest: Guest) {
    needs!(guest, Need::LinuxSince(Version { major: 6, minor: 18 }));
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.prepare(|g| g.run("sh -c 'echo N > /sys/module/md_mod/parameters/legacy_async_del_gendisk'"));

    guest.step("create", |g| g.create(&array, Mdadm));
    guest.step("resync", |g| g.wait_idle());
    guest.step("stop", |g| g.stop(&array, Mdadm));
    guest.step("assemble", |g| g.either_way(|g| g.assemble(&array, Mdadm)));

    assert_story!(guest);
}
