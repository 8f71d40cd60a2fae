//! What is done with the members of an array.

use super::Guest;
use crate::array::Array;

impl Guest {
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

    /// Copies a member to a spare while both work, and lets the spare take its place.
    pub fn replace(&mut self, array: &Array, member: &str, spare: &str) {
        let words = ["mdadm", array.node(), "--replace", member, "--with", spare];
        self.command(&words.map(str::to_owned), None);
    }

    /// Wipes superblocks.
    pub fn zero(&mut self, members: &[String]) {
        self.run(&format!("mdadm --zero-superblock {}", members.join(" ")));
    }

    fn manage(&mut self, array: &Array, action: &str, member: &str) {
        self.command(&["mdadm", array.node(), action, member].map(str::to_owned), None);
    }
}
