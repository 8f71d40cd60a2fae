//! Failures and their classes.

use std::fmt;
use std::path::PathBuf;

use mdlab_vm::Report;

use crate::printable::printable;

/// Whose fault a failure is; each class has an exit status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A snapshot differs, or a scenario's own assertion does not hold.
    Drift = 1,
    /// What was asked for makes no sense.
    Usage = 2,
    /// The kernel failed: a panic, a warning, a hang, or whatever else it reports of itself.
    Kernel = 3,
    /// The kernel never reached the agent, or lacks what the agent needs.
    Boot = 4,
    /// A command ended otherwise than the scenario says.
    Tool = 5,
    /// Not the kernel's fault: QEMU, disk space, a missing program.
    Infra = 6,
}

impl Class {
    /// The order in which classes count where several scenarios fail. What a kernel reported of itself stands, whatever else
    /// failed; for the rest, while the laboratory is broken, what it says of md is worth nothing.
    pub(crate) const PRECEDENCE: [Self; 6] =
        [Self::Kernel, Self::Infra, Self::Boot, Self::Usage, Self::Tool, Self::Drift];

    /// The one that counts most.
    pub(crate) fn worst(classes: &[Self]) -> Option<Self> {
        Self::PRECEDENCE.into_iter().find(|class| classes.contains(class))
    }

    /// The exit status of a program that failed so.
    pub fn exit_status(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tables have it padded.
        f.pad(match self {
            Self::Drift => "drift",
            Self::Usage => "usage",
            Self::Kernel => "kernel",
            Self::Boot => "boot",
            Self::Tool => "tool",
            Self::Infra => "infra",
        })
    }
}

/// A failure: what was expected and what came, then the evidence, then the command that runs it again.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Failure {
    /// Whose fault it is.
    pub class: Class,
    /// What was expected, what came, what to do.
    pub message: String,
    /// What else is known.
    pub evidence: Box<Evidence>,
}

/// What is known of a failure, as far as it goes.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Where the scenario was: the step.
    pub at: Option<String>,
    /// The line of it: `scenarios/mirror.rs:12:5`.
    pub line: Option<String>,
    /// The command line that ran.
    pub during: Option<String>,
    /// What had been done before: the last command line and how it ended.
    pub after: Option<String>,
    /// The machine: kernel, tool, acceleration.
    pub machine: Option<String>,
    /// What the kernel reported of itself, in full.
    pub reports: Vec<String>,
    /// The end of the console.
    pub console: Option<String>,
    /// Where the recording and the console were written.
    pub folder: Option<PathBuf>,
    /// One command that runs it again.
    pub rerun: Option<String>,
}

impl Failure {
    /// A failure without evidence.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), evidence: Box::default() }
    }

    /// A failure with evidence.
    pub fn with(class: Class, message: impl Into<String>, evidence: Evidence) -> Self {
        Self { class, message: message.into(), evidence: evidence.into() }
    }

    /// What was asked for makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, message)
    }

    /// Not the kernel's fault.
    pub fn infra(message: impl Into<String>) -> Self {
        Self::new(Class::Infra, message)
    }
}

/// Lines of the console that a message shows; the file has more.
const CONSOLE_LINES: usize = 12;

/// Reports of the kernel that a message shows, each of them whole; the console's file has all.
const REPORTS: usize = 3;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, printable(&self.message))?;
        let known = &*self.evidence;
        let mut line = |name: &str, value: Option<&str>| match value {
            Some(value) => write!(f, "\n  {:10}{}", format!("{name}:"), printable(value)),
            None => Ok(()),
        };
        let at: Vec<&str> = [&known.at, &known.line].into_iter().flatten().map(String::as_str).collect();
        line("at", (!at.is_empty()).then(|| at.join(", ")).as_deref())?;
        line("during", known.during.as_deref())?;
        line("after", known.after.as_deref())?;
        line("machine", known.machine.as_deref())?;
        let indented = |text: &str| text.trim_end().replace('\n', "\n            ");
        for report in known.reports.iter().take(REPORTS) {
            line("kernel", Some(&indented(report)))?;
        }
        // Where the kernel has said what is wrong, what its console ends with is something else.
        let console = known.console.as_deref().filter(|text| known.reports.is_empty() && !text.trim().is_empty());
        if let Some(console) = console {
            let lines: Vec<&str> = console.trim_end().lines().collect();
            let tail = &lines[lines.len().saturating_sub(CONSOLE_LINES)..];
            line("console", Some(&indented(&tail.join("\n"))))?;
        }
        line("evidence", known.folder.as_ref().map(|path| path.display().to_string()).as_deref())?;
        line("rerun", known.rerun.as_deref())
    }
}

impl From<mdlab_vm::Error> for Failure {
    fn from(error: mdlab_vm::Error) -> Self {
        let class = match error.class {
            mdlab_vm::Class::Usage => Class::Usage,
            mdlab_vm::Class::Kernel => Class::Kernel,
            mdlab_vm::Class::Boot => Class::Boot,
            mdlab_vm::Class::Infra => Class::Infra,
        };
        let console = error.console.as_deref().unwrap_or_default();
        let reports = Report::on_console(console).into_iter().map(|report| report.text);
        let reports = reports.chain(mdlab_vm::blocked_tasks(console)).collect();
        Self::with(class, error.message, Evidence { reports, console: error.console, ..Evidence::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_a_sentence_and_its_evidence() {
        let evidence = Evidence {
            after: Some("mdadm --stop /dev/md0 (exit 0)".into()),
            console: Some((1..=14).map(|n| format!("line {n}\n")).collect()),
            rerun: Some("mdlab run stops".into()),
            ..Evidence::default()
        };
        let text = Failure::with(Class::Kernel, "the kernel panicked", evidence).to_string();
        assert!(
            text.starts_with("kernel: the kernel panicked\n  after:    mdadm --stop /dev/md0 (exit 0)\n"),
            "{text}"
        );
        assert!(text.contains("  console:  line 3\n            line 4\n"), "{text}");
        assert!(text.ends_with("\n  rerun:    mdlab run stops"), "{text}");
    }
}
