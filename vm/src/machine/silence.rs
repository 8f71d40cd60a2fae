//! Why a machine is silent: its kernel hangs, or QEMU does, or has gone.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Machine;
use crate::error::{Class, Error, Result};
use crate::process::Process;
use crate::report::Report;

/// How long QEMU may take to interrupt a guest, and that to show its tasks, which takes a second on an idle host.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(30);

/// What QEMU 7.2 says as it gives up: it counts no more than 2^31 instructions between two events of any kind
/// (`replay_advance_current_icount` in replay/replay-internal.c), which a guest that takes interrupts never comes near. See
/// `IN_TURN` in `arguments.rs`.
const TOO_MANY: &str = "replay_advance_current_icount";

/// How the message of a silent guest begins. How long it was waited for, and what it had said on its console by the time at
/// which it was interrupted, is the host's doing.
pub const SILENT: &str = "the guest was not heard of";

impl Machine {
    /// Whether the kernel has said on its console that nothing goes on any more, so that there is nothing to wait for.
    pub(super) fn is_stuck(&self) -> bool {
        Report::on_console(&self.console.tail()).iter().any(Report::is_the_end)
    }

    /// Why a guest is silent: QEMU is, or its kernel hangs. Then the stacks of all tasks stand on the console.
    pub(super) fn silence(&mut self, waited: Duration) -> Error {
        let text = format!("{SILENT} within {} s of wall time", waited.as_secs());
        if self.process.is_stopped() {
            return Error::infra(format!("{text}: {}", self.stopped()));
        }
        match self.interrupt() {
            Ok(true) => {
                Error::new(self.blame, format!("{text}; it was interrupted, and shows its tasks on its console"))
            }
            Ok(false) => Error::new(self.blame, format!("{text}, and does not react to being interrupted")),
            Err(Error { class, message, .. }) => {
                Error::new(class, format!("{text}, and was to be interrupted: {message}"))
            }
        }
    }

    pub(super) fn stopped(&self) -> String {
        let id = self.process.id();
        format!("somebody has stopped QEMU, process {id}, by SIGSTOP or with a debugger; it has been ended")
    }

    /// Sends an interrupt that cannot be masked, and waits until the kernel has panicked of it (see the kernel's command line
    /// in `arguments.rs`); whether it has.
    fn interrupt(&mut self) -> Result<bool> {
        let deadline = Instant::now() + INTERRUPT_LIMIT;
        let show = serde_json::json!({ "command-line": "info registers" });
        let registers = self.command("human-monitor-command", show, deadline)?;
        // What follows are segments, and registers of other kinds.
        let registers = registers.as_str().unwrap_or_default().lines().take_while(|line| !line.starts_with("ES"));
        self.registers = registers.map(|line| format!("{}\n", line.trim())).collect();
        self.command("inject-nmi", serde_json::json!({}), deadline)?;
        while Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(self.qmp.fd(), PollFlags::POLLIN)];
            let polled = poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
            if polled == Ok(0) {
                break;
            }
            match self.events() {
                Ok(_) => {}
                Err(error) if error.class == Class::Infra || error.message.contains(TOO_MANY) => return Err(error),
                // Its end is what was asked for.
                Err(_) => return Ok(self.console.tail().contains("Kernel panic - ")),
            }
        }
        Ok(false)
    }

    /// What QEMU answers; why it has gone, if that is why it does not.
    fn command(&mut self, name: &str, arguments: serde_json::Value, deadline: Instant) -> Result<serde_json::Value> {
        let answer = self.qmp.command(name, arguments, deadline);
        answer.map_err(|error| gone(&mut self.process, self.blame).unwrap_or(error))
    }
}

/// The error of a QEMU that has gone, if it has.
pub(super) fn gone(process: &mut Process, blame: Class) -> Option<Error> {
    let cause = process.obituary()?;
    Some(match cause.contains(TOO_MANY) {
        // So it runs, and no timer of its has fired for seconds.
        true => Error::new(blame, format!("the guest takes no interrupts, and QEMU has given up on it: {cause}")),
        false => Error::infra(format!("QEMU has gone: {cause}")),
    })
}
