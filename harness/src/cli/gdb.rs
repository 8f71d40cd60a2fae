//! `mdlab gdb`: a scenario that stops at a step, and gdb at its kernel.

mod attached;
mod symbols;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use clap::Args;
use mdlab_vm::child::{End, overheard};
use nix::sys::signal::Signal;

use super::interrupt::{Interrupt, Interrupts};
use super::progress::{complain, telling};
use super::scenarios::{Workspace, environment, only, part};
use super::{Machine, print};
use crate::failure::Failure;
use crate::folder;
use crate::guest::debugger;
use crate::laboratory::Laboratory;
use crate::outcome::{self, Outcomes, Verdict};
use crate::printable::printable;
use crate::snapshot::IGNORED;
use attached::Attached;
use symbols::Symbols;

/// Stops a scenario before one of its steps does anything, and attaches gdb to the kernel.
///
/// gdb knows the kernel's functions, and with debug information its sources: that of a tree's `vmlinux`, which `mdlab kernel build
/// --variant debug` has, or of Debian's debug package, for which `--symbols` asks. When gdb is left, the scenario goes on to its end.
///
/// Example: mdlab gdb members::fails_removes_and_adds --step fail -- -ex 'break raid1_error' -ex continue
#[derive(Args)]
pub(super) struct Gdb {
    /// The scenario: its name, or a part that no other has.
    #[arg(value_parser = part)]
    scenario: String,
    /// The label of the step [default: the first].
    #[arg(long, value_name = "LABEL")]
    step: Option<String>,
    /// Fetch Debian's debug information of the kernel: some 300 MB, and 2 GB unpacked.
    #[arg(long)]
    symbols: bool,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    workspace: Workspace,
    /// What gdb is told besides.
    #[arg(last = true, value_name = "GDB OPTION")]
    options: Vec<String>,
}

/// How long a scenario may take with somebody at the debugger: for ever, so to speak.
const LIMIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The longest line that may be one of those that are waited for.
const LONGEST: usize = 64 << 10;

impl Gdb {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match self.debug()? {
            Some(interrupt) => interrupt.end("gdb was not left"),
            None => Ok(()),
        }
    }

    /// Debugs it, unless a signal comes.
    fn debug(&self) -> Result<Option<Interrupt>, Failure> {
        if Command::new("gdb").arg("--version").output().is_err() {
            return Err(Failure::infra("run `gdb --version`: it is not installed; `apt-get install gdb`"));
        }
        let choice = self.machine.choice()?;
        let scenario = only(&self.workspace.shell()?, &self.scenario)?;
        let laboratory = Laboratory::open(&choice, &mut telling())?;
        let folder = folder::scratch()?;
        let symbols = Symbols::find(&laboratory, &choice, self.symbols, folder.path())?;
        // The path of a socket has 107 bytes at the most (unix(7)), however deep the folder lies.
        let opened = File::open(folder.path()).map_err(|error| Failure::infra(format!("open a folder: {error}")))?;
        let socket = PathBuf::from(format!("/proc/{}/fd/{}/gdb", std::process::id(), opened.as_raw_fd()));
        let mut command = Command::new(&scenario.program);
        command.args(["--exact", &scenario.name, "--nocapture"]).current_dir(&scenario.folder);
        command.env("CARGO_MANIFEST_DIR", &scenario.folder).env("CARGO_PKG_NAME", &scenario.package);
        let outcomes = Outcomes::open()?;
        command.envs(environment(&choice)?).env(outcome::OUTCOMES, outcomes.path());
        // The clock may jump where gdb stops it: what comes then proves nothing.
        command.env(IGNORED, "1");
        command.env(debugger::SOCKET, &socket).env(debugger::STEP, self.step.as_deref().unwrap_or_default());

        let interrupts = Interrupts::heed()?;
        let (mut heard, mut stopped) = (Heard::default(), None);
        let (ran, left) = std::thread::scope(|scope| {
            let ran = overheard(command, LIMIT, Some(interrupts.as_fd()), Signal::SIGKILL, &mut |bytes| {
                if let Some(step) = heard.stop(bytes).filter(|_| stopped.is_none()) {
                    complain(&format!("`{}` is before {step}; `continue` has it go on", scenario.name));
                    stopped = Some(Attached::start(&socket, &symbols, &self.options, (&interrupts, scope)));
                }
            });
            (ran, stopped.map(|gdb| gdb?.wait(&interrupts)))
        });
        let (end, status, text) = ran.map_err(|error| Failure::infra(format!("run `{}`: {error}", self.scenario)))?;
        let is_ours = |line: &&str| [debugger::STOPPED, debugger::PASSED].iter().any(|words| line.contains(words));
        let told: Vec<&str> = text.lines().filter(|line| !is_ours(line)).collect();
        print(&(told.join("\n") + "\n"))?;
        match (left, end) {
            (_, End::Interrupted) => return Ok(interrupts.next()),
            (_, End::TooLate) => {
                return Err(Failure::infra(format!("`{}` did not end within {} s", scenario.name, LIMIT.as_secs())));
            }
            (Some(gdb), End::Itself) => {
                let gdb = gdb?;
                match interrupts.next() {
                    Some(interrupt) => return Ok(Some(interrupt)),
                    None if gdb.success() => {
                        let outcome = outcomes.read().into_iter().next();
                        let failed = outcome.filter(|one| matches!(one.verdict, Some(Verdict::Fail(_))));
                        let message = failed.and_then(|one| one.message).unwrap_or_default();
                        let message = message.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
                        print(&format!("`{}` went on to its end{}\n", scenario.name, printable(&message)))?;
                    }
                    None => return Err(Failure::infra(format!("gdb ended with {gdb}"))),
                }
            }
            (None, End::Itself) => {
                let outcome = outcomes.read().into_iter().next();
                return Err(self.never_stopped(&scenario.name, outcome.and_then(|one| one.verdict), status, &heard));
            }
        }
        Ok(None)
    }

    /// Why a scenario that has ended did not come to the step.
    fn never_stopped(&self, name: &str, verdict: Option<Verdict>, status: ExitStatus, heard: &Heard) -> Failure {
        let step = self.step.as_ref().map_or("a step".to_owned(), |step| format!("a step `{step}`"));
        match verdict {
            Some(Verdict::Skip) => Failure::usage(format!("`{name}` is skipped, as shown above")),
            Some(Verdict::Fail(class)) => {
                Failure::new(class, format!("`{name}` failed before it came to {step}, as shown above"))
            }
            _ if !status.success() => Failure::infra(format!("`{name}` ended before it came to {step}: {status}")),
            _ => {
                let has = heard.passed.join(", ");
                Failure::usage(format!("`{name}` ended, and never came to {step}; it has {has}"))
            }
        }
    }
}

/// What a scenario has said of its steps.
#[derive(Default)]
struct Heard {
    line: Vec<u8>,
    passed: Vec<String>,
}

impl Heard {
    /// Hears more of it; returns the step at which it has stopped, if it says so.
    fn stop(&mut self, bytes: &[u8]) -> Option<String> {
        let mut stopped = None;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if !piece.ends_with(b"\n") && self.line.len() < LONGEST {
                break;
            }
            let said = String::from_utf8_lossy(&self.line).trim_end().to_owned();
            // A test runner of one thread has named the test in the same line.
            let after = |words: &str| said.split_once(words).map(|(_, step)| step.to_owned());
            self.passed.extend(after(debugger::PASSED));
            stopped = stopped.or_else(|| after(debugger::STOPPED));
            self.line.clear();
        }
        stopped
    }
}
