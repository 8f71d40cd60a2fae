//! Sources that are altered and built, over and over.

use std::fs;
use std::path::{Path, PathBuf};

use mdlab::Failure;
use xshell::{Shell, cmd};

/// A source as it is published, and a copy in which each mutant is built after the other: make compiles only what differs
/// from the one before.
pub(crate) struct Tree {
    original: PathBuf,
    copy: PathBuf,
}

impl Tree {
    /// A copy in a folder, where an earlier one may lie.
    pub(crate) fn new(original: PathBuf, copy: PathBuf) -> Self {
        Self { original, copy }
    }

    /// Where it is built.
    pub(crate) fn folder(&self) -> &Path {
        &self.copy
    }

    /// Makes the copy what the original is; what was built stays.
    pub(crate) fn restore(&self) -> Result<(), Failure> {
        same(&self.original, &self.copy)
    }

    /// Makes the copy what the original and one patch are.
    pub(crate) fn alter(&self, patch: &Path) -> Result<(), Failure> {
        self.restore()?;
        let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
        let copy = &self.copy;
        run(cmd!(shell, "patch --strip=1 --fuzz=0 --force --no-backup-if-mismatch --directory {copy} --input {patch}"))
    }
}

/// Copies files whose bytes differ.
fn same(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |verb: &str, error: std::io::Error| Failure::infra(format!("{verb} `{}`: {error}", to.display()));
    fs::create_dir_all(to).map_err(|error| failed("make the folder", error))?;
    for entry in from.read_dir().map_err(|error| failed("copy to", error))?.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            same(&entry.path(), &target)?;
        } else if let Ok(bytes) = fs::read(entry.path())
            && fs::read(&target).ok().as_ref() != Some(&bytes)
        {
            fs::write(&target, bytes).map_err(|error| failed("write in", error))?;
            let mode = entry.metadata().map_err(|error| failed("copy to", error))?.permissions();
            fs::set_permissions(&target, mode).map_err(|error| failed("write in", error))?;
        }
    }
    Ok(())
}

/// Runs a program; what it said belongs to the failure.
pub(crate) fn run(command: xshell::Cmd) -> Result<(), Failure> {
    let name = command.to_string();
    let output = command.quiet().ignore_status().output();
    let output = output.map_err(|error| Failure::infra(format!("run `{name}`: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines[lines.len().saturating_sub(20)..].join("\n  ");
    Err(Failure::infra(format!("run `{name}`: {}\n  {tail}", output.status)))
}
