//! JUnit XML: a suite for each machine.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{by_machine, first_line, name, whole, word};
use crate::failure::{Class, Failure};
use crate::outcome::{Outcome, Verdict};
use crate::results::Results;

pub(crate) fn junit(results: &Results) -> Result<String, Failure> {
    let mut report = Report::new("mdlab");
    report.set_time(duration(results.seconds));
    for (machine, outcomes) in by_machine(results) {
        let mut suite = TestSuite::new(machine);
        suite.add_test_cases(outcomes.into_iter().map(case));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| Failure::infra(format!("write JUnit XML: {error}")))
}

/// Whatever a file says.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn case(outcome: &Outcome) -> TestCase {
    let mut status = match outcome.verdict {
        Some(Verdict::Pass) => TestCaseStatus::success(),
        Some(Verdict::Skip) => TestCaseStatus::skipped(),
        // What is no finding about md or mdadm is an error of the laboratory.
        Some(Verdict::Fail(Class::Infra | Class::Usage | Class::Boot)) | None => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        Some(Verdict::Fail(_)) => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if outcome.verdict != Some(Verdict::Pass) {
        status.set_type(word(outcome.verdict)).set_message(first_line(outcome)).set_description(whole(outcome));
    }
    let mut case = TestCase::new(name(outcome), status);
    case.set_classname(outcome.program.clone()).set_time(duration(outcome.seconds));
    if let Some((file, line)) = outcome.place.as_deref().and_then(super::file_and_line) {
        case.extra.insert("file".into(), file.into());
        case.extra.insert("line".into(), line.into());
    }
    case
}
