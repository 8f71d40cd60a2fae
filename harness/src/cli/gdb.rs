//! `mdlab gdb`: a scenario that stops at a step, and gdb at its kernel.

mod symbols;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use mdlab_vm::child::{End, overheard};
use nix::sys::signal::Signal;

use super::interrupt::Interrupts;
use super::progress::{complain, telling};
use super::scenarios::{Workspace, environment, only, part};
use super::{Machine, print};
use crate::failure::{Class, Failure};
use crate::folder;
use crate::guest::debugger;
use crate::laboratory::Laboratory;
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
        command.env("CARGO_MANIFEST_DIR", &scenario.folder).envs(environment(&choice)?);
        // The clock may jump where gdb stops it: what comes then proves nothing.
        command.env(IGNORED, "1");
        command.env(debugger::SOCKET, &socket).env(debugger::STEP, self.step.as_deref().unwrap_or_default());

        let (mut said, mut stopped) = (String::new(), None);
        let mut heard = |bytes: &[u8]| {
            said.push_str(&String::from_utf8_lossy(bytes));
            let line = said.lines().find_map(|line| line.strip_prefix(debugger::STOPPED));
            if let Some(step) = line.filter(|_| stopped.is_none() && said.ends_with('\n')) {
                complain(&format!("`{}` is before {step}; `continue` has it go on", scenario.name));
                stopped = Some(self.attach(&socket, &symbols));
            }
        };
        let interrupts = Interrupts::heed()?;
        let ran = overheard(command, LIMIT, Some(interrupts.as_fd()), Signal::SIGKILL, &mut heard);
        let (end, _, text) = ran.map_err(|error| Failure::infra(format!("run `{}`: {error}", self.scenario)))?;
        print(&text)?;
        match (stopped, end) {
            (None, End::Itself) => {
                let step = self.step.as_ref().map_or("a step".to_owned(), |step| format!("a step `{step}`"));
                let steps: Vec<_> = said.lines().filter_map(|line| line.strip_prefix(debugger::PASSED)).collect();
                let text = format!("`{}` ended, and never came to {step}; it has {}", scenario.name, steps.join(", "));
                Err(Failure::usage(text))
            }
            (Some(gdb), End::Itself) => {
                gdb?;
                print(&format!("`{}` went on to its end\n", scenario.name))
            }
            _ => Err(Failure::new(Class::Infra, format!("`{}` was ended before its time", scenario.name))),
        }
    }

    /// Runs gdb to its end. Signals from the terminal are its own business.
    fn attach(&self, socket: &Path, symbols: &Symbols) -> Result<(), Failure> {
        let mut command = Command::new("gdb");
        command.args(["--quiet", "--nx", "-iex", "set confirm off", "-iex", "set architecture i386:x86-64"]);
        command.args(symbols.commands().iter().flat_map(|line| ["-ex", line]));
        command.arg("-ex").arg(format!("target remote {}", socket.display())).args(&self.options);
        let status = command.status().map_err(|error| Failure::infra(format!("run gdb: {error}")))?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::infra(format!("gdb ended with {status}"))),
        }
    }
}
