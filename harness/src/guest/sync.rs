//! Waiting for md, and holding what it does in the background.

use super::Guest;
use crate::array::Array;

/// The slowest pace of a resync that the kernel accepts, in KiB/s.
const SLOWEST: &str = "1";

/// The kernel's own limits of a resync, lower and upper, in KiB/s (drivers/md/md.c).
const DEFAULT_SPEED: [&str; 2] = ["1000", "200000"];

impl Guest {
    /// Waits until md has nothing left to do: no resync, recovery, check or reshape, every array marked clean.
    pub fn wait_idle(&mut self) {
        let outcome = self.session.settle(true);
        self.expect(outcome);
    }

    /// Waits until an attribute of the array reads a text.
    pub fn wait_for(&mut self, array: &Array, attribute: &str, text: &str) {
        let outcome = self.session.wait_for(&array.attribute(attribute), text);
        self.expect(outcome);
        let outcome = self.session.settle(false);
        self.expect(outcome);
    }

    /// Reads all of an array to compare its members (`check`) or to make them agree (`repair`), and waits for the end.
    pub fn scrub(&mut self, array: &Array, action: &str) {
        self.run(&format!("mdadm --action={action} {}", array.node()));
        self.wait_idle();
    }

    /// Has every resync, recovery, check and reshape crawl until [`Guest::release_sync`], so that it is still under way when
    /// a step ends. Where exactly it stands then, and whether it has been checkpointed, is luck.
    ///
    /// md paces them by two limits (`dev.raid.speed_limit_min` and `_max`, in KiB/s): above the upper one it pauses for half
    /// a second before each further window (`md_do_sync` in drivers/md/md.c).
    pub fn hold_sync(&mut self) {
        self.limit_sync([SLOWEST, SLOWEST]);
    }

    /// Has arrays start read-only until something is written to them: nothing is resynced, no superblock written before.
    pub fn start_read_only(&mut self) {
        self.set_parameter("md_mod", "start_ro", "1");
    }

    /// Sets a parameter of a kernel module, `/sys/module/MODULE/parameters/NAME`.
    pub fn set_parameter(&mut self, module: &str, name: &str, value: &str) {
        let outcome = self.session.write(&format!("/sys/module/{module}/parameters/{name}"), value);
        self.expect(outcome);
    }

    /// Lets resyncs and their kin run as fast as they can.
    pub fn release_sync(&mut self) {
        self.limit_sync(DEFAULT_SPEED);
    }

    fn limit_sync(&mut self, [min, max]: [&str; 2]) {
        for (name, limit) in [("min", min), ("max", max)] {
            let outcome = self.session.write(&format!("/proc/sys/dev/raid/speed_limit_{name}"), limit);
            self.expect(outcome);
        }
    }
}
