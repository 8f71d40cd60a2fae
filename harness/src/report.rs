//! What a run came to, for people and for programs.

mod differing;
pub(crate) mod github;
pub(crate) mod junit;
pub(crate) mod kcidb;
pub(crate) mod ktap;
mod page;
pub(crate) mod summary;
mod tale;

pub(crate) use page::page;

use std::path::Path;

use chrono::{DateTime, SecondsFormat};

use crate::failure::Class;
use crate::outcome::{Outcome, Verdict};
use crate::printable::printable;
use crate::recording::MachineId;
use crate::results::Results;

/// How a verdict is called wherever it is written.
fn word(verdict: Option<Verdict>) -> String {
    match verdict {
        Some(Verdict::Pass) => "pass".into(),
        Some(Verdict::Skip) => "skip".into(),
        Some(Verdict::Fail(class)) => class.to_string(),
        None => "unended".into(),
    }
}

/// All verdicts, what counts most first.
fn verdicts() -> [Option<Verdict>; 9] {
    let [a, b, c, d, e, f] = Class::PRECEDENCE.map(|class| Some(Verdict::Fail(class)));
    [a, b, c, d, e, f, None, Some(Verdict::Pass), Some(Verdict::Skip)]
}

/// All machines, from the oldest kernel to the newest.
fn machines(outcomes: &[Outcome]) -> Vec<MachineId> {
    let mut machines: Vec<MachineId> = outcomes.iter().filter_map(|outcome| outcome.machine.clone()).collect();
    machines.sort_by_cached_key(|machine| (machine.versions().ok(), machine.to_string()));
    machines.dedup();
    machines
}

/// The runs of each machine, from the oldest kernel to the newest, and those of machines that never booted.
fn by_machine(results: &Results) -> Vec<(String, Vec<&Outcome>)> {
    let of = |machine: Option<&MachineId>| -> Vec<&Outcome> {
        results.outcomes.iter().filter(|outcome| outcome.machine.as_ref() == machine).collect()
    };
    let known = machines(&results.outcomes);
    let booted = known.iter().map(|machine| (machine.to_string(), of(Some(machine))));
    booted.chain([("no machine".to_owned(), of(None))]).filter(|(_, outcomes)| !outcomes.is_empty()).collect()
}

/// What a run is called: one of no machine is of that which did not boot, as it was asked for.
fn name(outcome: &Outcome) -> String {
    let asked = Some(&outcome.options).filter(|options| outcome.machine.is_none() && !options.is_empty());
    asked.map_or_else(|| outcome.scenario.clone(), |options| format!("{} {options}", outcome.scenario))
}

/// What is said of a run first.
fn first_line(outcome: &Outcome) -> String {
    let message = outcome.message.as_deref().unwrap_or("it was ended before its time");
    printable(message.trim_start().lines().next().unwrap_or_default()).into_owned()
}

/// All that is known of what went wrong.
fn whole(outcome: &Outcome) -> String {
    let message = outcome.message.clone().unwrap_or_else(|| first_line(outcome));
    let differences = outcome.differences.iter().map(|difference| format!("\n{}", difference.unified.trim_end()));
    printable(&(message + &differences.collect::<String>())).into_owned()
}

/// As much of a text as there is room for, in characters; says where there was more.
fn cut(text: &str, room: usize) -> String {
    const MORE: &str = "\n[...]";
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - MORE.len()).collect::<String>() + MORE
}

/// The parts of a place: `scenarios/mirror.rs:20:5`.
fn file_and_line(place: &str) -> Option<(&str, &str)> {
    let (rest, column) = place.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    let number = |text: &str| text.parse::<u32>().is_ok();
    (number(line) && number(column) && Path::new(file).is_relative()).then_some((file, line))
}

/// A time as RFC 3339 has it.
fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}
