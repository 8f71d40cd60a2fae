//! What cargo-nextest knows of tests that could not say it themselves.

use std::path::PathBuf;

use mdlab_vm::Scratch;
use quick_junit::{Report, TestCaseStatus};

use crate::failure::{Class, Failure};
use crate::folder;
use crate::outcome::{Outcome, Verdict};

/// The profile by which the test runner writes its report for mdlab.
const PROFILE: &str = "mdlab";

/// Where the test runner says how each test ended.
pub(super) struct Runner(Scratch);

impl Runner {
    pub(super) fn new() -> Result<Self, Failure> {
        let runner = Self(folder::scratch()?);
        // A profile of its own: the workspace's may have their reports elsewhere. It inherits all else of its default.
        let text = format!("[profile.{PROFILE}.junit]\npath = {:?}\n", runner.file("junit.xml"));
        folder::write_whole(&runner.file("nextest.toml"), text.as_bytes())?;
        Ok(runner)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The options that have it do so. A failure that is gone at the next try is one all the same.
    pub(super) fn options(&self) -> [String; 3] {
        let file = format!("--tool-config-file=mdlab:{}", self.file("nextest.toml").display());
        [file, format!("--profile={PROFILE}"), "--retries=0".into()]
    }

    /// Adds the failures of tests that have no guest, or none any more, and those that somebody has ended.
    pub(super) fn complete(&self, outcomes: &mut Vec<Outcome>) {
        // Nothing is there if it was ended itself, or found nothing to run.
        let report = std::fs::read_to_string(self.file("junit.xml")).ok();
        let report = report.and_then(|text| Report::deserialize_from_str(&text).ok());
        let suites = report.iter().flat_map(|report| &report.test_suites);
        for (suite, case) in suites.flat_map(|suite| suite.test_cases.iter().map(move |case| (suite, case))) {
            let program = suite.name.as_str();
            let same = |other: &Outcome| other.program == program && other.scenario == case.name.as_str();
            let known = outcomes.iter().position(same);
            let TestCaseStatus::NonSuccess { message, .. } = &case.status else {
                if let Some(at) = known.filter(|at| matches!(outcomes[*at].verdict, Some(Verdict::Fail(_)))) {
                    outcomes[at].pass();
                }
                continue;
            };
            let class = match known.map(|at| outcomes[at].verdict) {
                Some(None) => Class::Infra,
                Some(Some(Verdict::Fail(_))) => continue,
                // What it asserted when its guests were gone, or before it had one.
                _ => Class::Drift,
            };
            let at = known.unwrap_or_else(|| {
                outcomes.push(Outcome::none(program, case.name.as_str()));
                outcomes.len() - 1
            });
            outcomes[at].verdict = Some(Verdict::Fail(class));
            outcomes[at].message = message.as_ref().map(|message| message.as_str().to_owned());
        }
    }
}
