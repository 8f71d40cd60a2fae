//! The distribution's udevd, with the distribution's rules.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Attempt, Failure};
use crate::program;

/// Where distributions put it. Since systemd 243 it may be a link to udevadm, which then looks at its `argv[0]`.
const PLACES: &[&str] = &["/lib/systemd/systemd-udevd", "/usr/lib/systemd/systemd-udevd", "/sbin/udevd"];

/// Starts udevd and returns once it listens: with `--daemon` its first process ends after the sockets are bound.
pub(super) fn start() -> Result<(), Failure> {
    let Some(path) = PLACES.iter().find(|place| Path::new(place).exists()) else {
        return Err(Failure::new("start `systemd-udevd`", format!("it is at none of {}", PLACES.join(", "))));
    };
    let mut command = Command::new(path);
    command.arg0("systemd-udevd").arg("--daemon").stdin(Stdio::null());
    program::finish(command)
}

/// Has the kernel announce again every block device that was there before udevd.
pub(super) fn coldplug() -> Result<(), Failure> {
    let folder = "/sys/class/block";
    let mut devices = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>())
        .attempt(|| format!("list `{folder}`"))?;
    // The folder's order depends on hashes.
    devices.sort();
    for device in devices {
        let uevent = device.join("uevent");
        fs::write(&uevent, "add").attempt(|| format!("write `add` to `{}`", uevent.display()))?;
    }
    Ok(())
}
