//! Programs that must not outlive the process that starts them, however it ends.

use std::io::{Error, ErrorKind};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid};

mod bounded;

pub use bounded::{End, bounded, overheard};

/// Has a program get a signal when the thread that starts it ends (PR_SET_PDEATHSIG of prctl(2)): that thread has to
/// wait for it. What the program starts in its turn gets none, and has to notice: apt's methods do at once. cargo,
/// below `cargo nextest list`, does when it has nobody to tell what it has built: it builds on as far as it has begun,
/// and no further.
pub fn end_with_parent(command: &mut Command, signal: Signal) {
    let parent = Pid::this();
    let begin = move || {
        // Signals that the parent blocks, to read them, are for the program to die of. It would inherit the mask.
        SigSet::empty().thread_set_mask()?;
        die_with(parent, signal)
    };
    // SAFETY: three system calls, and nothing that another thread could have locked.
    unsafe { command.pre_exec(begin) };
}

/// Runs a program to its end, and returns what it printed and how it ended. It ends with its parent.
pub fn output(command: impl Into<Command>) -> std::io::Result<Output> {
    let mut command = command.into();
    end_with_parent(&mut command, Signal::SIGTERM);
    command.output().map_err(|error| explained(error, &command))
}

/// A failure to start a program, in words that say what there was not.
fn explained(error: Error, command: &Command) -> Error {
    match error.kind() {
        ErrorKind::NotFound => lacking(command).map_or(error, |what| Error::new(ErrorKind::NotFound, what)),
        _ => error,
    }
}

/// What there was not, if it is not the program's own file: the system's words leave open which file is meant.
fn lacking(command: &Command) -> Option<String> {
    let (program, folder) = (Path::new(command.get_program()), command.get_current_dir().unwrap_or(Path::new("")));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Some(format!("there is no folder `{}` to run it in", folder.display()));
    }
    if !program.as_os_str().as_bytes().contains(&b'/') {
        return Some("command not found".to_owned());
    }
    // execve(2) says the same of the interpreter that a file names. A program of another C library names one.
    let interpreter =
        "its interpreter is missing on this host: the dynamic loader that it was linked for, or what follows `#!`";
    folder.join(program).exists().then(|| interpreter.to_owned())
}

/// A descriptor that can be read once a process has ended (pidfd_open(2), since Linux 5.3).
pub fn descriptor_of(process: u32) -> std::io::Result<OwnedFd> {
    // SAFETY: it takes two numbers, and touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
    let descriptor = i32::try_from(Errno::result(descriptor)?).map_err(Error::other)?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Asks for a signal at the parent's death, between fork and exec.
pub(crate) fn die_with(parent: Pid, signal: Signal) -> std::io::Result<()> {
    set_pdeathsig(signal)?;
    // It may have ended before it could be asked.
    if getppid() == parent { Ok(()) } else { Err(Error::from_raw_os_error(libc::ESRCH)) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        program("script", b"#!/nonexistent/sh\n");
        // A program linked against a C library that this host does not have.
        let (loader, foreign) = (b"/ld-linux", b"/ld-musl--");
        let mut shell = fs::read("/bin/sh").unwrap();
        let at = shell.windows(loader.len()).position(|bytes| bytes == loader).unwrap();
        shell[at..at + loader.len()].copy_from_slice(&foreign[..loader.len()]);
        program("elsewhere", &shell);
        let interpreter = "its interpreter is missing on this host";
        for (name, expected) in [
            ("nonexistent-command", "command not found"),
            ("./nonexistent", "No such file or directory"),
            ("./script", interpreter),
            ("./elsewhere", interpreter),
        ] {
            let mut command = Command::new(name);
            command.current_dir(folder.path());
            let error = output(command).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{name}: {error}");
        }
        let mut command = Command::new("true");
        command.current_dir(folder.path().join("gone"));
        let error = output(command).unwrap_err().to_string();
        assert!(error.starts_with("there is no folder `") && error.ends_with("/gone` to run it in"), "{error}");
    }
}
