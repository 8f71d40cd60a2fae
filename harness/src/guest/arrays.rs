//! What is done with arrays.

use mdlab_metadata::Superblock;

use super::{Guest, Job};
use crate::array::{Array, Tool};
use crate::channel::superblocks;
use crate::failure::Class;

impl Guest {
    /// Creates an array. mdadm asks whether to go on when the members are small or hold something; it is told to.
    pub fn create(&mut self, array: &Array, tool: Tool) {
        self.command(&array.create(tool), Some("y"));
    }

    /// Takes an array for granted: mdadm creates it, and md comes to rest.
    #[track_caller]
    pub fn given(&mut self, array: &Array) {
        self.prepare(|guest| {
            guest.create(array, Tool::Mdadm);
            guest.wait_idle();
        });
    }

    /// Takes an array for granted whose resync from its start waits until [`Guest::make_read_only`] says that it may be
    /// written to.
    #[track_caller]
    pub fn given_unsynced(&mut self, array: &Array) {
        self.given(array);
        self.start_read_only(true);
        self.prepare(|guest| {
            guest.stop(array, Tool::Mdadm);
            guest.assemble_with(array, "--update=resync");
        });
        self.start_read_only(false);
    }

    /// Assembles an array from its members.
    pub fn assemble(&mut self, array: &Array, tool: Tool) {
        self.command(&array.assemble(tool), None);
    }

    /// Has mdadm assemble an array from its members with options such as `--update=resync`.
    pub fn assemble_with(&mut self, array: &Array, options: &str) {
        let (program, rest) = (array.assemble(Tool::Mdadm), self.words(options));
        self.command(&[&program[..2], &rest, &program[2..]].concat(), None);
    }

    /// Has mdadm assemble an array from these members alone: that others are missing is meant.
    pub fn assemble_degraded(&mut self, array: &Array, members: &[String]) {
        self.run(&format!("mdadm --assemble --run {} {}", array.node(), members.join(" ")));
    }

    /// Has mdadm add one device to what its superblock says, as udev's rules do when a disk appears.
    pub fn assemble_incrementally(&mut self, member: &str) {
        self.run(&format!("mdadm --incremental {member}"));
    }

    /// Has mdadm write its configuration file, from the arrays that are there.
    pub fn write_configuration(&mut self) {
        self.run("sh -c 'mdadm --detail --scan > /etc/mdadm.conf'");
    }

    /// Has mdadm assemble an array from these members alone, whatever speaks against it.
    pub fn force(&mut self, array: &Array, members: &[String]) {
        self.run(&format!("mdadm --assemble --force --run {} {}", array.node(), members.join(" ")));
    }

    /// Changes an array's shape, as `mdadm --grow` is told to: `--raid-devices 4`.
    pub fn grow(&mut self, array: &Array, change: &str) {
        self.run(&format!("mdadm --grow {} {change}", array.node()));
    }

    /// Has an array never mark itself clean once it was written to, so that what follows finds it dirty.
    pub fn keep_dirty(&mut self, array: &Array) {
        self.set(array, "safe_mode_delay", "0");
    }

    /// From now on udev's rules take no disk up: mdadm's configuration permits none. Before 4.4 an mdadm that adds a disk runs a race
    /// with the one that udev runs on it, and loses it at times: `md_import_device returned -16`.
    #[track_caller]
    pub fn keep_disks_from_udev(&mut self) {
        let none = "mkdir -p /etc/mdadm; echo DEVICE /dev/null > /etc/mdadm/mdadm.conf";
        self.prepare(|guest| guest.run(&format!("sh -c '{none}'")));
    }

    /// Lets an array be read only, or be written to again.
    pub fn make_read_only(&mut self, array: &Array, whether: bool) {
        let action = if whether { "--readonly" } else { "--readwrite" };
        self.command(&["mdadm", action, array.node()].map(str::to_owned), None);
    }

    /// Has mdadm watch an array until [`Guest::terminate`]; each of its alerts is written to the kernel's log, but for those
    /// about a rebuild: how often it looks meanwhile, and what it sees then, is luck.
    pub fn monitor(&mut self, array: &Array) -> Job {
        self.start(&format!("mdadm --monitor --delay 1 --program /sbin/md-alert {}", array.node()))
    }

    /// Stops an array.
    pub fn stop(&mut self, array: &Array, tool: Tool) {
        self.command(&array.stop(tool), None);
    }

    /// Has somebody hold the array open, until [`Guest::terminate`].
    pub fn hold_open(&mut self, array: &Array) -> Job {
        self.start(&format!("sh -c 'exec sleep infinity < {}'", array.node()))
    }

    /// Writes a value to an attribute of the array in sysfs, as an administrator does.
    pub fn set(&mut self, array: &Array, attribute: &str, value: &str) {
        let script = format!("echo {value} > {}", array.attribute(attribute));
        self.command(&["sh", "-c", &script].map(str::to_owned), None);
    }

    /// The superblocks of an array's members, in their order, as mdlab itself decodes them. Whoever looks reads the attributes
    /// too, which may wake md to write superblocks that it had put off.
    pub fn superblocks(&mut self, array: &Array) -> Vec<Superblock> {
        let outcome = self.session.observe();
        let observation = self.expect(outcome);
        let found = superblocks(&observation);
        let of = |member: &String| {
            found.iter().find(|(path, ..)| path == member).map(|(_, _, superblock)| superblock.clone())
        };
        let missing = |member: &String| {
            self.session.failure(Class::Tool, format!("expected a superblock on `{member}`, there is none"))
        };
        let all = array.members().iter().map(|member| of(member).ok_or_else(|| missing(member))).collect();
        self.expect(all)
    }
}
