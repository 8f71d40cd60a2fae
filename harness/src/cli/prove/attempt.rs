//! One run of one scenario, in a process and a folder of its own.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::bounded::bounded;
use crate::cli::scenarios::{Environment, Scenario};
use crate::failure::{Class, Failure};
use crate::folder;
use crate::guest::HESITATION;
use crate::outcome::{self, Outcome, Outcomes};

/// Bound of one run. Everything inside it is bounded, but not their sum.
const LIMIT: Duration = Duration::from_secs(900);

/// The longest that the host hesitates before an answer, in milliseconds.
const LONGEST_HESITATION: &str = "20";

/// How the folders begin in which runs leave their evidence.
pub(super) const PREFIX: &str = "prove-";

/// A run to come.
pub(super) struct Attempt<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) seed: Option<u64>,
    /// Which of those with this seed, from 1 on.
    pub(super) run: u32,
}

/// How a run came out.
pub(super) enum Ran {
    /// It passed, and this is what its guests recorded.
    Well(Vec<Vec<u8>>),
    /// The machine lacks what it needs, for this reason.
    Skipped(String),
    /// It did not, printed this, and left evidence here.
    Badly(Class, String, TempDir),
}

impl Attempt<'_> {
    /// Runs it.
    pub(super) fn run(&self, environment: &Environment) -> Result<Ran, Failure> {
        let failed = |error: std::io::Error| Failure::infra(format!("run `{}`: {error}", self.scenario.name));
        let evidence = folder::passing(PREFIX)?;
        let outcomes = Outcomes::open()?;
        let Scenario { name, program, folder } = self.scenario;
        let mut command = Command::new(program);
        command.args(["--exact", name, "--nocapture"]).current_dir(folder).envs(environment.clone());
        // As cargo sets it.
        command.env("CARGO_MANIFEST_DIR", folder).env("INSTA_UPDATE", "no");
        command.env(folder::EVIDENCE, evidence.path()).env(outcome::OUTCOMES, outcomes.path());
        command.env(HESITATION, LONGEST_HESITATION).env("RUST_BACKTRACE", "0");
        if let Some(seed) = self.seed {
            command.env("MDLAB_SEED", seed.to_string());
        }
        let Some((status, said)) = bounded(command, LIMIT).map_err(failed)? else {
            let text = format!("`{name}` did not end within {} s", LIMIT.as_secs());
            return Ok(Ran::Badly(Class::Infra, text, evidence));
        };
        let noted = outcomes.read().into_iter().next().map(|(_, outcome)| outcome);
        Ok(match (status.success(), noted) {
            (true, Some(Outcome::Skipped(reason))) => Ran::Skipped(reason),
            (true, _) => match folder::recordings(evidence.path())? {
                none if none.is_empty() => {
                    Ran::Badly(Class::Usage, "it recorded nothing: it asks for no `Guest`".into(), evidence)
                }
                recordings => Ran::Well(recordings),
            },
            (false, Some(Outcome::Failed(class))) => Ran::Badly(class, said, evidence),
            // Somebody has killed it, the kernel for want of memory perhaps.
            (false, _) if status.signal().is_some() => Ran::Badly(Class::Infra, format!("{status}: {said}"), evidence),
            (false, _) => Ran::Badly(Class::Drift, said, evidence),
        })
    }
}
