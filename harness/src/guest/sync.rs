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

    /// Has the next resync of an array, or one of its kin, stop at this sector until [`Guest::release_sync`]: at 0 it has begun
    /// and done nothing, and past its end nothing is held. It is a sector of its members; of the array where a raid10
    /// is resynced. The kernel takes only whole chunks, and nothing less than before while one is under way (`max_sync_store`
    /// in drivers/md/md.c).
    pub fn hold_sync(&mut self, array: &Array, sector: u64) {
        let outcome = self.session.write(&array.attribute("sync_max"), &sector.to_string());
        self.expect(outcome.map_err(|mut failure| {
            failure.message += "; the array has to exist, the sector to begin one of its chunks, and nothing to be under way \
                                that was not held before";
            failure
        }));
    }

    /// Lets it go on.
    pub fn release_sync(&mut self, array: &Array) {
        let outcome = self.session.write(&array.attribute("sync_max"), "max");
        self.expect(outcome);
    }

    /// Has every resync of every array crawl until [`Guest::hasten_syncs`]. It is for arrays that do not exist yet, because
    /// where a resync stands then, and whether it has been checkpointed, is luck: [`Guest::hold_sync`] leaves nothing to it.
    ///
    /// md paces them by two limits (`dev.raid.speed_limit_min` and `_max`, in KiB/s): above the upper one it pauses for half
    /// a second before each further window (`md_do_sync` in drivers/md/md.c).
    pub fn slow_syncs(&mut self) {
        self.limit_syncs([SLOWEST, SLOWEST]);
    }

    /// Lets them run as fast as they can.
    pub fn hasten_syncs(&mut self) {
        self.limit_syncs(DEFAULT_SPEED);
    }

    /// Has arrays start read-only until something is written to them: nothing is resynced, no superblock written before.
    pub fn start_read_only(&mut self, whether: bool) {
        self.set_parameter("md_mod", "start_ro", if whether { "1" } else { "0" });
    }

    /// Sets a parameter of a kernel module, `/sys/module/MODULE/parameters/NAME`.
    pub fn set_parameter(&mut self, module: &str, name: &str, value: &str) {
        let outcome = self.session.write(&format!("/sys/module/{module}/parameters/{name}"), value);
        self.expect(outcome);
    }

    fn limit_syncs(&mut self, [min, max]: [&str; 2]) {
        for (name, limit) in [("min", min), ("max", max)] {
            let outcome = self.session.write(&format!("/proc/sys/dev/raid/speed_limit_{name}"), limit);
            self.expect(outcome);
        }
    }
}
