//! KTAP 1 (Documentation/dev-tools/ktap.rst of the kernel): a nested test for each machine.

use super::{by_machine, first_line, name, whole};
use crate::outcome::{Outcome, Verdict};
use crate::results::Results;

pub(crate) fn ktap(results: &Results) -> String {
    let machines = by_machine(results);
    let mut text = format!("KTAP version 1\n1..{}\n", machines.len());
    for (number, (machine, outcomes)) in machines.iter().enumerate() {
        text.push_str(&format!("    KTAP version 1\n    # Subtest: {}\n    1..{}\n", plain(machine), outcomes.len()));
        for (number, outcome) in outcomes.iter().enumerate() {
            if is_bad(outcome) {
                text.extend(diagnostic(&whole(outcome)).lines().map(|line| format!("    #   {}\n", line.trim_end())));
            }
            text.push_str(&format!("    {}\n", result(number + 1, &name(outcome), outcome)));
        }
        let bad = outcomes.iter().any(|outcome| is_bad(outcome));
        text.push_str(&format!("{} {} {}\n", if bad { "not ok" } else { "ok" }, number + 1, plain(machine)));
    }
    text
}

/// Where the kernel's own reader takes a console to end, whatever line has it (`KTAP_END` in tools/testing/kunit/kunit_parser.py of
/// Linux 6.1).
const ENDS: [&str; 3] = ["List of all partitions:", "Kernel panic - not syncing: VFS:", "reboot: System halted"];

/// A text in which none of these stands on one line.
fn diagnostic(text: &str) -> String {
    ENDS.iter().fold(text.to_owned(), |text, end| {
        let (most, last) = end.rsplit_once(' ').unwrap_or((end, ""));
        text.replace(end, &format!("{most}\n{last}"))
    })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failure::Class;

    #[test]
    fn what_a_kernel_says_ends_no_report() {
        let message =
            "boot: Kernel panic - not syncing: VFS: Unable to mount\nreboot: System halted\nSubtest: x\nok 1 x";
        let outcome = Outcome {
            verdict: Some(Verdict::Fail(Class::Boot)),
            message: Some(message.into()),
            ..Outcome::none("scenarios", "boot")
        };
        let text = ktap(&Results::new(Duration::ZERO, vec![outcome]));
        let said = "    #   boot: Kernel panic - not syncing:\n    #   VFS: Unable to mount\n    #   reboot: System\n    #   halted\n    \
                    #   Subtest: x\n    #   ok 1 x\n    not ok 1 boot\n";
        assert!(text.contains(said), "{text}");
    }
}
