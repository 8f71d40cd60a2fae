//! Plants faults in mdadm and in md, and prints which of them the scenarios catch, and how.
//!
//! Each patch in `ci/planted` makes one mutant: Debian's mdadm, or md's modules of Debian's kernel, with one small change.
//! It is run through the scenarios that its header names, with the snapshots as they are. Before that each kind is built
//! unaltered, and has to pass every scenario that a mutant of it will meet: otherwise what fails a mutant would prove
//! nothing. The exit status is 1 if a mutant is missed that does not say why.

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use mdlab::{Class, Failure};
use mdlab_vm::{Cache, plainly};

mod planted;
mod shown;
mod table;
mod tree;
mod trial;
mod workshop;

use planted::{Kind, Mutant};
use trial::Trials;
use workshop::Workshop;

/// Plants faults in mdadm and in md, and prints which of them the scenarios catch.
#[derive(Parser)]
#[command(name = "mutants")]
struct Mutants {
    /// Only mutants whose names contain one of these: `md/`, `bitmap`.
    names: Vec<String>,
    /// Scenarios to run at the same time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// A mutant is done when this many scenarios have failed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: u32,
    /// Run all scenarios, whatever the patches name.
    #[arg(long)]
    all_scenarios: bool,
    /// While writing patches: do not try the unaltered source first.
    #[arg(long, conflicts_with = "control_only")]
    uncontrolled: bool,
    /// Try the unaltered source with every scenario that the mutants would meet, and no mutant.
    #[arg(long)]
    control_only: bool,
}

fn main() -> ExitCode {
    match Mutants::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mutants: {failure}");
            failure.class.exit_status().into()
        }
    }
}

impl Mutants {
    fn run(&self) -> Result<(), Failure> {
        let mut mutants = planted::find(&self.names)?;
        if self.all_scenarios {
            mutants.iter_mut().for_each(|mutant| mutant.scenarios.clear());
        }
        let cache = Cache::open()?;
        let mut outcomes = table::Outcomes::new();
        for kind in Kind::ALL {
            let of_kind: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.kind == kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            let workshop = Workshop::open(kind, &cache, &mut plainly("mutants"))?;
            if !self.uncontrolled {
                self.control(kind, &of_kind, &workshop, &cache)?;
            }
            if self.control_only {
                continue;
            }
            let trials = Trials::new(&cache, self.jobs, self.max_fail)?;
            for mutant in of_kind {
                let built = workshop.build(Some(&mutant.patch))?;
                let trial = trials.run(&built, &mutant.scenarios)?;
                keep_log(&cache, &mutant.name, &trial.log)?;
                notice(&format!("{} s: {}", trial.seconds, table::row(mutant, &trial).trim_end()));
                outcomes.push((mutant.clone(), trial));
            }
        }
        if self.control_only {
            return Ok(());
        }
        print!("{}", table::of(&outcomes));
        let missed = outcomes.iter().filter(|(mutant, trial)| trial.failed.is_empty() && mutant.unseen.is_none());
        let missed: Vec<&str> = missed.map(|(mutant, _)| mutant.name.as_str()).collect();
        match missed.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(Class::Drift, format!("no scenario catches {}", missed.join(", ")))),
        }
    }

    /// Whether the unaltered source passes what its mutants will meet.
    fn control(&self, kind: Kind, mutants: &[&Mutant], workshop: &Workshop, cache: &Cache) -> Result<(), Failure> {
        let mut filters: Vec<String> = mutants.iter().flat_map(|mutant| mutant.scenarios.clone()).collect();
        if self.all_scenarios {
            filters.clear();
        }
        filters.sort();
        filters.dedup();
        let trial = Trials::new(cache, self.jobs, self.max_fail)?.run(&workshop.build(None)?, &filters)?;
        let name = kind.name();
        keep_log(cache, &format!("{name}/unaltered"), &trial.log)?;
        notice(&format!("{} s: {name}, unaltered", trial.seconds));
        let failed = trial.failed.iter().map(|failed| format!("{} ({})", failed.scenario, failed.how));
        let failed = failed.collect::<Vec<_>>().join(", ");
        match failed.is_empty() {
            true => Ok(()),
            false => {
                Err(Failure::infra(format!("expected {name} to pass as long as it is unaltered, but {failed} failed")))
            }
        }
    }
}

/// Keeps what was said of a mutant, for whoever wonders how it was caught.
fn keep_log(cache: &Cache, name: &str, log: &str) -> Result<(), Failure> {
    let path = cache.path("mutants/logs").join(format!("{}.log", name.replace('/', "-")));
    let write = || fs::create_dir_all(cache.path("mutants/logs")).and_then(|()| fs::write(&path, log));
    write().map_err(|error| Failure::infra(format!("write `{}`: {error}", path.display())))
}

/// Tells what takes time.
fn notice(text: &str) {
    eprintln!("mutants: {text}");
}
