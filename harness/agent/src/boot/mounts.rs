//! The file systems and links that a Linux program expects to find.

use std::fs;
use std::os::unix::fs::symlink;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::failure::{Attempt, Failure};
use crate::loops::BACKING;

struct Mount {
    kind: &'static str,
    target: &'static str,
    data: &'static str,
}

/// In the order in which they are mounted.
const MOUNTS: &[Mount] = &[
    Mount { kind: "proc", target: "/proc", data: "" },
    Mount { kind: "sysfs", target: "/sys", data: "" },
    Mount { kind: "devtmpfs", target: "/dev", data: "mode=0755" },
    Mount { kind: "tmpfs", target: "/run", data: "mode=0755,size=16m" },
    Mount { kind: "tmpfs", target: "/tmp", data: "mode=1777,size=32m" },
    // A file system of its own, so that backing files that grow beyond it fail alone.
    Mount { kind: "tmpfs", target: BACKING, data: "mode=0700,size=128m" },
];

/// What udev does not make: link and target.
const LINKS: &[(&str, &str)] = &[
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/etc/mtab", "/proc/self/mounts"),
];

/// Mounts everything. Goes on after a failure, so that what can be told on the console is told; returns the failures.
pub(super) fn mount_all() -> Vec<Failure> {
    MOUNTS.iter().filter_map(|entry| mount_one(entry).err()).collect()
}

fn mount_one(entry: &Mount) -> Result<(), Failure> {
    let Mount { kind, target, data } = entry;
    fs::create_dir_all(target).attempt(|| format!("make the folder `{target}`"))?;
    match mount(Some(*kind), *target, Some(*kind), MsFlags::MS_NOSUID, Some(*data)) {
        // The kernel mounted it itself (CONFIG_DEVTMPFS_MOUNT), or the RAM disk's maker did.
        Ok(()) | Err(Errno::EBUSY) => Ok(()),
        Err(error) => Err(error).attempt(|| format!("mount `{kind}` on `{target}`")),
    }
}

/// Makes the links that are not there yet.
pub(super) fn link_all() -> Result<(), Failure> {
    for (link, target) in LINKS {
        if fs::symlink_metadata(link).is_err() {
            symlink(target, link).attempt(|| format!("link `{link}` to `{target}`"))?;
        }
    }
    Ok(())
}
