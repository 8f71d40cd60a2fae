//! The machine of another process.

use std::path::{Path, PathBuf};

use nix::unistd::Pid;

/// The machine that a process has started: its child, once that is QEMU and behind its sandbox's filter. (A QEMU that is
/// asked for its version has none.)
pub(crate) fn qemu_of(parent: u32) -> Option<Pid> {
    let mut entries = Path::new("/proc").read_dir().unwrap().flatten().map(|entry| entry.path());
    let parent = format!("PPid:\t{parent}");
    let of_parent = |path: &PathBuf| {
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        let has = |expected: &str| status.lines().any(|line| line == expected);
        status.starts_with("Name:\tqemu") && has(&parent) && has("Seccomp:\t2")
    };
    let found = entries.find(of_parent)?;
    found.file_name()?.to_str()?.parse().ok().map(Pid::from_raw)
}
