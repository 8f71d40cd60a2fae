//! gdb while it is at work, and whose business signals are meanwhile.

use std::io::{BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread::Scope;
use std::time::Duration;

use mdlab_vm::child::{descriptor_of, end_with_parent};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::symbols::Symbols;
use crate::cli::interrupt::Interrupts;
use crate::failure::Failure;

/// How long gdb may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(5);

/// gdb, until it is left.
pub(super) struct Attached {
    gdb: Child,
    process: OwnedFd,
}

impl Attached {
    /// Starts gdb at a socket. Until it is left, Ctrl-C is its own business: it stops the kernel.
    pub(super) fn start<'scope>(
        socket: &Path,
        symbols: &Symbols,
        options: &[String],
        (interrupts, scope): (&'scope Interrupts, &'scope Scope<'scope, '_>),
    ) -> Result<Self, Failure> {
        let mut command = Command::new("gdb");
        end_with_parent(&mut command, Signal::SIGTERM);
        command.args(["--quiet", "--nx", "-iex", "set confirm off", "-iex", "set architecture i386:x86-64"]);
        command.args(symbols.commands().iter().flat_map(|line| ["-ex", line]));
        command.arg("-ex").arg(format!("target remote {}", socket.display())).args(options);
        let typed = interrupts.leave_typed()?;
        let failed = |error| Failure::infra(format!("run gdb: {error}"));
        let mut gdb = command.spawn().map_err(failed)?;
        let watched = descriptor_of(gdb.id()).and_then(|process| Ok((process.try_clone()?, process)));
        let (process, watched) = watched.map_err(|error| {
            let _ = gdb.kill();
            failed(error)
        })?;
        let socket = socket.to_owned();
        scope.spawn(move || {
            wait_for(&mut [readable(&watched)], PollTimeout::NONE);
            drop(typed);
            // Where it has ended by itself there is nobody to listen.
            let _ = let_go(&socket);
        });
        Ok(Self { gdb, process })
    }

    /// Waits until it is left; a signal that comes to this process ends it.
    pub(super) fn wait(mut self, interrupts: &Interrupts) -> Result<ExitStatus, Failure> {
        let interrupts = interrupts.as_fd();
        let mut left = [readable(&self.process), PollFd::new(interrupts, PollFlags::POLLIN)];
        wait_for(&mut left, PollTimeout::NONE);
        if left[0].any() != Some(true) {
            let _ = kill(Pid::from_raw(self.gdb.id() as i32), Signal::SIGTERM);
            let limit = PollTimeout::try_from(GRACE).unwrap_or(PollTimeout::ZERO);
            wait_for(&mut left[..1], limit);
            if left[0].any() != Some(true) {
                let _ = self.gdb.kill();
            }
        }
        self.gdb.wait().map_err(|error| Failure::infra(format!("wait for gdb: {error}")))
    }
}

/// Has the guest go on, if gdb was left otherwise than by detaching from it: it never came, or it was killed.
fn let_go(socket: &Path) -> std::io::Result<()> {
    let mut guest = UnixStream::connect(socket)?;
    guest.set_read_timeout(Some(GRACE))?;
    // "D", detach (gdb's manual, "Packets"), from the first process: QEMU asks for it once a gdb was there that knows of several
    // (`handle_detach` of its gdbstub).
    guest.write_all(b"$D;1#b0")?;
    let mut answer = Vec::new();
    for byte in BufReader::new(guest).bytes().take(64) {
        answer.push(byte?);
        if answer.ends_with(b"OK#9a") {
            break;
        }
    }
    Ok(())
}

/// Waits until one of these can be read, as a process can that has ended.
fn wait_for(all: &mut [PollFd], limit: PollTimeout) {
    while poll(all, limit) == Err(Errno::EINTR) {}
}

fn readable(process: &OwnedFd) -> PollFd<'_> {
    PollFd::new(process.as_fd(), PollFlags::POLLIN)
}
