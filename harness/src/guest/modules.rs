//! md's modules, taken away.

use super::Guest;
use crate::array::Level;

/// Where the kernel is told what loads modules for it.
const MODPROBE: &str = "/proc/sys/kernel/modprobe";

impl Guest {
    /// Takes a level away from the kernel for good. RUN_ARRAY fails then: what a tool has written is all that is written.
    #[track_caller]
    pub fn unload(&mut self, level: Level) {
        // The kernel would load the module again as soon as an array asks for it (`md_run` of drivers/md/md.c).
        let outcome = self.session.write(MODPROBE, "/nowhere");
        self.expect(outcome);
        self.prepare(|guest| guest.run(&format!("rmmod {}", level.module())));
    }

    /// Takes md away with all its levels, until somebody has it loaded again.
    #[track_caller]
    pub fn unload_md(&mut self) {
        let levels = "for level in $(ls /sys/module/md_mod/holders); do rmmod $level || exit; done";
        self.prepare(|guest| guest.run(&format!("sh -c '{levels}; rmmod md_mod'")));
    }

    /// From now on no module is loaded: a configuration of modprobe's says so, and the kernel has nobody to ask.
    #[track_caller]
    pub fn forbid_modules(&mut self) {
        let outcome = self.session.write(MODPROBE, "/nowhere");
        self.expect(outcome);
        let blocked = "mkdir -p /etc/modprobe.d; echo install md_mod /bin/false > /etc/modprobe.d/md.conf";
        self.prepare(|guest| guest.run(&format!("sh -c '{blocked}'")));
    }
}
