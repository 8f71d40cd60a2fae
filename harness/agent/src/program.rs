//! Programs that the agent runs for itself, while nothing is recorded.

use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{AccessFlags, access};

use crate::failure::{Attempt, Failure};

/// Where programs are looked up, by the agent and by what it runs.
pub(crate) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The whole environment of every program.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[("PATH", PATH), ("HOME", "/root"), ("LC_ALL", "C")];

/// Most characters of a program's complaint that are passed on.
const COMPLAINT: usize = 500;

/// Finds a program: a name in [`PATH`], anything with a slash where it says.
pub(crate) fn find(name: &str) -> Result<PathBuf, Failure> {
    let runs = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    let found = if name.contains('/') {
        Some(PathBuf::from(name)).filter(|path| runs(path))
    } else {
        PATH.split(':').map(|folder| Path::new(folder).join(name)).find(|path| runs(path))
    };
    found.ok_or_else(|| {
        let place = if name.contains('/') { "no such executable file".into() } else { format!("not in PATH ({PATH})") };
        Failure::refuse(format!("find the program `{name}`"), place)
    })
}

/// Runs a program to its end; anything but success is a failure with what the program said.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new(find(name)?);
    command.args(arguments).stdin(Stdio::null());
    finish(command)
}

/// As [`run`], for a command that is made already.
///
/// What it says goes to a file, not a pipe: a daemon that it leaves behind would keep a pipe open.
pub(crate) fn finish(mut command: Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = said(&mut command).attempt(|| format!("run `{name}`"))?;
    match ended {
        (true, _) => Ok(()),
        (false, text) => Err(Failure::new(format!("run `{name}`"), text.trim())),
    }
}

fn said(command: &mut Command) -> io::Result<(bool, String)> {
    let mut file = tempfile::tempfile()?;
    command.env_clear().envs(ENVIRONMENT.iter().copied());
    let status = command.stdout(file.try_clone()?).stderr(file.try_clone()?).status()?;
    file.rewind()?;
    let text: String = io::read_to_string(file)?.chars().take(COMPLAINT).collect();
    Ok((status.success(), format!("{status}: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_or_named() {
        assert!(find("true").is_ok());
        let missing = find("mdlab-no-such-program").unwrap_err().to_string();
        assert_eq!(missing, format!("find the program `mdlab-no-such-program`: not in PATH ({PATH})"));
        assert!(find("/etc/passwd").is_err(), "a file that cannot be executed is no program");
    }

    #[test]
    fn a_failing_program_is_quoted() {
        let failure = run("sh", &["-c", "echo out; echo err >&2; exit 3"]).unwrap_err().to_string();
        assert!(failure.ends_with("exit status: 3: out\nerr"), "{failure}");
    }
}
