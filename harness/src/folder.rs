//! Where evidence is written: below the target folder of the workspace that a run belongs to.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Class, Failure};
use crate::recording::{MachineId, Recording};

/// The folder for what a run leaves behind, `target/mdlab`: of the workspace around the package that cargo tests, or
/// around the current folder; outside of any workspace it lies in the cache.
pub(crate) fn base() -> Result<PathBuf, Failure> {
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        return Ok(PathBuf::from(target).join("mdlab"));
    }
    let start = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok());
    let start = start.unwrap_or_default();
    match start.ancestors().find(|folder| folder.join("Cargo.lock").exists()) {
        Some(root) => Ok(root.join("target/mdlab")),
        None => Ok(mdlab_vm::Cache::open()?.path("evidence")),
    }
}

/// Makes the folder for the evidence of one scenario on one machine.
pub fn evidence(machine: &MachineId, title: &str) -> Result<PathBuf, Failure> {
    let (linux, mdadm) = machine.versions().map_err(Failure::infra)?;
    make(base()?.join(format!("linux-{linux},mdadm-{mdadm},{}", machine.accel)).join(file_name(title)))
}

/// A title as the name of a file.
fn file_name(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    title.replace("::", ".").chars().map(plain).collect()
}

/// Writes a recording into a folder.
pub(crate) fn write_recording(folder: &Path, recording: &Recording) -> Result<(), Failure> {
    let path = folder.join("recording.json");
    let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write `{}`: {error}", path.display()));
    let text = serde_json::to_vec(recording).map_err(|error| failed(&error))?;
    fs::write(&path, text).map_err(|error| failed(&error))
}

/// How a scenario ended, other than well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Failed(Class),
    /// The machine lacks something, for this reason.
    Skipped(String),
}

/// Leaves word for `mdlab run`, which asks for it by naming a folder in the environment. The first word about a scenario
/// counts: what follows from a failure is none of its own.
pub(crate) fn note(title: &str, outcome: &Outcome) {
    let Some(folder) = std::env::var_os(OUTCOMES) else { return };
    // Another package may have a scenario of that name, and it runs in another process.
    let name = format!("{}-{}", file_name(title), std::process::id());
    // Where it cannot be written, `mdlab run` still knows that something failed.
    let path = Path::new(&folder).join(name);
    let _ = serde_json::to_vec(&(title, outcome)).map(|text| fs::File::create_new(path)?.write_all(&text));
}

/// What [`note`] left word of, by title.
pub(crate) fn noted(folder: &Path) -> Vec<(String, Outcome)> {
    let files = folder.read_dir().into_iter().flatten().flatten().map(|entry| fs::read(entry.path()));
    let mut noted: Vec<(String, Outcome)> = files.filter_map(|text| serde_json::from_slice(&text.ok()?).ok()).collect();
    noted.sort_by(|one, other| one.0.cmp(&other.0));
    noted
}

/// The variable that names the folder for [`note`].
pub(crate) const OUTCOMES: &str = "MDLAB_OUTCOMES";

fn make(folder: PathBuf) -> Result<PathBuf, Failure> {
    match fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => Err(Failure::infra(format!("make the folder `{}`: {error}", folder.display()))),
    }
}
