//! What is done with arrays and their members.

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
    pub fn given(&mut self, array: &Array) {
        self.prepare(|guest| {
            guest.create(array, Tool::Mdadm);
            guest.wait_idle();
        });
    }

    /// Assembles an array from its members.
    pub fn assemble(&mut self, array: &Array, tool: Tool) {
        self.command(&array.assemble(tool), None);
    }

    /// Stops an array.
    pub fn stop(&mut self, array: &Array, tool: Tool) {
        self.command(&array.stop(tool), None);
    }

    /// Has somebody hold the array open, until [`Guest::terminate`].
    pub fn hold_open(&mut self, array: &Array) -> Job {
        self.start(&format!("sh -c 'exec sleep infinity < {}'", array.node()))
    }

    /// Marks a member as faulty.
    pub fn fail(&mut self, array: &Array, member: &str) {
        self.manage(array, "--fail", member);
    }

    /// Removes a member that is faulty or a spare.
    pub fn remove(&mut self, array: &Array, member: &str) {
        self.manage(array, "--remove", member);
    }

    /// Adds a device, as a spare or where one is missing.
    pub fn add(&mut self, array: &Array, member: &str) {
        self.manage(array, "--add", member);
    }

    /// Adds a device that was a member before.
    pub fn re_add(&mut self, array: &Array, member: &str) {
        self.manage(array, "--re-add", member);
    }

    fn manage(&mut self, array: &Array, action: &str, member: &str) {
        self.command(&["mdadm", array.node(), action, member].map(str::to_owned), None);
    }

    /// Writes a value to an attribute of the array in sysfs, as an administrator does.
    pub fn set(&mut self, array: &Array, attribute: &str, value: &str) {
        let script = format!("echo {value} > {}", array.attribute(attribute));
        self.command(&["sh", "-c", &script].map(str::to_owned), None);
    }

    /// The superblocks of an array's members, in their order, as mdlab itself decodes them.
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
