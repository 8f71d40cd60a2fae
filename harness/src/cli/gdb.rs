//! `mdlab gdb`: a scenario that stops at a step, and gdb at its kernel.

mod symbols;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use mdlab_vm::child::{End, end_with_parent, overheard};
use nix::sys::signal::Signal;

use super::interrupt::Interrupts;
use super::progress::{complain, telling};
use super::scenarios::{Workspace, environment, only, part};
use super::{Machine, print};
use crate::failure::{Class, Failure};
use crate::folder;
use crate::guest::debugger;
use crate::laboratory::Laboratory;
use crate::outcome::{self, Outcomes, Verdict};
use crate::snapshot::IGNORED;
use symbols::Symbols;

/// Stops a scenario before one of its steps does anything, and attaches gdb to the kernel.
///
/// gdb knows the kernel's functions, and with debug information its sources: those of a tree's `vmlinux`, or of Debian's debug
/// package, for which `--symbols` asks. When gdb is left, the scenario goes on to its end.
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
        let (mut line, mut passed, mut stopped) = (Vec::new(), Vec::new(), None);
        let mut heard = |bytes: &[u8]| {
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if !piece.ends_with(b"\n") && line.len() < LONGEST {
                    break;
                }
                let said = String::from_utf8_lossy(&line).trim_end().to_owned();
                if let Some(step) = said.strip_prefix(debugger::PASSED) {
                    passed.push(step.to_owned());
                } else if let (Some(step), None) = (said.strip_prefix(debugger::STOPPED), &stopped) {
                    complain(&format!("`{}` is before {step}; `continue` has it go on", scenario.name));
                    stopped = Some(self.attach(&socket, &symbols, &interrupts));
                }
                line.clear();
            }
        };
        let ran = overheard(command, LIMIT, Some(interrupts.as_fd()), Signal::SIGKILL, &mut heard);
        let (end, status, text) = ran.map_err(|error| Failure::infra(format!("run `{}`: {error}", self.scenario)))?;
        print(&text)?;
        match (stopped, end) {
            (None, End::Itself) => {
                let step = self.step.as_ref().map_or("a step".to_owned(), |step| format!("a step `{step}`"));
                let outcome = outcomes.read().into_iter().next();
                Err(match outcome.and_then(|outcome| outcome.verdict) {
                    Some(Verdict::Skip) => Failure::usage(format!("`{}` is skipped, as shown above", scenario.name)),
                    Some(Verdict::Fail(class)) => Failure::new(
                        class,
                        format!("`{}` failed before it came to {step}, as shown above", scenario.name),
                    ),
                    _ if !status.success() => {
                        Failure::infra(format!("`{}` ended before it came to {step}: {status}", scenario.name))
                    }
                    _ => {
                        let has = passed.join(", ");
                        Failure::usage(format!("`{}` ended, and never came to {step}; it has {has}", scenario.name))
                    }
                })
            }
            (Some(gdb), End::Itself) => {
                gdb?;
                print(&format!("`{}` went on to its end\n", scenario.name))
            }
            _ => Err(Failure::new(Class::Infra, format!("`{}` was ended before its time", scenario.name))),
        }
    }

    /// Runs gdb to its end. Ctrl-C is its own business: it stops the kernel.
    fn attach(&self, socket: &Path, symbols: &Symbols, interrupts: &Interrupts) -> Result<(), Failure> {
        let mut command = Command::new("gdb");
        end_with_parent(&mut command, Signal::SIGTERM);
        command.args(["--quiet", "--nx", "-iex", "set confirm off", "-iex", "set architecture i386:x86-64"]);
        command.args(symbols.commands().iter().flat_map(|line| ["-ex", line]));
        command.arg("-ex").arg(format!("target remote {}", socket.display())).args(&self.options);
        let status = command.status();
        interrupts.forget_typed();
        let status = status.map_err(|error| Failure::infra(format!("run gdb: {error}")))?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::infra(format!("gdb ended with {status}"))),
        }
    }
}
