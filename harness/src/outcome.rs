//! How a scenario went, as the test that runs it says it to the `mdlab` that runs the test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::failure::{Class, Failure};
use crate::recording::MachineId;

/// The variable by which cargo-nextest names the program that has a test.
pub(crate) const PROGRAM: &str = "NEXTEST_BINARY_ID";

/// The variable that names the file for [`note`].
pub(crate) const OUTCOMES: &str = "MDLAB_OUTCOMES";

/// What a test says while it runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// A guest was forked, of a machine that these options name; what it leaves will be in this folder.
    Forked { machine: MachineId, options: String, folder: PathBuf },
    /// What was recorded differs from a snapshot.
    Differs(Difference),
    /// The machine lacks something, for this reason.
    Skipped(String),
    /// The scenario failed, here.
    Failed { class: Class, message: String, place: Option<String> },
    /// A guest is gone, as it should be.
    Ended,
}

/// How a scenario went: what run.json lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The program that has it, as cargo-nextest names it: `package::program`.
    pub(crate) program: String,
    /// The test's name.
    pub(crate) scenario: String,
    /// How it ended; nothing where it was ended before its time.
    pub(crate) verdict: Option<Verdict>,
    /// The machine of its first guest, if it got that far.
    pub(crate) machine: Option<MachineId>,
    /// What names the machine on a command line: `--kernel debian:bookworm --mdadm debian:bookworm`.
    pub(crate) options: String,
    /// Why it was skipped, or all that is said of its failure.
    pub(crate) message: Option<String>,
    /// Where it failed: `scenarios/mirror.rs:20:5`.
    pub(crate) place: Option<String>,
    /// How what was recorded differs from its snapshots.
    pub(crate) differences: Vec<Difference>,
    /// The folders of its guests, with their recordings.
    pub(crate) evidence: Vec<PathBuf>,
    /// Wall time from its first fork to its end.
    pub(crate) seconds: f64,
}

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should.
    Pass,
    /// Not at all: the machine lacks something.
    Skip,
    /// Badly.
    #[serde(untagged)]
    Fail(Class),
}

impl Verdict {
    /// Whose fault it was.
    pub(crate) fn class(self) -> Option<Class> {
        if let Self::Fail(class) = self { Some(class) } else { None }
    }
}

/// How a channel differs from the snapshot that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// The channel.
    pub(crate) channel: String,
    /// The snapshot's file.
    pub(crate) snapshot: PathBuf,
    /// Which of the scenario's guests it is of, from 1 on.
    pub(crate) guest: u32,
    /// The lines, as `diff -u` shows them.
    pub(crate) unified: String,
}

/// A line of the file: a word, whose it is, and when it was said, in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Line {
    program: String,
    scenario: String,
    process: u32,
    at: u64,
    word: Word,
}

/// Leaves word, if anybody wants it.
pub(crate) fn note(scenario: &str, word: Word) {
    let Some(path) = std::env::var_os(OUTCOMES) else { return };
    let program = std::env::var(PROGRAM).unwrap_or_default();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    // Where it cannot be written, it is still known that something failed. A line is written whole.
    let line = Line { program, scenario: scenario.to_owned(), process: std::process::id(), at, word };
    let _ = serde_json::to_string(&line)
        .map(|line| File::options().append(true).open(path)?.write_all((line + "\n").as_bytes()));
}

/// Where tests leave word: a file without a name, which goes with the process that asks.
pub(crate) struct Outcomes(File);

impl Outcomes {
    /// Makes the file.
    pub(crate) fn open() -> Result<Self, Failure> {
        let file =
            tempfile::tempfile().map_err(|error| Failure::infra(format!("make a file for outcomes: {error}")))?;
        Ok(Self(file))
    }

    /// What to tell the tests.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// How they went, as far as they have said.
    pub(crate) fn read(&self) -> Vec<Outcome> {
        let mut text = vec![0; self.0.metadata().map_or(0, |metadata| metadata.len()) as usize];
        let read = self.0.read_at(&mut text, 0).unwrap_or(0);
        let lines = text[..read].split(|byte| *byte == b'\n');
        let mut scenarios: BTreeMap<(String, String, u32), Vec<(u64, Word)>> = BTreeMap::new();
        for Line { program, scenario, process, at, word } in lines.filter_map(|line| serde_json::from_slice(line).ok())
        {
            scenarios.entry((program, scenario, process)).or_default().push((at, word));
        }
        scenarios.into_iter().map(|((program, scenario, _), words)| Outcome::of(&program, &scenario, words)).collect()
    }
}

/// Stands for the scenarios that were not run, and for those that had no machine.
const NOT_RUN: &str = "not run";
const BOOT: &str = "boot";

impl Outcome {
    /// Of a scenario that has said nothing yet.
    pub(crate) fn none(program: &str, scenario: &str) -> Self {
        Self {
            program: program.to_owned(),
            scenario: scenario.to_owned(),
            verdict: None,
            machine: None,
            options: String::new(),
            message: None,
            place: None,
            differences: Vec::new(),
            evidence: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Of all that was asked for and not run, for this reason.
    pub(crate) fn not_run(why: &Failure) -> Self {
        let (verdict, message) = (Some(Verdict::Fail(why.class)), Some(why.to_string()));
        Self { verdict, message, ..Self::none("", NOT_RUN) }
    }

    /// Whether that is what it is of.
    pub(crate) fn is_not_run(&self) -> bool {
        self.program.is_empty() && self.scenario == NOT_RUN
    }

    /// Of a machine that these options name, and that is not to be had or did not boot.
    pub(crate) fn no_machine(options: String, verdict: Verdict, why: &Failure) -> Self {
        Self { verdict: Some(verdict), options, message: Some(why.to_string()), ..Self::none("", BOOT) }
    }

    /// Whether that is what it is of.
    pub(crate) fn is_boot(&self) -> bool {
        self.program.is_empty() && self.scenario == BOOT
    }

    /// Its test passes, whatever was said: it was to fail (`#[should_panic]`).
    pub(crate) fn pass(&mut self) {
        self.verdict = Some(Verdict::Pass);
        (self.message, self.place) = (None, None);
        self.differences.clear();
    }

    fn of(program: &str, scenario: &str, words: Vec<(u64, Word)>) -> Self {
        let mut outcome = Self::none(program, scenario);
        let at = |word: Option<&(u64, Word)>| word.map_or(0, |(at, _)| *at);
        outcome.seconds = at(words.last()).saturating_sub(at(words.first())) as f64 / 1000.0;
        let mut guests = 0_usize;
        for (_, word) in words {
            // The first failure counts: what follows from it is none of its own. What was skipped may still fail.
            let failed = matches!(outcome.verdict, Some(Verdict::Fail(_)));
            let settled = failed || outcome.verdict == Some(Verdict::Skip);
            match word {
                Word::Forked { machine, options, folder } => {
                    if outcome.machine.is_none() {
                        (outcome.machine, outcome.options) = (Some(machine), options);
                    }
                    outcome.evidence.push(folder);
                    outcome.verdict = outcome.verdict.filter(|_| settled);
                    guests += 1;
                }
                Word::Differs(difference) => outcome.differences.push(difference),
                Word::Ended => {
                    guests = guests.saturating_sub(1);
                    let all = (guests == 0).then_some(Verdict::Pass);
                    outcome.verdict = outcome.verdict.or(all);
                }
                Word::Skipped(reason) if !settled => {
                    (outcome.verdict, outcome.message) = (Some(Verdict::Skip), Some(reason));
                }
                Word::Failed { class, message, place } if !failed => {
                    (outcome.verdict, outcome.message) = (Some(Verdict::Fail(class)), Some(message));
                    outcome.place = place;
                }
                Word::Skipped(_) | Word::Failed { .. } => {}
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forked(number: u32) -> Word {
        let machine = MachineId { kernel: "6.1.0".into(), mdadm: "4.2".into(), accel: "tcg".into() };
        Word::Forked { machine, options: "--kernel debian:bookworm".into(), folder: format!("guest-{number}").into() }
    }

    fn failed(class: Class, message: &str) -> Word {
        Word::Failed { class, message: message.into(), place: Some("scenarios/mirror.rs:20:5".into()) }
    }

    fn of(words: &[Word]) -> Outcome {
        Outcome::of("scenarios", "mirror::creates", (0..).map(|second| second * 1000).zip(words.to_vec()).collect())
    }

    #[test]
    fn a_scenario_has_passed_when_all_its_guests_are_gone() {
        assert_eq!(of(&[forked(1)]).verdict, None);
        let passed = of(&[forked(1), Word::Ended]);
        assert_eq!((passed.verdict, passed.seconds), (Some(Verdict::Pass), 1.0));
        assert_eq!(of(&[forked(1), forked(2), Word::Ended]).verdict, None);
        assert_eq!(of(&[forked(1), forked(2), Word::Ended, Word::Ended]).verdict, Some(Verdict::Pass));
        // One after the other: the second may still fail.
        assert_eq!(of(&[forked(1), Word::Ended, forked(2)]).verdict, None);
        let two = of(&[forked(1), Word::Ended, forked(2), Word::Ended]);
        assert_eq!((two.verdict, two.evidence.len()), (Some(Verdict::Pass), 2));
    }

    #[test]
    fn the_first_failure_counts() {
        let outcome = of(&[forked(1), failed(Class::Kernel, "panicked"), failed(Class::Drift, "differs"), Word::Ended]);
        assert_eq!(outcome.verdict, Some(Verdict::Fail(Class::Kernel)));
        assert_eq!(outcome.message.as_deref(), Some("panicked"));
        assert_eq!(outcome.place.as_deref(), Some("scenarios/mirror.rs:20:5"));
        // Another guest had ended well before.
        let late = of(&[forked(1), Word::Ended, forked(2), failed(Class::Tool, "exit 3")]);
        assert_eq!(late.verdict, Some(Verdict::Fail(Class::Tool)));
        let skipped = of(&[forked(1), Word::Skipped("it is older".into()), Word::Ended]);
        assert_eq!((skipped.verdict, skipped.message.as_deref()), (Some(Verdict::Skip), Some("it is older")));
        let warned = of(&[forked(1), Word::Skipped("it is older".into()), failed(Class::Kernel, "a warning")]);
        assert_eq!(
            (warned.verdict, warned.message.as_deref()),
            (Some(Verdict::Fail(Class::Kernel)), Some("a warning"))
        );
    }

    #[test]
    fn a_verdict_is_a_word() {
        let words =
            [Verdict::Pass, Verdict::Skip, Verdict::Fail(Class::Boot)].map(|verdict| serde_json::json!(verdict));
        assert_eq!(words, ["pass", "skip", "boot"]);
        for word in words {
            assert_eq!(serde_json::json!(serde_json::from_value::<Verdict>(word.clone()).unwrap()), word);
        }
    }
}
