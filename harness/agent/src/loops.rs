//! Loop devices on backing files in memory.

use std::fs;
use std::io;
use std::path::Path;

use loopdev::{LoopControl, LoopDevice};
use nix::sys::statvfs::statvfs;
use tempfile::NamedTempFile;

use crate::failure::{Attempt, Failure};

/// The tmpfs of the backing files.
pub(crate) const BACKING: &str = "/backing";

/// Most devices of one guest.
const MOST: u64 = 32;

/// Memory that must stay free for the kernel and the programs.
const RESERVE: u64 = 32 << 20;

/// The devices attached so far, `/dev/loop0` and on.
#[derive(Default)]
pub(crate) struct Loops {
    attached: Vec<Attached>,
}

struct Attached {
    node: String,
    bytes: u64,
    /// Dropping it would unlink the backing file, and its name would show as deleted.
    _backing: NamedTempFile,
}

impl Loops {
    /// Attaches `count` devices of `bytes` each; returns their nodes.
    pub(crate) fn attach(&mut self, count: u32, bytes: u64) -> Result<Vec<String>, Failure> {
        self.check(count.into(), bytes, bytes.checked_mul(count.into()))?;
        (0..count).map(|_| self.attach_next(bytes, None).map(|(node, _)| node)).collect()
    }

    /// Attaches a file that lies in [`BACKING`] already, and has the kernel announce the device as it does a disk that is
    /// plugged in: by `add`. What a loop device says for itself is `change`, which is no new disk to mdadm 4.4
    /// (udev-md-raid-assembly.rules). Returns its node, and the device: udev looks at it once more when that is closed, unless
    /// it is about to look anyway.
    pub(crate) fn plug_in(&mut self, file: &str, bytes: u64) -> Result<(String, LoopDevice), Failure> {
        self.check(1, bytes, Some(bytes))?;
        let (node, device) = self.attach_next(bytes, Some(Path::new(file)))?;
        let path = node.replace("/dev/", "/sys/block/") + "/uevent";
        fs::write(&path, "add").attempt(|| format!("write `add` to `{path}`"))?;
        Ok((node, device))
    }

    /// The nodes of all attached devices.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.attached.iter().map(|attached| attached.node.as_str())
    }

    /// Whether there can be so many more, one of them of so many bytes, and all of them of so many.
    fn check(&self, count: u64, bytes: u64, more: Option<u64>) -> Result<(), Failure> {
        let refuse = |why| Err(Failure::refuse(format!("attach `{count}` loop devices of `{bytes}` bytes"), why));
        if count == 0 || self.attached.len() as u64 + count > MOST {
            return refuse(format!("expected 1 to {MOST} devices in all, {} are attached", self.attached.len()));
        }
        if bytes == 0 || !bytes.is_multiple_of(512) {
            return refuse("expected whole sectors of 512 bytes".into());
        }
        let all = self.attached.iter().map(|attached| attached.bytes).sum::<u64>();
        let all = more.and_then(|more| more.checked_add(all));
        let room = room()?;
        match all {
            Some(all) if all <= room => Ok(()),
            _ => refuse(format!("all backing files may have {room} bytes of the guest's memory")),
        }
    }

    fn attach_next(&mut self, bytes: u64, filled: Option<&Path>) -> Result<(String, LoopDevice), Failure> {
        let number = self.attached.len();
        let node = format!("/dev/loop{number}");
        // No random part: the name shows in sysfs, and every run must be the same.
        let backing = tempfile::Builder::new()
            .prefix(&format!("loop{number}"))
            .suffix(".img")
            .rand_bytes(0)
            .tempfile_in(BACKING)
            .attempt(|| format!("make a backing file of `{node}` in `{BACKING}`"))?;
        let sized = || format!("size `{}`", backing.path().display());
        match filled {
            None => backing.as_file().set_len(bytes).attempt(sized)?,
            Some(file) => {
                fs::rename(file, backing.path()).attempt(|| format!("take `{}` for `{node}`", file.display()))?;
                let file = fs::File::options().write(true).open(backing.path());
                file.and_then(|file| file.set_len(bytes)).attempt(sized)?;
            }
        }
        let attached = attach(&node, backing.path());
        let device = attached.attempt(|| format!("attach `{node}` to `{}`", backing.path().display()))?;
        self.attached.push(Attached { node: node.clone(), bytes, _backing: backing });
        Ok((node, device))
    }
}

fn attach(node: &str, backing: &Path) -> io::Result<LoopDevice> {
    let device = LoopControl::open()?.next_free()?;
    match device.path() {
        Some(path) if path == Path::new(node) => device.attach_file(backing).map(|()| device),
        other => Err(io::Error::other(format!("the first free device is {other:?}"))),
    }
}

/// Bytes that all backing files may have together: what the tmpfs holds, and what memory holds.
fn room() -> Result<u64, Failure> {
    let space = statvfs(BACKING).attempt(|| format!("look at `{BACKING}`"))?;
    let size = space.blocks() * space.fragment_size();
    let path = "/proc/meminfo";
    let meminfo = fs::read_to_string(path).attempt(|| format!("read `{path}`"))?;
    let available =
        available(&meminfo).ok_or_else(|| Failure::new(format!("read `{path}`"), "there is no line `MemAvailable`"))?;
    let used = (space.blocks() - space.blocks_free()) * space.fragment_size();
    Ok(size.min((available + used).saturating_sub(RESERVE)))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_in_bytes() {
        assert_eq!(available("MemTotal:  9 kB\nMemAvailable:     123 kB\nBuffers: 1 kB\n"), Some(123 * 1024));
        assert_eq!(available("MemTotal:  9 kB\n"), None);
    }
}
