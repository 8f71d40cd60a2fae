//! The end of a run, for a tired person: how many, what failed first, where all of it is, and what to do next.

use std::path::Path;

use super::{first_line, verdicts, word};
use crate::choice::Choice;
use crate::failure::Class;
use crate::outcome::{Difference, Outcome, Verdict};
use crate::results::Results;

/// Failures that are shown.
const SHOWN: usize = 3;

/// Lines that are shown of a difference.
const LINES: usize = 6;

/// The text, with a new line at its end.
pub(crate) fn summary(results: &Results) -> String {
    let outcomes = &results.outcomes;
    let mut text = format!("{} in {}\n", counts(outcomes), duration(results.seconds));
    let mut failed: Vec<&Outcome> =
        outcomes.iter().filter(|outcome| !matches!(outcome.verdict, Some(Verdict::Pass | Verdict::Skip))).collect();
    // What counts most first.
    failed.sort_by_key(|outcome| verdicts().iter().position(|verdict| *verdict == outcome.verdict));
    for outcome in failed.iter().take(SHOWN) {
        let message = first_line(outcome);
        let verdict = word(outcome.verdict);
        let message = message.strip_prefix(&format!("{verdict}: ")).unwrap_or(&message);
        let machine = outcome.machine.as_ref().map_or_else(|| outcome.options.clone(), ToString::to_string);
        let machine = if machine.is_empty() { machine } else { format!(" on {machine}") };
        text.push_str(&format!("{verdict:6} {}{machine}\n       {message}\n", outcome.scenario));
        text.push_str(&lines(outcome));
    }
    if failed.len() > SHOWN {
        text.push_str(&format!("       and {} more\n", failed.len() - SHOWN));
    }
    text
}

/// The one command to run next; nothing where all is well. The scenarios are in this folder, if not around the current one.
pub(crate) fn next(results: &Results, scenarios: Option<&Path>) -> Option<String> {
    let there = |option: &str| {
        let folder = scenarios.map(|folder| shell_words::quote(&folder.to_string_lossy()).into_owned());
        folder.map_or_else(String::new, |folder| format!(" {option} {folder}"))
    };
    let failed = results.outcomes.iter().filter_map(|outcome| Some((outcome, outcome.verdict?.class()?)));
    let failed: Vec<(&Outcome, Class)> = failed.collect();
    let classes: Vec<Class> = failed.iter().map(|(_, class)| *class).collect();
    let worst = Class::worst(&classes)?;
    let (first, _) = failed.iter().find(|(_, class)| *class == worst)?;
    match worst {
        // What somebody's own mdadm does is not to be accepted for everybody's.
        Class::Drift if first.options.contains("--mdadm file:") || first.options.contains("--mdadm 'file:") => {
            let (kernel, own) = first.options.split_once(" --mdadm ")?;
            let named = shell_words::split(kernel).ok()?.pop()?.parse().ok()?;
            let base = Choice::new(Some(named), None, None, None).ok()?.tool;
            let name = &first.scenario;
            Some(format!("mdlab compare {name} {kernel} --mdadm {base} --mdadm {own}{}", there("--scenarios")))
        }
        Class::Drift if first.differences.iter().any(is_offered) => {
            Some(format!("cargo insta review{}", there("--workspace-root")))
        }
        _ if first.is_not_run() => None,
        _ if first.is_boot() => Some("mdlab doctor".into()),
        _ => {
            let run = format!("mdlab run {} {}", first.scenario, first.options);
            Some(run.trim_end().to_owned() + &there("--scenarios"))
        }
    }
}

/// Whether there is something to review: in CI, and on several machines, insta writes nothing.
fn is_offered(difference: &Difference) -> bool {
    let folder = difference.snapshot.parent().and_then(|folder| folder.read_dir().ok());
    folder.into_iter().flatten().flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "new"))
}

/// How many ended how, what counts most first.
pub(crate) fn counts(outcomes: &[Outcome]) -> String {
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    let counts = verdicts().into_iter().map(|verdict| (count(verdict), word(verdict))).filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    if counts.is_empty() { "nothing was run".into() } else { counts.join(", ") }
}

fn duration(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// The first lines that differ.
fn lines<'a>(outcome: &'a Outcome) -> String {
    // Before the first hunk both files are named.
    let hunks = |unified: &'a str| unified.lines().skip_while(|line| !line.starts_with("@@ "));
    let lines = outcome.differences.iter().flat_map(|difference| hunks(&difference.unified));
    lines.filter(|line| line.starts_with(['+', '-'])).take(LINES).map(|line| format!("       {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failure::Failure;

    fn failed(class: Class, scenario: &str) -> Outcome {
        let options = "--kernel debian:bookworm".into();
        Outcome { verdict: Some(Verdict::Fail(class)), options, ..Outcome::none("scenarios", scenario) }
    }

    #[test]
    fn the_next_command_is_about_what_counts_most() {
        let beside = |outcomes: &[Outcome], folder| next(&Results::new(Duration::ZERO, outcomes.to_vec()), folder);
        let next = |outcomes: &[Outcome]| beside(outcomes, None);
        assert_eq!(next(&[Outcome { verdict: Some(Verdict::Pass), ..Outcome::none("scenarios", "mirror") }]), None);
        let mut drift = failed(Class::Drift, "mirror");
        assert_eq!(next(&[drift.clone()]).as_deref(), Some("mdlab run mirror --kernel debian:bookworm"));
        let folder = tempfile::tempdir().unwrap();
        let ([channel, unified], snapshot) =
            (["dmesg", "-a\n+b\n"].map(str::to_owned), folder.path().join("dmesg.snap"));
        drift.differences = vec![Difference { channel, snapshot, guest: 1, unified }];
        assert_eq!(next(&[drift.clone()]).as_deref(), Some("mdlab run mirror --kernel debian:bookworm"));
        std::fs::write(folder.path().join("dmesg.snap.new"), "").unwrap();
        assert_eq!(next(&[drift.clone()]).as_deref(), Some("cargo insta review"));
        let elsewhere = Some(Path::new("my raid"));
        assert_eq!(
            beside(std::slice::from_ref(&drift), elsewhere).as_deref(),
            Some("cargo insta review --workspace-root 'my raid'")
        );
        let options = "--kernel debian:bookworm --mdadm file:/my/mdadm".to_owned();
        let own = Outcome { options, ..drift.clone() };
        let compare = "mdlab compare mirror --kernel debian:bookworm --mdadm debian:bookworm --mdadm file:/my/mdadm";
        assert_eq!(next(&[own]).as_deref(), Some(compare));
        let panic = failed(Class::Kernel, "stop");
        let run = "mdlab run stop --kernel debian:bookworm --scenarios 'my raid'";
        assert_eq!(beside(std::slice::from_ref(&panic), elsewhere).as_deref(), Some(run));
        assert_eq!(next(&[drift.clone(), panic]).as_deref(), Some("mdlab run stop --kernel debian:bookworm"));
        let scenario = failed(Class::Boot, "boot");
        let boot = Outcome { program: String::new(), ..scenario.clone() };
        assert_eq!(next(&[scenario]).as_deref(), Some("mdlab run boot --kernel debian:bookworm"));
        assert_eq!(next(&[drift, boot]).as_deref(), Some("mdlab doctor"));
    }

    #[test]
    fn a_summary_shows_the_first_failures_and_counts_the_others() {
        let outcomes: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| failed(Class::Tool, name)).to_vec();
        let text = summary(&Results::new(Duration::from_secs(100), outcomes));
        assert!(text.starts_with("5 tool in 1.7 min\n"), "{text}");
        assert!(text.contains("tool   c on ") && !text.contains("tool   d on "), "{text}");
        assert!(text.ends_with("       and 2 more\n"), "{text}");
        let late = [failed(Class::Drift, "a"), failed(Class::Kernel, "b")];
        let text = summary(&Results::new(Duration::ZERO, late.to_vec()));
        assert!(text.starts_with("1 kernel, 1 drift in 0 s\nkernel b on "), "{text}");
        let unified = "--- held\n+++ now\n@@ -1,2 +1,2 @@\n same\n--- a dash\n+++ a cross\n".to_owned();
        let differences =
            vec![Difference { channel: "dmesg".into(), snapshot: "dmesg.snap".into(), guest: 1, unified }];
        let drift = Outcome { differences, ..failed(Class::Drift, "f") };
        let text = summary(&Results::new(Duration::ZERO, vec![drift]));
        assert!(text.ends_with("\n       --- a dash\n       +++ a cross\n"), "{text}");
        let cut = Results::new(Duration::ZERO, vec![Outcome::not_run(&Failure::infra("SIGTERM came"))]);
        assert_eq!(summary(&cut), "1 infra in 0 s\ninfra  not run\n       SIGTERM came\n");
        assert_eq!(next(&cut, None), None);
    }
}
