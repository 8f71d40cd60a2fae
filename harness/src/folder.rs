//! Where evidence is written: below the target folder of the workspace that a run belongs to.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mdlab_vm::Scratch;

use crate::failure::Failure;
use crate::recording::{MachineId, Recording};

/// The variable that names another folder, for [`base`]: `mdlab prove` keeps runs of one scenario apart.
pub(crate) const EVIDENCE: &str = "MDLAB_EVIDENCE";

/// The folder for what a run leaves behind, `target/mdlab`: of the workspace around the package that cargo tests, or
/// around the current folder; outside of any workspace it lies in the cache.
pub(crate) fn base() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os(EVIDENCE) {
        return Ok(named.into());
    }
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

/// Makes a folder for what may become evidence.
pub(crate) fn scratch() -> Result<Scratch, Failure> {
    Ok(Scratch::make(&make(base()?)?.join("scratch"))?)
}

/// Writes down what a kernel printed as it booted.
pub(crate) fn boot(title: &str, console: &str) -> Result<PathBuf, Failure> {
    let folder = make(base()?.join(title))?;
    let written = fs::write(folder.join("console.log"), console);
    written.map_err(|error| Failure::infra(format!("write into `{}`: {error}", folder.display())))?;
    Ok(folder)
}

/// A title as the name of a file.
fn file_name(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    title.replace("::", ".").chars().map(plain).collect()
}

/// The file of a recording.
const RECORDING: &str = "recording.json";

/// Writes a recording into a folder.
pub(crate) fn write_recording(folder: &Path, recording: &Recording) -> Result<(), Failure> {
    let path = folder.join(RECORDING);
    let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write `{}`: {error}", path.display()));
    let mut file = BufWriter::new(File::create(&path).map_err(|error| failed(&error))?);
    serde_json::to_writer(&mut file, recording).map_err(|error| failed(&error))?;
    file.flush().map_err(|error| failed(&error))
}

/// All recordings below a folder, by the names of their scenarios.
pub(crate) fn recordings(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let list = |folder: &Path| -> std::io::Result<Vec<PathBuf>> {
        let mut paths = folder.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    };
    let read = || -> std::io::Result<Vec<Vec<u8>>> {
        let mut recordings = Vec::new();
        for machine in list(folder)? {
            for scenario in list(&machine)? {
                recordings.push(fs::read(scenario.join(RECORDING))?);
            }
        }
        Ok(recordings)
    };
    read().map_err(|error| Failure::infra(format!("read the recordings in `{}`: {error}", folder.display())))
}

/// Makes a folder, and those above it.
pub(crate) fn make(folder: PathBuf) -> Result<PathBuf, Failure> {
    match fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => Err(Failure::infra(format!("make the folder `{}`: {error}", folder.display()))),
    }
}
