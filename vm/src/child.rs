//! Programs that must not outlive the process that starts them, however it ends.

use std::io::{Error, ErrorKind};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

/// Has a program get a signal when the thread that starts it ends (PR_SET_PDEATHSIG of prctl(2)): that thread has to wait
/// for it. What the program starts in its turn gets none; SIGTERM has it see to that.
pub fn end_with_parent(command: &mut Command, signal: Signal) {
    let parent = Pid::this();
    // SAFETY: `die_with` makes two system calls, and touches nothing that another thread could have locked.
    unsafe { command.pre_exec(move || die_with(parent, signal)) };
}

/// Runs a program to its end, and returns what it printed and how it ended. It ends with its parent.
pub fn output(command: impl Into<Command>) -> std::io::Result<Output> {
    let mut command = command.into();
    end_with_parent(&mut command, Signal::SIGTERM);
    command.output().map_err(|error| match error.kind() {
        // The system's own words leave open which file is meant.
        ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "command not found"),
        _ => error,
    })
}

/// Asks for a signal at the parent's death, between fork and exec.
pub(crate) fn die_with(parent: Pid, signal: Signal) -> std::io::Result<()> {
    set_pdeathsig(signal)?;
    // It may have ended before it could be asked.
    if getppid() == parent { Ok(()) } else { Err(Error::from_raw_os_error(libc::ESRCH)) }
}
