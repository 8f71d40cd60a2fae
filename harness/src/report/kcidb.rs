//! KCIDB 5.3, as kcidb-io's schema has it: what a kernel's CI sends to its common database.

use mdlab_vm::Digest;
use serde_json::{Value, json};

use super::{cut, first_line, time, whole};
use crate::failure::Class;
use crate::outcome::{Outcome, Verdict};
use crate::results::Results;

/// The system that sends it, where nobody names another.
pub(crate) const ORIGIN: &str = "mdlab";

/// The most characters of an excerpt (`maxLength` of its schema).
const EXCERPT: usize = 16384;

/// What stands for the kernel of runs that have none: it did not boot, or it never came so far.
const NO_KERNEL: &str = "none";

/// A checkout and a build for each kernel, and a test for each run.
pub(crate) fn kcidb(results: &Results, origin: &str) -> Value {
    let kernels = super::machines(&results.outcomes);
    let mut releases: Vec<&str> = kernels.iter().map(|machine| machine.kernel.as_str()).collect();
    if results.outcomes.iter().any(|outcome| outcome.machine.is_none()) {
        releases.push(NO_KERNEL);
    }
    // With several mdadms they do not stand side by side.
    releases.sort_unstable();
    releases.dedup();
    // Of two jobs that began in the same second each has its own.
    let content = serde_json::to_vec(&results.outcomes).unwrap_or_default();
    let digest = Digest::of(&content);
    let id = |release: &str| format!("{origin}:{}-{}-{release}", results.began, &digest.short()[..8]);
    let comment = |release: &str| match release {
        NO_KERNEL => "no kernel: none that booted".to_owned(),
        _ => format!("Linux {release}"),
    };
    let checkouts = releases.iter().map(|release| {
        known(
            release,
            "valid",
            json!(true),
            json!({ "id": id(release), "origin": origin, "comment": comment(release) }),
        )
    });
    let builds = releases.iter().map(|release| {
        let build = json!({
            "id": id(release), "checkout_id": id(release), "origin": origin, "architecture": "x86_64",
            "comment": comment(release),
        });
        known(release, "status", json!("PASS"), build)
    });
    let ran = results.outcomes.iter().enumerate();
    let tests = ran.map(|(number, outcome)| {
        let build = id(outcome.machine.as_ref().map_or(NO_KERNEL, |machine| &machine.kernel));
        test(outcome, &format!("{build}-{number}"), &build, origin)
    });
    json!({
        "version": { "major": 5, "minor": 3 },
        "checkouts": checkouts.collect::<Vec<_>>(),
        "builds": builds.collect::<Vec<_>>(),
        "tests": tests.map(|mut test| { test["start_time"] = json!(time(results.began)); test }).collect::<Vec<_>>(),
    })
}

/// Says something of a kernel, if there is one.
fn known(release: &str, what: &str, value: Value, mut of: Value) -> Value {
    if release != NO_KERNEL {
        of[what] = value;
    }
    of
}

fn test(outcome: &Outcome, id: &str, build: &str, origin: &str) -> Value {
    let status = match outcome.verdict {
        Some(Verdict::Pass) => "PASS",
        Some(Verdict::Skip) => "SKIP",
        Some(Verdict::Fail(Class::Infra | Class::Usage | Class::Boot)) | None => "ERROR",
        Some(Verdict::Fail(_)) => "FAIL",
    };
    let mut test = json!({
        "id": id,
        "build_id": build,
        "origin": origin,
        "path": path(&outcome.scenario),
        "status": status,
        "duration": outcome.seconds,
        "environment": match &outcome.machine {
            Some(machine) => {
                json!({ "comment": machine.to_string(), "misc": { "mdadm": machine.mdadm, "accel": machine.accel } })
            }
            None => json!({ "comment": outcome.options }),
        },
    });
    if outcome.verdict != Some(Verdict::Pass) {
        test["comment"] = json!(first_line(outcome));
        test["log_excerpt"] = json!(cut(&whole(outcome), EXCERPT));
    }
    test
}

/// A path in the tree of all tests: words of plain letters, with dots between them.
fn path(scenario: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    format!("mdlab.{}", scenario.replace("::", ".")).chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::recording::MachineId;

    #[test]
    fn what_did_not_boot_is_a_test_as_well() {
        let outcome = Outcome {
            verdict: Some(Verdict::Fail(Class::Boot)),
            message: Some("x".repeat(2 * EXCERPT)),
            ..Outcome::none("", "boot")
        };
        let report = kcidb(&Results::new(Duration::ZERO, vec![outcome]), ORIGIN);
        assert_eq!(report["tests"][0]["build_id"], report["builds"][0]["id"]);
        assert_eq!(report["tests"][0]["status"], "ERROR");
        assert!(report["builds"][0].get("status").is_none() && report["checkouts"][0].get("valid").is_none());
        assert_eq!(report["tests"][0]["log_excerpt"].as_str().unwrap().chars().count(), EXCERPT);
    }

    #[test]
    fn each_kernel_is_built_once() {
        let of = |kernel: &str, mdadm: &str| {
            let machine = MachineId { kernel: kernel.into(), mdadm: mdadm.into(), accel: "tcg".into() };
            Outcome { machine: Some(machine), verdict: Some(Verdict::Pass), ..Outcome::none("scenarios", "mirror") }
        };
        let kernels = ["6.1.0-50-cloud-amd64", "6.1.0-mine"];
        let all = ["4.1", "4.2"].iter().flat_map(|mdadm| kernels.map(|kernel| of(kernel, mdadm)));
        let report = kcidb(&Results::new(Duration::ZERO, all.collect()), ORIGIN);
        let comments = report["builds"].as_array().unwrap().iter().map(|build| build["comment"].as_str().unwrap());
        assert_eq!(comments.collect::<Vec<_>>(), ["Linux 6.1.0-50-cloud-amd64", "Linux 6.1.0-mine"]);
        assert_eq!(report["tests"].as_array().unwrap().len(), 4);
    }
}
