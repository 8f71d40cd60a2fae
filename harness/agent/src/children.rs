//! What the kernel reports of children, traced or not.

use nix::errno::Errno;
use nix::unistd::Pid;

use mdlab_protocol::Exit;

/// A child's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It ended.
    Ended(Exit),
    /// A traced one stopped, for this signal and this PTRACE_EVENT (0 is none).
    Stopped { signal: i32, event: i32 },
}

/// Takes one change of any child, without waiting; `None` when there is none. Reaps what has ended, orphans included.
///
/// Of the calling thread alone: the agent has one, and a test that traces sees nothing of the tests beside it.
///
/// Not nix's `waitpid`: it reports a real-time signal as an error, after the kernel has forgotten the change.
pub(crate) fn next_change() -> Option<(Pid, Change)> {
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes one number to `status`.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL | libc::__WNOTHREAD) };
        return match pid {
            0 => None,
            -1 if Errno::last() == Errno::EINTR => continue,
            // ECHILD: there are no children.
            -1 => None,
            pid => Some((Pid::from_raw(pid), change(status))),
        };
    }
}

fn change(status: i32) -> Change {
    if libc::WIFEXITED(status) {
        Change::Ended(Exit::Status(libc::WEXITSTATUS(status)))
    } else if libc::WIFSIGNALED(status) {
        Change::Ended(Exit::Signal(libc::WTERMSIG(status)))
    } else {
        Change::Stopped { signal: libc::WSTOPSIG(status), event: status >> 16 }
    }
}
