//! How arrays end.

use mdlab::Tool::{self, Mdadm};
use mdlab::{Array, Guest, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// An array that somebody holds open is busy, whichever tool asks; once it is let go it stops.
#[rstest]
fn held_open(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    let holder = guest.hold_open(&array);

    guest.step("stop", |g| g.refused(|g| g.stop(&array, tool)));
    guest.step("let go", |g| g.terminate(holder));
    guest.step("stop again", |g| g.stop(&array, tool));

    assert_story!(guest);
}

/// An array with a mounted file system cannot be stopped.
#[rstest]
fn mounted(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.format(&array);
        g.mount(&array);
    });
    guest.trace_nothing();

    guest.step("stop", |g| g.refused(|g| g.stop(&array, Mdadm)));
    guest.step("unmount", |g| g.unmount());
    guest.step("stop again", |g| g.stop(&array, Mdadm));

    assert_story!(guest);
}

/// What has been stopped is not there to be stopped again.
#[rstest]
fn stopped_already(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));

    guest.step("stop", |g| g.refused(|g| g.stop(&array, tool)));

    assert_story!(guest);
}

/// A resync that is stopped goes on from where it was when the array is assembled again: what is made to differ before that
/// place stays different, and what differed after it does not. Data begin at sector 2048 of a member.
#[rstest]
fn in_the_middle_of_a_resync(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given_unsynced(&array);
    guest.hold_sync(&array, 4096);
    guest.trace_nothing();

    guest.step("resync", |g| {
        g.make_read_only(&array, false);
        g.wait_for(&array, "sync_completed", "4096 / 10240");
    });
    guest.prepare(|g| [4096, 8192].into_iter().for_each(|at| g.fill_sectors("/dev/loop1", at..at + 8)));
    guest.step("stop", |g| g.stop(&array, Mdadm));
    guest.step("assemble", |g| {
        g.assemble(&array, Mdadm);
        g.wait_idle();
    });
    guest.step("check", |g| g.scrub(&array, "check"));

    assert_story!(guest);
}

/// Two arrays live side by side, and one word stops both.
#[rstest]
fn two_arrays(mut guest: Guest) {
    let one = Array::raid1().on(guest.loops(2, mib(6)));
    let other = Array::raid5().at("/dev/md1").on(guest.loops(3, mib(6)));
    guest.trace_nothing();

    guest.step("create one", |g| {
        g.create(&one, Mdadm);
        g.wait_idle();
    });
    guest.step("create the other", |g| {
        g.create(&other, Mdadm);
        g.wait_idle();
    });
    guest.step("stop", |g| g.run("mdadm --stop --scan"));

    assert_story!(guest);
}
