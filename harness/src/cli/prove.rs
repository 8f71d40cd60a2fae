//! `mdlab prove`: scenarios again and again, under load, and whether they come out the same.

mod tally;

use std::sync::{Mutex, PoisonError};

use clap::Args;
use mdlab_vm::AccelChoice;

use super::attempt::{Attempt, Ran};
use super::interrupt::Interrupts;
use super::pool::{self, Done};
use super::progress::{counting, telling};
use super::scenarios::{self, Environment, Scenario, Workspace, environment};
use super::{Machine, print};
use crate::failure::{Class, Failure};
use crate::guest::HESITATION;
use crate::laboratory::Laboratory;
use tally::Tally;

/// Runs scenarios again and again, under load, and compares the raw recordings: they must be the same bytes.
///
/// More machines run at the same time than there are processors, and the host hesitates before every answer. With other
/// seeds, which change what is random and who runs when, the recordings differ, but the snapshots must still hold.
///
/// Example: mdlab prove members --runs 100; mdlab prove members --seeds 100
#[derive(Args)]
pub(super) struct Prove {
    /// Run only scenarios whose names contain this.
    #[arg(value_parser = scenarios::part)]
    filter: Option<String>,
    #[command(flatten)]
    workspace: Workspace,
    #[command(flatten)]
    machine: Machine,
    /// How often each is run [default: 10; with --seeds once for each seed].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// With each of the seeds from 1 to this.
    #[arg(long, value_name = "N", conflicts_with = "seed", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: Option<u64>,
    /// Scenarios to run at the same time [default: two for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: Option<u32>,
}

/// Runs of each scenario where nothing else is asked for.
const RUNS: u32 = 10;

/// The longest that the host hesitates before an answer, in milliseconds.
const LONGEST_HESITATION: &str = "20";

impl Prove {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let choice = self.machine.choice()?;
        if choice.accel != AccelChoice::Tcg {
            return Err(Failure::usage(format!("prove under `{}`: only `tcg` is the same on every run", choice.accel)));
        }
        let shell = self.workspace.shell()?;
        let scenarios = scenarios::list(&shell, self.filter.as_deref())?;
        // Booted here, once and with a word to the user; the scenarios find it in the cache.
        Laboratory::open(&choice, &mut telling())?;
        let seeds = match self.seeds {
            Some(last) => (1..=last).map(Some).collect(),
            None => vec![choice.seed],
        };
        let runs = self.runs.unwrap_or(if self.seeds.is_some() { 1 } else { RUNS });
        let attempts = seeds.iter().flat_map(|seed| (1..=runs).map(|run| (*seed, run)));
        let plan = Plan {
            scenarios,
            attempts: attempts.collect(),
            environment: environment(&choice)?,
            rerun: choice.options() + &self.often(),
        };
        let jobs = self.jobs.map_or_else(|| 2 * pool::jobs(None), |jobs| jobs as usize);
        verdict(&plan.carry_out(jobs)?)
    }

    /// How often, as options.
    fn often(&self) -> String {
        let option = |name: &str, count: Option<u64>| count.map_or(String::new(), |count| format!(" --{name} {count}"));
        option("runs", self.runs.map(u64::from)) + &option("seeds", self.seeds)
    }
}

/// What is run: each scenario so often, with these seeds.
struct Plan {
    scenarios: Vec<Scenario>,
    attempts: Vec<(Option<u64>, u32)>,
    environment: Environment,
    rerun: String,
}

impl Plan {
    /// Runs everything, so many at a time, and says of each scenario how it came out; a signal ends it at once.
    fn carry_out(&self, jobs: usize) -> Result<Vec<Tally>, Failure> {
        let tallies: Vec<_> = self.scenarios.iter().map(|_| Mutex::new(Tally::default())).collect();
        let interrupts = Interrupts::heed()?;
        let all = self.scenarios.len() * self.attempts.len();
        let bar = counting("runs: ", all);
        let outcome = pool::work(all, jobs, &interrupts, |number| {
            let (of_scenario, of_attempt) = (number / self.attempts.len(), number % self.attempts.len());
            let (scenario, (seed, run)) = (&self.scenarios[of_scenario], self.attempts[of_attempt]);
            let mut environment = self.environment.clone();
            environment.push((HESITATION, LONGEST_HESITATION.into()));
            environment.extend(seed.map(|seed| ("MDLAB_SEED", seed.to_string().into())));
            match (Attempt { scenario, environment: &environment }).run(&interrupts)? {
                Some((ran, _)) if !interrupts.has_come() => {
                    bar.inc(1);
                    self.count(scenario, (seed, run), ran, &tallies[of_scenario]).map(|()| Done::Yes)
                }
                _ => Ok(Done::Interrupted),
            }
        });
        bar.finish_and_clear();
        let inner = |tally: Mutex<Tally>| tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        let tallies: Vec<_> = tallies.into_iter().map(inner).collect();
        let interrupt = interrupts.next();
        // Whoever reads it may have stopped to: then a second signal ends it.
        let said = Interrupts::let_through(|| print(&self.unfinished(&tallies)));
        if let Some(interrupt) = interrupt {
            let done = tallies.iter().map(Tally::done).sum::<usize>();
            interrupt.end(&format!("{done} of {all} runs were made"));
        }
        said.and(outcome).map(|()| tallies)
    }

    /// What is known of the scenarios that failed and whose last run was not made.
    fn unfinished(&self, tallies: &[Tally]) -> String {
        let failed = tallies.iter().zip(&self.scenarios).filter(|(tally, _)| tally.class().is_some());
        let unfinished = failed.filter(|(tally, _)| tally.done() < self.attempts.len());
        unfinished.map(|(tally, scenario)| tally.line(scenario, &self.rerun)).collect()
    }

    /// Counts one run, and says what all of its scenario came to once it was the last.
    fn count(
        &self,
        scenario: &Scenario,
        (seed, run): (Option<u64>, u32),
        ran: Ran,
        tally: &Mutex<Tally>,
    ) -> Result<(), Failure> {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.count(seed, run, ran)?;
        if tally.done() < self.attempts.len() {
            return Ok(());
        }
        Interrupts::let_through(|| print(&tally.line(scenario, &self.rerun)))
    }
}

/// Fails if any scenario did.
fn verdict(tallies: &[Tally]) -> Result<(), Failure> {
    let skipped = tallies.iter().filter(|tally| tally.was_skipped()).count();
    let runs: usize = tallies.iter().filter(|tally| !tally.was_skipped()).map(Tally::done).sum();
    let failed: Vec<Class> = tallies.iter().filter_map(Tally::class).collect();
    let skips = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let all = format!("{}, {}{skips}", many(tallies.len() - skipped, "scenario"), many(runs, "run"));
    match Class::worst(&failed) {
        None if runs == 0 => print(&format!("{all}: nothing was proven\n")),
        None => print(&format!("{all}: every recording is as it should be\n")),
        Some(class) => {
            Err(Failure::new(class, format!("{all}: {} failed, as shown above", many(failed.len(), "scenario"))))
        }
    }
}
