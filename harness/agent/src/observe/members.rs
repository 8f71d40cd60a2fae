//! The superblocks on the attached devices, as raw bytes.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use mdlab_metadata::{MAGIC, SUPERBLOCK_BYTES, locations};
use mdlab_protocol::{Member, Region};

use crate::aligned::{ALIGNMENT, Aligned};
use crate::console;
use crate::failure::{Attempt, Failure};

/// The length of what is read.
const BLOCK: usize = SUPERBLOCK_BYTES;

const _: () = assert!(BLOCK == ALIGNMENT);

/// Reads a member's size and every place where a superblock may be and is.
///
/// Past the page cache: md writes superblocks beneath the member's own cache, which may hold what was there before.
pub(super) fn look_at(path: &str) -> Result<Member, Failure> {
    let mut options = File::options();
    let mut device = options.read(true).custom_flags(libc::O_DIRECT).open(path).attempt(|| format!("open `{path}`"))?;
    let bytes = device.seek(SeekFrom::End(0)).attempt(|| format!("size `{path}`"))?;
    let mut superblocks = Vec::new();
    for location in locations(bytes) {
        match read(&device, location.offset) {
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

fn read(device: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut block = Aligned::new(BLOCK);
    let mut done = 0;
    // A device may end within the block; a read that is not aligned any more is not tried.
    while done < BLOCK && done % 512 == 0 {
        match device.read_at(&mut block[done..], offset + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(block[..done].to_vec())
}
