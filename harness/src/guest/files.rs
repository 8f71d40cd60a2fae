//! Files, and file systems on arrays.

use super::Guest;
use crate::array::Array;

/// Where they are mounted.
const MOUNT: &str = "/mnt";

impl Guest {
    /// Makes a file in the guest, which may be a program; its folder must exist.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        let outcome = self.session.put(path, bytes);
        self.expect(outcome);
    }

    /// Writes bytes onto a disk, at an offset in bytes.
    pub fn put_at(&mut self, node: &str, offset: u64, bytes: &[u8]) {
        let outcome = self.session.put_at(node, offset, bytes);
        self.expect(outcome);
    }

    /// Makes an ext4 of 4 KiB blocks on an array. What mke2fs would discard beforehand stays as it is, and nothing is left to
    /// be written once it is mounted: the kernel would do it at a time of its own (`ext4_lazyinit_thread` in fs/ext4/super.c).
    pub fn format(&mut self, array: &Array) {
        self.run(&format!("mkfs.ext4 -q -b 4096 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 {}", array.node()));
    }

    /// Mounts what is on an array, at `/mnt`.
    pub fn mount(&mut self, array: &Array) {
        self.run(&format!("mount {} {MOUNT}", array.node()));
    }

    /// Unmounts what is at `/mnt`.
    pub fn unmount(&mut self) {
        self.run(&format!("umount {MOUNT}"));
    }

    /// Deletes a file, and sees to it that the disks know.
    pub fn delete(&mut self, path: &str) {
        self.run(&format!("rm {path}"));
        self.run("sync");
    }

    /// Discards what no file at `/mnt` holds.
    pub fn trim(&mut self) {
        self.run(&format!("fstrim -v {MOUNT}"));
    }
}
