//! Ctrl-C and its like, where somebody else has to end first.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::complain;
use crate::failure::Failure;

/// From now on these signals do not end this process: they are read. Threads that it starts leave them to this as well;
/// programs do not, if they end with it ([`mdlab_vm::child`]).
pub(super) struct Interrupts(SignalFd, SigSet);

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interrupt {
    pub(super) signal: Signal,
    /// The terminal sent it, to all in the foreground (`si_code` of sigaction(2)).
    pub(super) to_all: bool,
}

impl Interrupts {
    pub(super) fn heed() -> Result<Self, Failure> {
        let signals =
            [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let signals = SigSet::from_iter(signals);
        let heed = signals
            .thread_block()
            .and_then(|()| SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC));
        heed.map(|read| Self(read, signals)).map_err(|error| Failure::infra(format!("heed signals: {error}")))
    }

    /// Has these signals end this process, as they do otherwise, while something waits for somebody else.
    pub(super) fn let_through<T>(wait: impl FnOnce() -> T) -> T {
        let heeded = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let done = wait();
        let _ = heeded.and_then(|heeded| heeded.thread_set_mask());
        done
    }

    /// Whether one has come that nobody has taken.
    pub(super) fn has_come(&self) -> bool {
        poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1)
    }

    /// Waits until one comes, and takes it.
    pub(super) fn wait(&self) -> Option<Interrupt> {
        while poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) == Err(Errno::EINTR) {}
        self.next()
    }

    /// Takes one that has come, if any.
    pub(super) fn next(&self) -> Option<Interrupt> {
        let info = self.0.read_signal().ok()??;
        let signal = Signal::try_from(info.ssi_signo as i32).ok()?;
        Some(Interrupt { signal, to_all: info.ssi_code == libc::SI_KERNEL })
    }

    /// Leaves Ctrl-C to somebody else in the foreground for as long as what this returns is kept.
    pub(super) fn leave_typed(&self) -> Result<Left<'_>, Failure> {
        let others = self.1.into_iter().filter(|signal| *signal != Signal::SIGINT);
        self.read_only(&SigSet::from_iter(others)).map_err(|error| Failure::infra(format!("leave Ctrl-C: {error}")))?;
        Ok(Left(self))
    }

    /// Has these alone be read (signalfd(2)). The others stay blocked.
    fn read_only(&self, signals: &SigSet) -> Result<(), Errno> {
        // SAFETY: the descriptor is a signalfd, and the kernel reads one `sigset_t`.
        let read = unsafe { libc::signalfd(self.0.as_fd().as_raw_fd(), signals.as_ref(), 0) };
        Errno::result(read).map(drop)
    }
}

/// Ctrl-C, while it is left to somebody else.
pub(super) struct Left<'a>(&'a Interrupts);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        // What was typed meanwhile has been heard where it was meant for. Nobody else reads this signal here now.
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        if let Ok(typed) = SignalFd::with_flags(&SigSet::from_iter([Signal::SIGINT]), flags) {
            let came = typed.read_signal().ok().flatten();
            if came.is_some_and(|info| info.ssi_code != libc::SI_KERNEL) {
                // Blocked, it waits for whoever reads next. To the process: this thread may be about to end.
                let _ = kill(Pid::this(), Signal::SIGINT);
            }
        }
        let _ = self.0.read_only(&self.0.1);
    }
}

/// Whether whoever started this process has it ignore a signal, as nohup does with SIGHUP. Blocked, it would come all the same.
fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and the kernel writes one `sigaction`; all zeros, if it does not, are the default action.
    let action = unsafe {
        libc::sigaction(signal as i32, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

impl AsFd for Interrupts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Interrupt {
    /// The failure of what was interrupted.
    pub(super) fn failure(&self, what: &str) -> Failure {
        Failure::infra(format!("{what}: {} came", self.signal))
    }

    /// Says what was interrupted, and ends this process as the signal would have, so that whoever started it knows.
    pub(super) fn end(self, what: &str) -> ! {
        complain(&self.failure(what).to_string());
        let _ = SigSet::empty().thread_set_mask();
        let _ = raise(self.signal);
        // The first process of a container does not die of it (pid_namespaces(7)): it ends as a shell would say that it did.
        std::process::exit(128 + self.signal as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel does, for a terminal or for somebody else.
    fn send(signal: Signal, code: i32) {
        // SAFETY: the call reads one `siginfo_t`, all zeros but for what is set; to this very thread it may say what it likes.
        let sent = unsafe {
            let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed().assume_init();
            (info.si_signo, info.si_code) = (signal as i32, code);
            let (process, thread) = (libc::getpid(), libc::gettid());
            libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal as i32, &info)
        };
        assert_eq!(sent, 0);
    }

    #[test]
    fn what_was_typed_for_somebody_else_is_forgotten() {
        let interrupts = Interrupts::heed().unwrap();
        let left = interrupts.leave_typed().unwrap();
        send(Signal::SIGINT, libc::SI_KERNEL);
        assert!(!interrupts.has_come());
        send(Signal::SIGTERM, libc::SI_TKILL);
        assert!(interrupts.has_come());
        drop(left);
        assert_eq!(interrupts.next().map(|one| one.signal), Some(Signal::SIGTERM));
        assert_eq!(interrupts.next(), None);
        send(Signal::SIGINT, libc::SI_KERNEL);
        assert_eq!(interrupts.next().map(|one| one.signal), Some(Signal::SIGINT));
    }
}
