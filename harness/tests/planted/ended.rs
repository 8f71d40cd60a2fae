//! A run of `mdlab trace` that has ended, and what it must have said.

use std::path::Path;
use std::process::{Command, Output};

use mdlab::Class;

/// A run that has ended.
pub(crate) struct Ended {
    status: Option<i32>,
    /// What it printed.
    pub(crate) story: String,
    /// What it complained of.
    pub(crate) complaint: String,
}

/// `mdlab trace` with these arguments, on the default machine.
pub(crate) fn trace(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.arg("trace").args(arguments);
    for variable in ["MDLAB_KERNEL", "MDLAB_MDADM", "MDLAB_ACCEL", "MDLAB_SEED", "MDLAB_PATIENCE"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end.
pub(crate) fn ends(mut command: Command) -> Ended {
    Ended::of(&command.output().unwrap())
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status.code(), story: text(&output.stdout), complaint: text(&output.stderr) }
    }

    /// It ended with the status of a class, and its message begins so.
    pub(crate) fn is(self, class: Class, message: &str) -> Self {
        let Self { status, complaint, .. } = &self;
        assert_eq!(*status, Some(class.exit_status().into()), "{complaint}");
        let expected = format!("mdlab: {class}: {message}");
        assert!(complaint.lines().any(|line| line.starts_with(&expected)), "expected `{expected}`, got\n{complaint}");
        self
    }

    /// It names what ran, where the recording and the console lie, and one command that runs it again.
    pub(crate) fn has_evidence(self) -> Self {
        let complaint = &self.complaint;
        let value = |name: &str| {
            let line = complaint.lines().find_map(|line| line.strip_prefix(&format!("  {:10}", format!("{name}:"))));
            line.unwrap_or_else(|| panic!("expected `{name}:` in\n{complaint}"))
        };
        let folder = Path::new(value("evidence"));
        for file in ["recording.json", "console.log"] {
            assert!(folder.join(file).is_file(), "{}", folder.display());
        }
        assert!(value("machine").starts_with("Linux "), "{complaint}");
        assert!(value("rerun").starts_with("mdlab trace --kernel debian:"), "{complaint}");
        self
    }

    /// What it complained of has this in it.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.complaint.contains(text), "expected `{text}` in\n{}", self.complaint);
        self
    }
}
