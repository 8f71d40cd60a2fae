//! Two disks that hold the same.

use mdlab::{Array, Guest, Tool, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A mirror is created on two loop devices, resynced, and stopped again.
#[rstest]
fn creates_and_stops(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    let array = Array::raid1().on(guest.loops(2, mib(10)));

    guest.slow_syncs();
    guest.step("create", |g| g.create(&array, tool));
    guest.hasten_syncs();
    guest.step("resync", |g| g.wait_idle());
    guest.step("stop", |g| g.stop(&array, tool));

    assert_story!(guest);
}
