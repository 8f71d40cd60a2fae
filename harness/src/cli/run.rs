//! `mdlab run`: the scenarios, by cargo-nextest.

mod runner;

use std::error::Error;
use std::os::fd::AsFd;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use clap::Args;
use mdlab_vm::child;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xshell::{Shell, cmd};

use super::interrupt::{Interrupt, Interrupts};
use super::progress::{is_quiet, telling};
use super::report::{either, tell};
use super::scenarios::{self, Members, Workspace, environment};
use super::{Machine, print};
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;
use crate::outcome::{self, Outcome, Outcomes, Verdict};
use crate::printable::printable;
use crate::results::Results;
use runner::Runner;

/// Runs the scenarios of the workspace around the current folder: the tests of every package that depends on mdlab.
///
/// Example: mdlab run creates_and_stops --kernel debian:bullseye
#[derive(Args)]
pub(super) struct Run {
    /// Run only scenarios whose names contain this, or one of these.
    #[arg(value_parser = scenarios::part)]
    filters: Vec<String>,
    #[command(flatten)]
    workspace: Workspace,
    #[command(flatten)]
    machine: Machine,
    /// Scenarios to run at the same time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Run only one part of them, for each of several machines another: `2/4` is the second of four.
    #[arg(long, value_name = "N/M", value_parser = shard)]
    shard: Option<String>,
    /// Stop when this many scenarios have failed [default: run them all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: Option<u32>,
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let choice = self.machine.choice()?;
        let shell = self.workspace.shell()?;
        let members = Members::of(&shell)?;
        if !child::output(cmd!(shell, "cargo nextest --version")).is_ok_and(|output| output.status.success()) {
            return Err(Failure::infra(
                "run `cargo nextest --version`: it is not installed; `cargo install --locked cargo-nextest`",
            ));
        }
        // Booted here, once and with a word to the user; the scenarios find it in the cache.
        if let Err(failure) = Laboratory::open(&choice, &mut telling()) {
            let outcome = Outcome::no_machine(choice.options(), Verdict::Fail(failure.class), &failure);
            let told = tell(Results::new(Duration::ZERO, vec![outcome]), self.workspace.elsewhere());
            return either(Err(failure), told);
        }
        let (outcomes, runner) = (Outcomes::open()?, Runner::new()?);
        for (name, value) in environment(&choice)? {
            shell.set_var(name, value);
        }
        shell.set_var(outcome::OUTCOMES, outcomes.path());
        let selected = members.selected();
        let jobs = self.jobs.map(|jobs| jobs.to_string());
        let jobs = jobs.iter().flat_map(|jobs| ["--test-threads", jobs]);
        let limit = self.max_fail.map_or("--no-fail-fast".to_owned(), |count| format!("--max-fail={count}"));
        let filters = &self.filters;
        let shard = self.shard.iter().flat_map(|shard| ["--partition", shard]);
        let told = runner.options();
        let quiet: &[&str] = match is_quiet() {
            true => &["--cargo-quiet", "--status-level=none", "--final-status-level=fail", "--show-progress=none"],
            false => &[],
        };
        let command = cmd!(
            shell,
            "cargo nextest run {told...} {quiet...} {limit} {selected...} {jobs...} {shard...} {filters...}"
        );
        let began = Instant::now();
        // Its output goes straight to the user; only the status is of interest here.
        let mut command = Command::from(command);
        // Which has it end all scenarios first.
        child::end_with_parent(&mut command, Signal::SIGTERM);
        let (status, interrupt) =
            wait(command).map_err(|error| Failure::infra(format!("run cargo-nextest: {error}")))?;
        let interrupt = interrupt.filter(|_| !status.success());
        let mut noted = outcomes.read();
        // What it says of tests that it ended itself is nothing about them.
        if interrupt.is_none() {
            runner.complete(&mut noted);
            let has_failed = |outcome: &Outcome| outcome.verdict.and_then(Verdict::class).is_some();
            if status.code() == Some(SOME_FAILED) && !noted.iter().any(has_failed) {
                let text = "some scenario failed, see above, and no report of cargo-nextest's says which";
                noted.push(Outcome::not_run(&Failure::infra(text)));
            }
        }
        let ran = self.ran(status, &shell, &members);
        let told = skipped(&noted);
        let came = interrupt.as_ref().map(|interrupt| interrupt.failure(NOT_ALL));
        noted.extend(came.as_ref().or(ran.as_ref().err()).map(Outcome::not_run));
        let told = told.and_then(|()| tell(Results::new(began.elapsed(), noted.clone()), self.workspace.elsewhere()));
        if let Some(interrupt) = interrupt {
            drop(runner);
            interrupt.end(NOT_ALL);
        }
        let failed = |outcome: Outcome| outcome.verdict.and_then(Verdict::class);
        let judged = ran.and_then(|()| match status.code() {
            Some(SOME_FAILED) => Err(verdict(&noted.into_iter().filter_map(failed).collect::<Vec<_>>())),
            _ => Ok(()),
        });
        either(judged, told)
    }

    /// Whether the test runner ran what was asked for, however it ended.
    fn ran(&self, status: ExitStatus, shell: &Shell, members: &Members) -> Result<(), Failure> {
        match status.code() {
            Some(0 | SOME_FAILED) => Ok(()),
            Some(BUILD_FAILED) => Err(Failure::usage("the scenarios do not build, see above")),
            Some(NO_TESTS) => {
                // Of few scenarios one of many parts may have none.
                let there = |filter: &String| scenarios::list(shell, Some(filter)).is_ok();
                match self.shard.is_some() && (self.filters.is_empty() || self.filters.iter().any(there)) {
                    true => print("no scenario is in this part\n"),
                    false => Err(members.none_named(&self.filters)),
                }
            }
            _ => Err(Failure::infra(format!("cargo-nextest ended with {status}, see above"))),
        }
    }
}

/// Runs the test runner to its end, also if a signal comes: it ends its scenarios then, and says how far it got.
fn wait(mut command: Command) -> Result<(ExitStatus, Option<Interrupt>), Box<dyn Error>> {
    let interrupts = Interrupts::heed()?;
    let mut runner = command.spawn()?;
    let ended = child::descriptor_of(runner.id())?;
    let mut interrupt = None;
    loop {
        let mut fds = [&ended.as_fd(), &interrupts.as_fd()].map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(came) = interrupts.next() {
            // It has come to the runner as well if the terminal sent it; a second one makes it end at once. So it does
            // where somebody else has sent one to each of them, as timeout(1) does.
            if !came.to_all {
                kill(Pid::from_raw(runner.id().try_into()?), came.signal)?;
            }
            interrupt.get_or_insert(came);
        } else if let Some(status) = runner.try_wait()? {
            return Ok((status, interrupt));
        }
    }
}

/// Says which scenarios were skipped, and why: the test runner counts them among those that passed.
fn skipped(noted: &[Outcome]) -> Result<(), Failure> {
    let skipped = noted.iter().filter(|outcome| outcome.verdict == Some(Verdict::Skip));
    let reason = |outcome: &Outcome| outcome.message.clone().unwrap_or_default();
    let reasons: Vec<String> =
        skipped.map(|outcome| format!("  {}: {}\n", outcome.scenario, printable(&reason(outcome)))).collect();
    match reasons.len() {
        0 => Ok(()),
        count => print(&format!("{count} of the scenarios that passed were skipped:\n{}", reasons.concat())),
    }
}

/// A part, as cargo-nextest names it.
fn shard(text: &str) -> Result<String, String> {
    let numbers =
        text.split_once('/').and_then(|(part, all)| Some((part.parse::<u32>().ok()?, all.parse::<u32>().ok()?)));
    match numbers {
        Some((part, all)) if (1..=all).contains(&part) => Ok(format!("count:{part}/{all}")),
        _ => Err("expected a part, from 1 on, and how many there are, such as `2/4`".into()),
    }
}

/// What is said where a signal came.
const NOT_ALL: &str = "not all scenarios were run";

/// Exit statuses of cargo-nextest (its `NextestExitCode`).
const NO_TESTS: i32 = 4;
const SOME_FAILED: i32 = 100;
const BUILD_FAILED: i32 = 101;

/// The failure of a run: that of the scenarios' classes which counts most.
fn verdict(classes: &[Class]) -> Failure {
    match Class::worst(classes) {
        Some(worst) => {
            let count = |class: &Class| classes.iter().filter(|other| *other == class).count();
            let counts = Class::PRECEDENCE.iter().map(|class| (count(class), class)).filter(|(count, _)| *count > 0);
            let counts = counts.map(|(count, class)| format!("{count} {class}"));
            Failure::new(worst, format!("scenarios failed, as shown above: {}", counts.collect::<Vec<_>>().join(", ")))
        }
        // An assertion of the scenario's own.
        None => Failure::new(Class::Drift, "a scenario failed, see above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_so_many() {
        assert_eq!(shard("2/4").as_deref(), Ok("count:2/4"));
        for wrong in ["0/4", "5/4", "2", "2/", "a/4", "-1/4"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_class_that_counts_most_is_the_run_s() {
        let failure = verdict(&[Class::Drift, Class::Tool, Class::Kernel, Class::Drift]);
        assert_eq!(failure.class, Class::Kernel);
        assert!(failure.message.ends_with("1 kernel, 1 tool, 2 drift"), "{failure}");
        assert_eq!(verdict(&[]).class, Class::Drift);
    }
}
