//! Where evidence is written: below the target folder of the workspace that a run belongs to.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mdlab_vm::Scratch;

use crate::failure::Failure;
use crate::recording::{MachineId, Recording};

/// The variable that names another folder, for [`base`]: `mdlab prove` keeps runs of one scenario apart.
pub(crate) const EVIDENCE: &str = "MDLAB_EVIDENCE";

/// The folder for what a run leaves behind, `target/mdlab`: of the workspace around the package that cargo tests, or
/// around the current folder; outside of any workspace it lies in the cache.
pub(crate) fn base() -> Result<PathBuf, Failure> {
    let absolute = |folder: PathBuf| {
        std::path::absolute(&folder).map_err(|error| Failure::usage(format!("find `{}`: {error}", folder.display())))
    };
    if let Some(named) = std::env::var_os(EVIDENCE) {
        return absolute(named.into());
    }
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        return absolute(PathBuf::from(target).join("mdlab"));
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

/// Writes a recording into a folder. Another run of the same scenario may write there at the same time.
pub(crate) fn write_recording(folder: &Path, recording: &Recording) -> Result<(), Failure> {
    let text = serde_json::to_vec(recording);
    write_recorded(folder, &text.map_err(|error| Failure::infra(format!("write a recording: {error}")))?)
}

/// Likewise, one that is written out already.
pub(crate) fn write_recorded(folder: &Path, recording: &[u8]) -> Result<(), Failure> {
    write_whole(&folder.join(RECORDING), recording)
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write `{}`: {error}", path.display()));
    let mut maker = tempfile::Builder::new();
    // Who may read it is the umask's business.
    let file = maker.permissions(Permissions::from_mode(0o666)).tempfile_in(path.parent().unwrap_or(Path::new(".")));
    let mut file = file.map_err(|error| failed(&error))?;
    file.write_all(bytes).map_err(|error| failed(&error))?;
    file.persist(path).map(drop).map_err(|error| failed(&error))
}

/// The recording in the folder of a guest, if there is one.
pub(crate) fn recording(folder: &Path) -> Result<Option<Recording>, Failure> {
    let path = folder.join(RECORDING);
    let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("read `{}`: {error}", path.display()));
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// All recordings below a folder, in the order in which the test forked its guests, on whichever machines. What the test printed
/// may lie beside them, and a test that failed early may have left no more than a folder.
pub(crate) fn recordings(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let list = |folder: &Path| -> std::io::Result<Vec<PathBuf>> {
        let paths = folder.read_dir()?.map(|entry| Ok(entry?.path()));
        paths.filter(|path| path.as_ref().map_or(true, |path| path.is_dir())).collect()
    };
    let read = || -> std::io::Result<Vec<Vec<u8>>> {
        let machines = list(folder)?;
        let guests = machines.iter().map(|machine| list(machine)).collect::<std::io::Result<Vec<_>>>()?;
        let mut guests = guests.concat();
        guests.sort_by_cached_key(|guest| (number(guest), guest.clone()));
        let recordings = guests.iter().map(|guest| guest.join(RECORDING)).filter(|path| path.exists());
        recordings.map(fs::read).collect()
    };
    read().map_err(|error| Failure::infra(format!("read the recordings in `{}`: {error}", folder.display())))
}

/// Which of its test's guests left a folder.
fn number(guest: &Path) -> u32 {
    let name = guest.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
}

/// What the folder of a test's guest is called: the second guest has one of its own, `-2`.
pub(crate) fn of_guest(test: &str, number: u32) -> String {
    if number == 1 { test.to_owned() } else { format!("{test}-{number}") }
}

/// Makes a folder, and those above it.
pub(crate) fn make(folder: PathBuf) -> Result<PathBuf, Failure> {
    match fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => Err(Failure::infra(format!("make the folder `{}`: {error}", folder.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_come_in_the_order_of_the_guests() {
        let folder = tempfile::tempdir().unwrap();
        for (machine, number) in [("linux-7.2", 1), ("linux-5.10", 2), ("linux-6.1", 10)] {
            let guest = folder.path().join(machine).join(file_name(&of_guest("travel::grows", number)));
            fs::create_dir_all(&guest).unwrap();
            fs::write(guest.join(RECORDING), number.to_string()).unwrap();
        }
        fs::write(folder.path().join("output.log"), "").unwrap();
        fs::create_dir(folder.path().join("linux-7.2/travel.failed_early")).unwrap();
        assert_eq!(recordings(folder.path()).unwrap(), [b"1".to_vec(), b"2".to_vec(), b"10".to_vec()]);
    }
}
