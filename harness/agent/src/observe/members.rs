//! The superblocks on the attached devices, and whatever else is asked for, as raw bytes.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use mdlab_metadata::{MAGIC, SUPERBLOCK_BYTES, locations};
use mdlab_protocol::{MAX_MESSAGE, Member, Region};

use crate::aligned::{ALIGNMENT, Aligned};
use crate::console;
use crate::failure::{Attempt, Failure};

/// The length of what is read.
const BLOCK: usize = SUPERBLOCK_BYTES;

const _: () = assert!(BLOCK == ALIGNMENT);

/// Bytes of a sector: O_DIRECT reads nothing smaller.
const SECTOR: u64 = 512;

/// The most bytes of one read: a message holds more than what is in it.
const MOST: u32 = (MAX_MESSAGE / 2) as u32;

/// Reads a member's size and every place where a superblock may be and is.
///
/// Past the page cache: md writes superblocks beneath the member's own cache, which may hold what was there before.
pub(super) fn look_at(path: &str) -> Result<Member, Failure> {
    let mut device = open(path)?;
    let bytes = device.seek(SeekFrom::End(0)).attempt(|| format!("size `{path}`"))?;
    let mut superblocks = Vec::new();
    for location in locations(bytes) {
        match read_direct(&device, location.offset, BLOCK) {
            Ok(block) if block.starts_with(&MAGIC.to_le_bytes()) => {
                superblocks.push(Region { offset: location.offset, bytes: block })
            }
            Ok(_) => {}
            // A device that was made to fail has no superblock to show; that is for the scenario to judge.
            Err(error) => console::say(&format!("read `{path}` at `{}`: {error}", location.offset)),
        }
    }
    Ok(Member { path: path.to_owned(), bytes, superblocks })
}

/// Reads some bytes of a device, whole sectors.
pub(crate) fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Failure> {
    let attempt = || format!("read `{path}` at `{offset}`");
    if let Some(cause) = unreadable(offset, length) {
        return Err(Failure::new(attempt(), cause));
    }
    read_direct(&open(path)?, offset, length as usize).attempt(attempt)
}

/// Why so many bytes from there on are not read, and what would be.
fn unreadable(offset: u64, length: u32) -> Option<String> {
    if !offset.is_multiple_of(SECTOR) {
        return Some(format!("the offset {offset} is no multiple of {SECTOR}; begin where a sector does"));
    }
    if !u64::from(length).is_multiple_of(SECTOR) {
        return Some(format!("the length {length} is no multiple of {SECTOR}; ask for whole sectors"));
    }
    (length > MOST).then(|| format!("{length} bytes are more than {MOST}; ask for them piece by piece"))
}

fn open(path: &str) -> Result<File, Failure> {
    File::options().read(true).custom_flags(libc::O_DIRECT).open(path).attempt(|| format!("open `{path}`"))
}

fn read_direct(device: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut block = Aligned::new(length);
    let mut done = 0;
    // A device may end within them; a read that is not aligned any more is not tried.
    while done < length && done % 512 == 0 {
        match device.read_at(&mut block[done..], offset + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(block[..done].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_named() {
        assert_eq!((unreadable(512, 1024), unreadable(0, MOST)), (None, None));
        let said = |offset, length| unreadable(offset, length).unwrap();
        assert_eq!(said(513, 1024), "the offset 513 is no multiple of 512; begin where a sector does");
        assert_eq!(said(512, 1000), "the length 1000 is no multiple of 512; ask for whole sectors");
        assert_eq!(said(0, MOST + 512), "246272 bytes are more than 245760; ask for them piece by piece");
    }
}
