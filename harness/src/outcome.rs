//! Word of how scenarios ended, from the tests to the `mdlab` that runs them.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::{Class, Failure};

/// The variable that names the file for [`note`].
pub(crate) const OUTCOMES: &str = "MDLAB_OUTCOMES";

/// How a scenario ended, other than well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Failed(Class),
    /// The machine lacks something, for this reason.
    Skipped(String),
}

/// Leaves word, if anybody wants it. Another package may have a scenario of that name, and it runs in another process.
pub(crate) fn note(title: &str, outcome: &Outcome) {
    let Some(path) = std::env::var_os(OUTCOMES) else { return };
    // Where it cannot be written, it is still known that something failed. A line is written whole.
    let _ = serde_json::to_string(&(title, std::process::id(), outcome))
        .map(|line| File::options().append(true).open(path)?.write_all((line + "\n").as_bytes()));
}

/// Where tests leave word: a file without a name, which goes with the process that asks.
pub(crate) struct Outcomes(File);

impl Outcomes {
    /// Makes the file.
    pub(crate) fn open() -> Result<Self, Failure> {
        let file =
            tempfile::tempfile().map_err(|error| Failure::infra(format!("make a file for outcomes: {error}")))?;
        Ok(Self(file))
    }

    /// What to tell the tests.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// What was left, by title. The first word about a scenario counts: what follows from a failure is none of its own.
    pub(crate) fn read(&self) -> Vec<(String, Outcome)> {
        let mut text = vec![0; self.0.metadata().map_or(0, |metadata| metadata.len()) as usize];
        let read = self.0.read_at(&mut text, 0).unwrap_or(0);
        let lines = text[..read].split(|byte| *byte == b'\n');
        let noted = lines.filter_map(|line| serde_json::from_slice::<(String, u32, Outcome)>(line).ok());
        let mut known = HashSet::new();
        let first = noted.filter(|(title, process, _)| known.insert((title.clone(), *process)));
        let mut outcomes: Vec<_> = first.map(|(title, _, outcome)| (title, outcome)).collect();
        outcomes.sort_by(|one, other| one.0.cmp(&other.0));
        outcomes
    }
}
