//! A device that is or becomes part of an array.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};

use mdlab_metadata::{Format, Location, SUPERBLOCK_BYTES, Superblock, locations};

use super::trouble::{Refused, Trouble};
use crate::ioctl::Call;

/// An open block device that nobody else uses.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) major: u32,
    pub(super) minor: u32,
    /// In bytes.
    pub(super) bytes: u64,
    file: File,
}

impl Member {
    /// For tests that need no device.
    #[cfg(test)]
    pub(super) fn unopened(path: &str, minor: u32) -> Self {
        let file = File::open("/dev/null").unwrap();
        Self { path: path.to_owned(), major: 7, minor, bytes: 0, file }
    }

    /// Opens it to look at it. Exclusively, so that a device in use is found out before anything is written.
    pub(super) fn inspect(path: &str) -> Result<Self, Trouble> {
        Self::open(path, false)
    }

    /// Opens it to write to it, with O_RDWR|O_EXCL.
    pub(super) fn open_excl(path: &str) -> Result<Self, Trouble> {
        Self::open(path, true)
    }

    fn open(path: &str, write: bool) -> Result<Self, Trouble> {
        let attempt = || format!("open `{path}`");
        let no_device =
            || Trouble::unfit(attempt(), "it is no block device", "name a block device such as `/dev/loop0`");
        // Before it is opened: opening a fifo would wait.
        let found =
            std::fs::metadata(path).refused(attempt).map_err(|trouble| trouble.hint("name a device that is there"))?;
        if !found.file_type().is_block_device() {
            return Err(no_device());
        }
        let opened = File::options().read(true).write(write).custom_flags(libc::O_EXCL).open(path);
        let mut file = opened.refused(attempt).map_err(|trouble| match trouble.is(libc::EBUSY) {
            true => trouble.hint("it is in use: stop the array, or unmount the file system, that holds it"),
            false => trouble,
        })?;
        // Of what is open, not of the name: the name may lead elsewhere by now.
        let device = file.metadata().refused(attempt)?.rdev();
        let bytes = file.seek(SeekFrom::End(0)).refused(|| format!("size `{path}`"))?;
        Ok(Self { path: path.to_owned(), major: libc::major(device), minor: libc::minor(device), bytes, file })
    }

    /// Whether a path leads to the same device.
    pub(super) fn is(&self, path: &str) -> bool {
        let found = std::fs::metadata(path).ok().filter(|found| found.file_type().is_block_device());
        found.is_some_and(|found| found.rdev() == libc::makedev(self.major, self.minor))
    }

    /// Writes bytes at an offset.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Trouble> {
        self.file.write_all_at(bytes, offset).refused(|| format!("write `{}` at `{offset}`", self.path))
    }

    /// Waits until everything is on the device.
    pub(super) fn sync(&self) -> Result<(), Trouble> {
        self.file.sync_all().refused(|| format!("sync `{}`", self.path))
    }

    /// Every superblock on it that is valid.
    pub(super) fn superblocks(&self) -> Result<Vec<(Location, Superblock)>, Trouble> {
        // md writes superblocks beneath the device's own cache (`load_super1` of mdadm's super1.c does the same). Only root may;
        // what cannot be flushed was not written by md.
        let _ = Call::with("BLKFLSBUF", &[]).map(|mut flush| flush.issue(&self.file));
        let mut found = Vec::new();
        for location in locations(self.bytes) {
            let mut block = [0; SUPERBLOCK_BYTES];
            let read = self.file.read_exact_at(&mut block, location.offset);
            read.refused(|| format!("read `{}` at `{}`", self.path, location.offset))?;
            found.extend(Superblock::decode(location.format, &block).ok().map(|superblock| (location, superblock)));
        }
        found.retain(|(location, superblock)| superblock.checksum().is_valid() && belongs(location, superblock));
        Ok(found)
    }

    /// Removes the superblocks that are there, so that only the new one is found: `Kill` of mdadm's Kill.c.
    pub(super) fn kill(&self) -> Result<(), Trouble> {
        for (location, superblock) in self.superblocks()? {
            let length = match superblock {
                Superblock::V090(_) => SUPERBLOCK_BYTES,
                // `store_super1` writes whole sectors of a superblock without roles.
                Superblock::V1(_) => 512,
            };
            self.write(location.offset, &vec![0; length])?;
        }
        Ok(())
    }
}

/// The number after the dot.
pub(super) fn minor_version(format: Format) -> i64 {
    match format {
        Format::V1_0 => 0,
        Format::V1_1 => 1,
        Format::V090 => 90,
        Format::V1_2 => 2,
    }
}

/// A superblock of version 1 says where it lies; elsewhere it is a copy of another device's.
fn belongs(location: &Location, superblock: &Superblock) -> bool {
    match (location.format, superblock) {
        (Format::V090, _) => true,
        (_, Superblock::V1(superblock)) => superblock.super_offset * 512 == location.offset,
        (_, Superblock::V090(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_block_device_is_refused() {
        let line = |path| Member::inspect(path).err().unwrap().to_string();
        assert_eq!(
            line("/dev/null"),
            "open `/dev/null`: it is no block device; name a block device such as `/dev/loop0`"
        );
        assert_eq!(line("/mdlab/nowhere"), "open `/mdlab/nowhere`: ENOENT; name a device that is there");
    }
}
