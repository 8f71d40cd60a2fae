//! What cargo-nextest knows of tests that could not say it themselves.

use std::path::PathBuf;

use mdlab_vm::Scratch;
use quick_junit::{Report, TestCaseStatus};

use crate::failure::{Class, Failure};
use crate::folder;
use crate::outcome::{Outcome, Verdict};

/// Where the test runner says how each test ended.
pub(super) struct Runner(Scratch);

impl Runner {
    pub(super) fn new() -> Result<Self, Failure> {
        let runner = Self(folder::scratch()?);
        let text = format!("[profile.default.junit]\npath = {:?}\n", runner.file("junit.xml"));
        folder::write_whole(&runner.file("nextest.toml"), text.as_bytes())?;
        Ok(runner)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The option that has it do so, unless the workspace's own configuration wants it elsewhere.
    pub(super) fn option(&self) -> String {
        format!("--tool-config-file=mdlab:{}", self.file("nextest.toml").display())
    }

    /// Adds the failures of tests that never had a guest, and those that somebody has ended.
    pub(super) fn complete(&self, outcomes: &mut Vec<Outcome>) {
        // Nothing is there if it was ended itself, or found nothing to run.
        let report = std::fs::read_to_string(self.file("junit.xml")).ok();
        let report = report.and_then(|text| Report::deserialize_from_str(&text).ok());
        let suites = report.iter().flat_map(|report| &report.test_suites);
        for (suite, case) in suites.flat_map(|suite| suite.test_cases.iter().map(move |case| (suite, case))) {
            let TestCaseStatus::NonSuccess { message, .. } = &case.status else { continue };
            // A program is named `package` or `package::program`.
            let package = suite.name.as_str().split("::").next().unwrap_or_default();
            let same = |other: &Outcome| other.package == package && other.scenario == case.name.as_str();
            let known = outcomes.iter().position(same);
            let class = match known.map(|at| outcomes[at].verdict) {
                Some(None) => Class::Infra,
                Some(_) => continue,
                None => Class::Drift,
            };
            let at = known.unwrap_or_else(|| {
                outcomes.push(Outcome::none(package, case.name.as_str()));
                outcomes.len() - 1
            });
            outcomes[at].verdict = Some(Verdict::Fail(class));
            outcomes[at].message = message.as_ref().map(|message| message.as_str().to_owned());
        }
    }
}
