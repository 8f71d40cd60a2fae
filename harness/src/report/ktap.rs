//! KTAP 1 (Documentation/dev-tools/ktap.rst of the kernel): a nested test for each machine.

use super::{by_machine, first_line, whole};
use crate::outcome::{Outcome, Verdict};
use crate::results::Results;

pub(crate) fn ktap(results: &Results) -> String {
    let machines = by_machine(results);
    let mut text = format!("KTAP version 1\n1..{}\n", machines.len());
    for (number, (machine, outcomes)) in machines.iter().enumerate() {
        text.push_str(&format!("    KTAP version 1\n    # Subtest: {}\n    1..{}\n", plain(machine), outcomes.len()));
        for (number, outcome) in outcomes.iter().enumerate() {
            if is_bad(outcome) {
                text.extend(whole(outcome).lines().map(|line| format!("    # {}\n", line.trim_end())));
            }
            text.push_str(&format!("    {}\n", result(number + 1, &outcome.scenario, outcome)));
        }
        let bad = outcomes.iter().any(|outcome| is_bad(outcome));
        text.push_str(&format!("{} {} {}\n", if bad { "not ok" } else { "ok" }, number + 1, plain(machine)));
    }
    text
}

fn is_bad(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict, Some(Verdict::Pass | Verdict::Skip))
}

fn result(number: usize, name: &str, outcome: &Outcome) -> String {
    let name = plain(name);
    match outcome.verdict {
        Some(Verdict::Pass) => format!("ok {number} {name}"),
        Some(Verdict::Skip) => format!("ok {number} {name} # SKIP {}", plain(&first_line(outcome))),
        _ => format!("not ok {number} {name}"),
    }
}

/// A text without what begins a directive.
fn plain(text: &str) -> String {
    text.replace('#', "")
}
