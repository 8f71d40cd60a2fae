//! What the test runner shows of a run.

use crate::trial::Failed;

const CLASSES: [&str; 6] = ["drift", "usage", "kernel", "boot", "tool", "infra"];

/// The failures that the test runner has shown, each at the line that names its scenario. A scenario's own assertion, which
/// names no class, is drift.
pub(crate) fn failures(log: &str) -> Vec<Failed> {
    let mut found: Vec<Failed> = Vec::new();
    let shown = log.split("Summary [").next().unwrap_or_default();
    for line in shown.lines() {
        let line = line.trim();
        let failing = ["FAIL [", "SIGABRT [", "SIGKILL [", "SIGSEGV ["].iter().any(|status| line.starts_with(status));
        if failing && let Some(scenario) = line.split_whitespace().last() {
            found.push(Failed { scenario: scenario.to_owned(), how: String::new() });
        } else if let Some(last) = found.last_mut()
            && last.how.is_empty()
            && let Some((class, text)) = line.split_once(": ")
            && CLASSES.contains(&class)
        {
            let channels = text.split_once(" differ from the snapshots").map(|(channels, _)| channels);
            last.how = channels.map_or_else(|| class.to_owned(), |channels| format!("{class}: {channels}"));
        }
    }
    for failed in found.iter_mut().filter(|failed| failed.how.is_empty()) {
        failed.how = "drift: its own assertion".to_owned();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(log: &str) -> Vec<(String, String)> {
        failures(log).into_iter().map(|failed| (failed.scenario, failed.how)).collect()
    }

    fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(scenario, how)| ((*scenario).to_owned(), (*how).to_owned())).collect()
    }

    #[test]
    fn a_run_without_failures_has_none() {
        let log = "    Starting 2 tests across 1 binary
        PASS [   2.101s] (1/2) mdlab-scenarios::scenarios mirror::creates
        PASS [   0.004s] (2/2) mdlab-scenarios::scenarios drift: is no class here
------------
     Summary [   2.105s] 2 tests run: 2 passed, 0 skipped
";
        assert_eq!(found(log), []);
        assert_eq!(found(""), []);
    }

    #[test]
    fn each_failure_has_the_class_that_follows_it() {
        let log = "        FAIL [   2.101s] (1/5) mdlab-scenarios::scenarios mirror::creates
  stderr ---
    drift: syscalls, state differ from the snapshots
    tool: what follows from it
        PASS [   0.004s] (2/5) mdlab-scenarios::scenarios stop::stops
        FAIL [   2.101s] (3/5) mdlab-scenarios::scenarios grow::grows
    kernel: the kernel panicked: not syncing: planted
     SIGABRT [   2.101s] (4/5) mdlab-scenarios::scenarios data::survives
        FAIL [   2.101s] (5/5) mdlab-scenarios::scenarios members::adds
    tool: expected `mdadm --add` to end with status 0
     Summary [   9.105s] 5 tests run: 1 passed, 4 failed, 0 skipped
        FAIL [   2.101s] (1/5) mdlab-scenarios::scenarios mirror::creates
";
        let expected = named(&[
            ("mirror::creates", "drift: syscalls, state"),
            ("grow::grows", "kernel"),
            ("data::survives", "drift: its own assertion"),
            ("members::adds", "tool"),
        ]);
        assert_eq!(found(log), expected);
    }

    /// What names no class of mdlab's is a panic of the scenario's own.
    #[test]
    fn an_unknown_class_is_none() {
        let log = "FAIL [ 1s] (1/1) scenarios data::survives\n  disaster: the end of the world\n  usagex: no\n";
        assert_eq!(found(log), named(&[("data::survives", "drift: its own assertion")]));
    }

    #[test]
    fn garbled_output_is_read_as_far_as_it_goes() {
        assert_eq!(found("\u{fffd}\u{0}\u{1b}[31m::: [\nFAIL\nFAIL[\ndrift: nothing failed before\nSummary"), []);
        let cut = "FAIL [";
        // It names nothing, and it is still a failure.
        assert_eq!(found(cut), named(&[("[", "drift: its own assertion")]));
        let torn = "FAIL [ 1s] (1/2) scenarios stop::stops\n\u{fffd}\u{fffd}: \u{0}\n  boot: \u{fffd}\nSummary [";
        assert_eq!(found(torn), named(&[("stop::stops", "boot")]));
    }
}
