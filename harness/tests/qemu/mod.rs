//! The machine of another process.

use std::collections::HashMap;
use std::path::Path;

use nix::unistd::Pid;

/// The machine that a process has started, or one that it started has: a QEMU behind its sandbox's filter. (A QEMU that is
/// asked for its version has none.)
pub(crate) fn qemu_of(ancestor: u32) -> Option<Pid> {
    let (mut parents, mut machines) = (HashMap::new(), Vec::new());
    for entry in Path::new("/proc").read_dir().unwrap().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        parents.insert(process, field("PPid:").and_then(|parent| parent.parse().ok()).unwrap_or(0));
        if status.starts_with("Name:\tqemu") && field("Seccomp:") == Some("2") {
            machines.push(process);
        }
    }
    let ancestors = |process: u32| std::iter::successors(parents.get(&process).copied(), |id| parents.get(id).copied());
    let found = machines.into_iter().find(|machine| ancestors(*machine).any(|process| process == ancestor))?;
    i32::try_from(found).ok().map(Pid::from_raw)
}
