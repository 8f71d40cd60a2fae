//! The kernel modules that the host wants loaded before the machine is kept.

use std::fs;
use std::path::Path;

use crate::failure::{Attempt, Failure};
use crate::program;

/// One name per line; the host writes it into the RAM disk. Nothing in it means nothing to load.
const LIST: &str = "/etc/modules";

/// A module that did not load, and what modprobe said.
pub(super) struct Refused {
    pub(super) name: String,
    pub(super) why: String,
}

/// Loads all modules of the list; one that fails does not stop the others.
pub(super) fn load_all() -> Result<Vec<Refused>, Failure> {
    if !Path::new(LIST).exists() {
        return Ok(Vec::new());
    }
    // A modprobe that does not run at all is the RAM disk's fault, and must not look like a kernel without modules.
    modprobe(&["--version"])?;
    let list = fs::read_to_string(LIST).attempt(|| format!("read `{LIST}`"))?;
    let mut refused = Vec::new();
    for name in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Err(failure) = modprobe(&["--", name]) {
            refused.push(Refused { name: name.to_owned(), why: failure.to_string() });
        }
    }
    Ok(refused)
}

/// Whether the module could be loaded, or is built in.
pub(super) fn available(name: &str) -> Result<(), Failure> {
    modprobe(&["--dry-run", "--quiet", "--", name])
}

fn modprobe(arguments: &[&str]) -> Result<(), Failure> {
    program::run("modprobe", arguments)
}
