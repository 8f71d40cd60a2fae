//! For GitHub Actions: annotations of the lines that failed, and the summary of a job, in Markdown.

use super::{by_machine, cut, file_and_line, verdicts, whole, word};
use crate::outcome::{Outcome, Verdict};
use crate::results::Results;

/// Failures that a summary shows in full: one may have no more than a megabyte.
const SHOWN: usize = 20;

/// Lines of a failure that a summary shows, and characters.
const LINES: usize = 60;
const ROOM: usize = 10_000;

/// A line for each failure ("Workflow commands", `::error file=,line=::`).
pub(crate) fn annotations(results: &Results) -> String {
    let lines = failures(results).map(|outcome| {
        let place = outcome.place.as_deref().and_then(file_and_line);
        let place = place.map_or(String::new(), |(file, line)| format!("file={},line={line},", property(file)));
        let title = property(&title(outcome, false));
        format!("::error {place}title={title}::{}\n", data(&whole(outcome)))
    });
    lines.collect()
}

/// The counts of each machine, then what failed.
pub(crate) fn summary(results: &Results) -> String {
    let mut text = String::from("| machine | pass | skip | failed |\n| --- | ---: | ---: | ---: |\n");
    for (machine, outcomes) in by_machine(results) {
        let count = |wanted| outcomes.iter().filter(|outcome| outcome.verdict == Some(wanted)).count();
        let (pass, skip) = (count(Verdict::Pass), count(Verdict::Skip));
        let machine = plain(&machine);
        text.push_str(&format!("| {machine} | {pass} | {skip} | {} |\n", outcomes.len() - pass - skip));
    }
    let mut failed: Vec<_> = failures(results).collect();
    // What counts most first.
    failed.sort_by_key(|outcome| verdicts().iter().position(|verdict| *verdict == outcome.verdict));
    for outcome in failed.iter().take(SHOWN) {
        let message = whole(outcome);
        let mut lines: Vec<&str> = message.lines().take(LINES).collect();
        if message.lines().count() > LINES {
            lines.push("[...]");
        }
        let shown = cut(&lines.join("\n"), ROOM);
        let fence = fence(&shown);
        let (verdict, title) = (word(outcome.verdict), title(outcome, true));
        text.push_str(&format!("\n**{verdict}** {title}\n\n{fence}diff\n{shown}\n{fence}\n"));
    }
    match failed.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text}\nand {more} more: the report has them all.\n"),
    }
}

/// What begins and ends a block of code, and stands nowhere in it (CommonMark, "Fenced code blocks").
pub(crate) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

/// From the oldest machine to the newest.
fn failures(results: &Results) -> impl Iterator<Item = &Outcome> {
    let all = by_machine(results).into_iter().flat_map(|(_, outcomes)| outcomes);
    all.filter(|outcome| !matches!(outcome.verdict, Some(Verdict::Pass | Verdict::Skip)))
}

/// What failed, and where; in Markdown, or not.
fn title(outcome: &Outcome, markdown: bool) -> String {
    let machine = outcome.machine.as_ref().map_or_else(|| outcome.options.clone(), ToString::to_string);
    let on = if machine.is_empty() { "" } else { " on " };
    match markdown {
        true => format!("`{}`{on}{}", outcome.scenario, plain(&machine)),
        false => format!("{}{on}{machine}", outcome.scenario),
    }
}

/// A text that is nothing else in Markdown, nor in a table: a kernel may call itself whatever it likes.
pub(crate) fn plain(text: &str) -> String {
    let means = |c: char| r"\`*_|<[]~&".contains(c);
    text.chars().flat_map(|c| means(c).then_some('\\').into_iter().chain([c])).collect()
}

/// A command's text, as the toolkit escapes it (`escapeData` in actions/toolkit, packages/core/src/command.ts).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Likewise one of its properties (`escapeProperty`).
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failure::{Class, Failure};
    use crate::recording::MachineId;

    #[test]
    fn what_a_kernel_says_ends_no_block_of_a_summary() {
        let message = "it says\n````\n<b>".to_owned() + &"x".repeat(2 * ROOM) + &"\nx".repeat(LINES);
        let outcome = Outcome {
            verdict: Some(Verdict::Fail(Class::Drift)),
            message: Some(message),
            ..Outcome::none("scenarios", "mirror::creates")
        };
        let text = summary(&Results::new(Duration::ZERO, vec![outcome; SHOWN]));
        assert!(text.contains("\n`````diff\nit says\n````\n<b>x") && text.contains("x\n[...]\n`````\n"), "{text}");
        // GitHub takes a megabyte, of bytes.
        assert!(text.len() < 1 << 20, "{}", text.len());
    }

    #[test]
    fn a_kernel_s_name_is_no_column_of_a_table() {
        let machine = MachineId { kernel: "6.1|99|0|0|".into(), mdadm: "4.2".into(), accel: "tcg".into() };
        let drift = Outcome {
            verdict: Some(Verdict::Fail(Class::Drift)),
            machine: Some(machine),
            ..Outcome::none("scenarios", "mirror")
        };
        let panic = Outcome { verdict: Some(Verdict::Fail(Class::Kernel)), ..drift.clone() };
        let boot =
            Outcome::no_machine("--kernel debian:sid".into(), Verdict::Fail(Class::Boot), &Failure::infra("gone"));
        let text = summary(&Results::new(Duration::ZERO, vec![drift, panic, boot]));
        assert!(text.contains("\n| Linux 6.1\\|99\\|0\\|0\\|, mdadm 4.2, tcg | 0 | 0 | 2 |\n"), "{text}");
        let at = |said: &str| text.find(said).unwrap_or_else(|| panic!("{said}: {text}"));
        assert!(at("**kernel** `mirror` on Linux") < at("**drift** `mirror` on Linux"), "{text}");
        at("**boot** `boot` on --kernel debian:sid\n");
    }

    #[test]
    fn what_a_kernel_says_ends_no_annotation() {
        let outcome = Outcome {
            verdict: Some(Verdict::Fail(Class::Drift)),
            message: Some("100% of\n::error::it".into()),
            place: Some("scenarios/a,b.rs:20:5".into()),
            ..Outcome::none("scenarios", "mirror::creates")
        };
        let elsewhere = Outcome { place: Some("/src/lib.rs:1:2".into()), ..outcome.clone() };
        let results = Results::new(Duration::ZERO, vec![outcome, elsewhere]);
        let rest = "title=mirror%3A%3Acreates::100%25 of%0A::error::it\n";
        assert_eq!(annotations(&results), format!("::error file=scenarios/a%2Cb.rs,line=20,{rest}::error {rest}"));
    }
}
