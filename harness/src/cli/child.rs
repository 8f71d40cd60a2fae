//! Programs that mdlab starts, and that must not outlive it.

use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

/// Has a program get a signal when the thread that starts it ends, however it does (PR_SET_PDEATHSIG of prctl(2)).
pub(super) fn end_with_parent(command: &mut Command, signal: Signal) {
    let parent = Pid::this();
    let ask = move || {
        set_pdeathsig(signal)?;
        // It may have ended before it could be asked.
        if getppid() == parent { Ok(()) } else { Err(Error::from_raw_os_error(nix::libc::ESRCH)) }
    };
    // SAFETY: two system calls, and nothing that another thread could have locked.
    unsafe { command.pre_exec(ask) };
}
