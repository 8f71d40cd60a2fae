//! One run of one scenario, in a process and a folder of its own.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use mdlab_vm::child::{End, bounded};
use nix::sys::signal::Signal;

use super::interrupt::Interrupts;
use super::progress::{complain, patiently};
use super::scenarios::{Environment, Scenario};
use crate::failure::{Class, Failure};
use crate::folder;
use crate::outcome::{self, Outcome, Outcomes, Verdict};
use crate::printable::printable;
use crate::snapshot::IGNORED;

mod remains;

pub(super) use remains::Remains;

/// Bound of one run. Everything inside it is bounded, but not their sum.
const LIMIT: Duration = Duration::from_secs(900);

/// The file in the evidence with what the run printed.
const OUTPUT: &str = "output.log";

/// A run to come: of this scenario, told this.
pub(super) struct Attempt<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) environment: &'a Environment,
}

/// How a run came out.
pub(super) enum Ran {
    /// It passed, and this is what its guests recorded, if it asked for any.
    Well(Vec<Vec<u8>>),
    /// The machine lacks what it needs, for this reason.
    Skipped(String),
    /// It did not, with this message, and left evidence.
    Badly(Class, String, Remains),
}

impl Attempt<'_> {
    /// Runs it, unless it is interrupted; says how it came out, and what of it is worth to be kept.
    pub(super) fn run(&self, interrupts: &Interrupts) -> Result<Option<(Ran, Outcome)>, Failure> {
        let failed = |error: std::io::Error| Failure::infra(format!("run `{}`: {error}", self.scenario.name));
        let remains = Remains::make()?;
        let outcomes = Outcomes::open()?;
        let Scenario { name, package, id, program, folder } = self.scenario;
        let mut command = Command::new(program);
        command.args(["--exact", name, "--nocapture"]).current_dir(folder).env("RUST_BACKTRACE", "0");
        // As cargo sets it, and cargo-nextest.
        command
            .env("CARGO_MANIFEST_DIR", folder)
            .env("CARGO_PKG_NAME", package)
            .env(outcome::PROGRAM, id)
            .env("INSTA_UPDATE", "no")
            .envs(self.environment.iter().cloned());
        // These of whoever started mdlab would have every difference pass, or another run come of it; who wants that says so in
        // `environment`.
        command.env_remove("INSTA_FORCE_PASS");
        for name in [IGNORED, "MDLAB_SEED"] {
            if !self.environment.iter().any(|(said, _)| *said == name) {
                command.env_remove(name);
            }
        }
        command.env(folder::EVIDENCE, remains.path()).env(outcome::OUTCOMES, outcomes.path());
        let run = || bounded(command, LIMIT, Some(interrupts.as_fd()), Signal::SIGKILL);
        let (end, status, said) = patiently(&format!("running `{name}`"), run).map_err(failed)?;
        let said = remains.placed(&said);
        let mut noted = outcomes.read().into_iter().next().unwrap_or_else(|| Outcome::none(id, name));
        noted.message = noted.message.map(|message| remains.placed(&message));
        noted.evidence = noted.evidence.iter().map(|folder| remains.place_of(folder)).collect();
        let (class, text) = match (end, status.success(), noted.verdict) {
            (End::Interrupted, ..) => return Ok(None),
            (End::TooLate, ..) => (Class::Infra, format!("`{name}` did not end within {} s", LIMIT.as_secs())),
            (End::Itself, true, Some(Verdict::Skip)) => {
                return Ok(Some((Ran::Skipped(noted.message.clone().unwrap_or_default()), noted)));
            }
            (End::Itself, true, _) => {
                noted.pass();
                return Ok(Some((Ran::Well(folder::recordings(remains.path())?), noted)));
            }
            (End::Itself, false, Some(Verdict::Fail(class))) => (class, said.clone()),
            // Somebody has killed it, the kernel for want of memory perhaps.
            (End::Itself, false, _) if status.signal().is_some() => (Class::Infra, format!("{status}: {said}")),
            (End::Itself, false, _) => (Class::Drift, panic(&said)),
        };
        let output = remains.path().join(OUTPUT);
        if let Err(error) = std::fs::write(&output, said) {
            complain(&format!("write `{}`: {error}", output.display()));
        }
        let text = printable(&text).into_owned();
        // Why it was skipped before it failed is not why it failed.
        if !matches!(noted.verdict, Some(Verdict::Fail(_))) {
            noted.message = Some(text.clone());
        }
        noted.verdict = Some(Verdict::Fail(class));
        Ok(Some((Ran::Badly(class, text, remains), noted)))
    }
}

/// What is said of a panic, in its first line, and what follows; all that was said, where there was none.
fn panic(said: &str) -> String {
    let panicked = said.split_once(" panicked at ").and_then(|(_, rest)| rest.split_once(":\n"));
    panicked.map_or_else(|| said.trim().to_owned(), |(place, text)| format!("it panicked at {place}: {}", text.trim()))
}

/// The first line of a failure among all that its run printed.
pub(super) fn first_line(class: Class, said: &str) -> &str {
    let begin = format!("{class}: ");
    let line = said.lines().map(str::trim_start).find_map(|line| line.strip_prefix(&begin));
    line.unwrap_or_else(|| said.trim().lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_is_told_first() {
        let said = "\nrunning 1 test\n\nthread 'a' (7) panicked at tests/a.rs:3:5:\nit is none\nnote: run with\ntest a ... FAILED\n";
        assert!(super::panic(said).starts_with("it panicked at tests/a.rs:3:5: it is none\nnote: "));
        assert_eq!(super::panic("\nno more\n"), "no more");
    }
}
