//! One page that needs nothing else: `report.html`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::differing::Differing;
use super::tale::Tale;
use super::{machines, verdicts, word};
use crate::failure::Failure;
use crate::folder;
use crate::outcome::{Outcome, Verdict};
use crate::recording::{MachineId, Recording};
use crate::results::Results;

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPTS: [&str; 4] = [
    include_str!("page/timeline.js"),
    include_str!("page/pictures.js"),
    include_str!("page/story.js"),
    include_str!("page/page.js"),
];

/// All but the stories.
#[derive(Serialize)]
struct Index<'a> {
    mdlab: &'a str,
    began: u64,
    seconds: f64,
    /// All verdicts, what counts most first.
    order: Vec<String>,
    machines: Vec<Machine>,
    scenarios: Vec<String>,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Machine {
    name: String,
    linux: String,
    mdadm: String,
}

#[derive(Serialize)]
struct Run<'a> {
    /// Its number in the list.
    scenario: usize,
    /// Likewise; nothing where no machine booted.
    machine: Option<usize>,
    /// The machine as it was asked for.
    options: &'a str,
    verdict: String,
    message: Option<&'a str>,
    place: Option<&'a str>,
    differences: Vec<Differing>,
    seconds: f64,
    /// The number of its story, if it is in the page.
    tale: Option<usize>,
    /// Why it is not, if it should be.
    untold: String,
}

/// Makes the page. It holds the stories of all that failed, and one of each scenario that passed, of the newest machine;
/// or those of all, as far as their recordings were kept.
pub(crate) fn page(results: &Results, all: bool) -> Result<String, Failure> {
    let machines = machines(&results.outcomes);
    let numbers = numbers(&results.outcomes);
    let number = |outcome: &Outcome| numbers.get(&key(outcome)).copied().unwrap_or_default();
    let machine =
        |outcome: &Outcome| outcome.machine.as_ref().and_then(|id| machines.iter().position(|known| known == id));
    let newest = newest(&results.outcomes, &machines);
    let (mut runs, mut tales) = (Vec::new(), String::new());
    let mut count = 0;
    let mut ordered: Vec<(usize, &Outcome)> = results.outcomes.iter().enumerate().collect();
    ordered.sort_by_cached_key(|(at, outcome)| (number(outcome), machine(outcome), *at));
    for (at, outcome) in ordered {
        let failed = !matches!(outcome.verdict, Some(Verdict::Pass | Verdict::Skip));
        let wanted = all || failed || newest.contains(&at);
        let (recordings, untold) = if wanted { recordings(outcome) } else { (BTreeMap::new(), String::new()) };
        let tale = (!recordings.is_empty()).then_some(count);
        if tale.is_some() {
            let guests: Vec<Tale> = recordings.iter().map(|(number, recording)| Tale::of(recording, *number)).collect();
            tales.push_str(&format!("<script type=\"text/plain\" id=\"tale-{count}\">{}</script>\n", packed(&guests)?));
            count += 1;
        }
        runs.push(Run {
            scenario: number(outcome),
            machine: machine(outcome),
            options: &outcome.options,
            verdict: word(outcome.verdict),
            message: outcome.message.as_deref(),
            place: outcome.place.as_deref(),
            differences: outcome.differences.iter().map(|one| Differing::of(one, recordings.get(&one.guest))).collect(),
            seconds: outcome.seconds,
            tale,
            untold,
        });
    }
    let index = Index {
        mdlab: &results.mdlab,
        began: results.began,
        seconds: results.seconds,
        order: verdicts().map(word).to_vec(),
        machines: machines.iter().map(named).collect(),
        scenarios: names(&numbers),
        runs,
    };
    let index = serde_json::to_string(&index).map_err(|error| Failure::infra(format!("write the report: {error}")))?;
    // Nothing that a guest says may end the element that holds it (HTML, "script data").
    let index = index.replace('<', "\\u003c");
    let parts = [
        ("/*STYLE*/", STYLE.to_owned()),
        ("/*SCRIPT*/", SCRIPTS.concat().replace("\"use strict\";\n", "")),
        ("/*TALES*/", tales),
        ("/*INDEX*/", index),
    ];
    let mut page = PAGE.to_owned();
    for (mark, part) in parts {
        page = page.replacen(mark, &part, 1);
    }
    Ok(page)
}

fn named(machine: &MachineId) -> Machine {
    Machine { name: machine.to_string(), linux: machine.kernel.clone(), mdadm: machine.mdadm.clone() }
}

/// A scenario: its name, and its program.
type Key<'a> = (&'a str, &'a str);

fn key(outcome: &Outcome) -> Key<'_> {
    (&outcome.scenario, &outcome.program)
}

/// All of them in the order of their names.
fn numbers(outcomes: &[Outcome]) -> BTreeMap<Key<'_>, usize> {
    let keys: BTreeSet<Key> = outcomes.iter().map(key).collect();
    keys.into_iter().zip(0..).collect()
}

/// What they are called: with their programs where two have one name.
fn names(numbers: &BTreeMap<Key, usize>) -> Vec<String> {
    let same = |name: &str| numbers.keys().filter(|(other, _)| *other == name).count();
    let called = |(name, program): &Key| if same(name) > 1 { format!("{name} ({program})") } else { name.to_string() };
    numbers.keys().map(called).collect()
}

/// Of each scenario the run on the newest machine that left a recording.
fn newest(outcomes: &[Outcome], machines: &[MachineId]) -> Vec<usize> {
    let mut newest: BTreeMap<Key, (usize, usize)> = BTreeMap::new();
    for (at, outcome) in outcomes.iter().enumerate() {
        let machine = outcome.machine.as_ref().and_then(|id| machines.iter().position(|known| known == id));
        let Some(machine) = machine.filter(|_| outcome.verdict == Some(Verdict::Pass) && !outcome.evidence.is_empty())
        else {
            continue;
        };
        let known = newest.entry(key(outcome)).or_insert((machine, at));
        if known.0 <= machine {
            *known = (machine, at);
        }
    }
    newest.into_values().map(|(_, at)| at).collect()
}

/// The recordings of a run by the numbers of its guests, as far as they are there; and what is there and cannot be read.
fn recordings(outcome: &Outcome) -> (BTreeMap<u32, Recording>, String) {
    let (mut found, mut untold) = (BTreeMap::new(), Vec::new());
    for (number, folder) in (1..).zip(&outcome.evidence) {
        let mut lacks = |why: &str| untold.push(format!("The story of guest {number} is not here: {why}."));
        match folder::recording(folder) {
            Ok(Some(recording)) => drop(found.insert(number, recording)),
            Ok(None) => lacks(&format!("there is no recording in `{}`", folder.display())),
            Err(failure) => lacks(&failure.message),
        }
    }
    (found, untold.join(" "))
}

/// JSON, compressed and written in letters: the page unpacks it when it is looked at.
fn packed(value: &impl Serialize) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write the report: {error}"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let text = serde_json::to_vec(value).map_err(|error| failed(&error))?;
    encoder.write_all(&text).map_err(|error| failed(&error))?;
    Ok(STANDARD.encode(encoder.finish().map_err(|error| failed(&error))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_one_name_are_told_apart() {
        let outcomes = [("a::x", "creates"), ("b::y", "creates"), ("a::x", "stops")];
        let outcomes = outcomes.map(|(program, scenario)| Outcome::none(program, scenario));
        assert_eq!(names(&numbers(&outcomes)), ["creates (a::x)", "creates (b::y)", "stops"]);
    }
}
