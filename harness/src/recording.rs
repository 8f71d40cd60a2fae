//! What happened in a guest, as it was recorded: nothing is left out, nothing is redacted.

use mdlab_protocol::{Event, Exit, Observation, Output};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::version::Version;

/// What happened in one guest, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The machine.
    pub machine: MachineId,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// The machine that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineId {
    /// The release of the kernel: `6.1.0-50-cloud-amd64`.
    pub kernel: String,
    /// The version of mdadm: `4.2-5`.
    pub mdadm: String,
    /// `tcg` or `kvm`.
    pub accel: String,
}

impl MachineId {
    /// Versions of the kernel and of mdadm, as far as snapshots tell them apart.
    pub fn versions(&self) -> Result<(Version, Version), String> {
        Ok((self.kernel.parse()?, self.mdadm.parse()?))
    }
}

impl std::fmt::Display for MachineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linux {}, mdadm {}, {}", self.kernel, self.mdadm, self.accel)
    }
}

/// A step: what was done, what happened meanwhile, and how things stood afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub label: String,
    /// It only prepared what the scenario is about: kept as evidence, without system calls, and shown in no channel.
    pub given: bool,
    /// The commands that were run.
    pub commands: Vec<Command>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// How the arrays and their members stood afterwards; nothing where the step was cut short, and nobody could look.
    pub after: Option<Observation>,
}

/// How much of what a command printed is told beside how it ended, in characters: the recording has more.
const TOLD: usize = 1000;

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The line that answered whatever it asked.
    pub answer: Option<String>,
    /// How it ended; nothing where it was started to run beside what follows.
    pub exit: Option<Exit>,
    /// What it wrote.
    pub output: Output,
}

impl Command {
    /// The command line, quoted where a shell would need it.
    pub fn line(&self) -> String {
        shell_words::join(&self.argv)
    }

    /// How it ended, and what it complained of, on one line; what it printed where it complained of nothing.
    pub(crate) fn came(&self) -> String {
        let Output { stdout, stderr, .. } = &self.output;
        let said = String::from_utf8_lossy(if stderr.is_empty() { stdout } else { stderr }).trim().replace('\n', "; ");
        let cut = said.char_indices().nth(TOLD).map(|(at, _)| format!("{} [...]", &said[..at]));
        let said = cut.unwrap_or(said);
        if said.is_empty() { self.ending() } else { format!("{}: {said}", self.ending()) }
    }

    /// How it ended, in words: `exit 0`, `killed by SIGSEGV`.
    pub fn ending(&self) -> String {
        match self.exit {
            None => "runs on".to_owned(),
            Some(Exit::Status(status)) => format!("exit {status}"),
            Some(Exit::Signal(number)) => match Signal::try_from(number) {
                // The agent bounds files, and what is printed is one (RLIMIT_FSIZE of its command.rs).
                Ok(Signal::SIGXFSZ) => "killed by SIGXFSZ, as it wrote more than a file may have here".to_owned(),
                Ok(signal) => format!("killed by {signal}"),
                Err(_) => format!("killed by signal {number}"),
            },
            Some(Exit::TimedOut) => "still running at its limit, killed".to_owned(),
            Some(Exit::Hung) => "hanging in the kernel, past being killed".to_owned(),
        }
    }
}
