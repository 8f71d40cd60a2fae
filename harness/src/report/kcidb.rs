//! KCIDB 5.3, as kcidb-io's schema has it: what a kernel's CI sends to its common database.

use serde_json::{Value, json};

use super::{first_line, time, whole};
use crate::failure::Class;
use crate::outcome::{Outcome, Verdict};
use crate::recording::MachineId;
use crate::results::Results;

/// The system that sends it, where nobody names another.
pub(crate) const ORIGIN: &str = "mdlab";

/// A checkout and a build for each kernel, and a test for each run.
pub(crate) fn kcidb(results: &Results, origin: &str) -> Value {
    let kernels = super::machines(&results.outcomes);
    let mut releases: Vec<&str> = kernels.iter().map(|machine| machine.kernel.as_str()).collect();
    // With several mdadms they do not stand side by side.
    releases.sort_unstable();
    releases.dedup();
    let id = |release: &str| format!("{origin}:{}-{release}", results.began);
    let checkouts = releases.iter().map(
        |release| json!({ "id": id(release), "origin": origin, "comment": format!("Linux {release}"), "valid": true }),
    );
    let builds = releases.iter().map(|release| {
        json!({
            "id": id(release), "checkout_id": id(release), "origin": origin, "architecture": "x86_64",
            "status": "PASS", "comment": format!("Linux {release}"),
        })
    });
    let ran = results.outcomes.iter().enumerate();
    let tests = ran.filter_map(|(number, outcome)| {
        let machine = outcome.machine.as_ref()?;
        Some(test(outcome, machine, &format!("{}-{number}", id(&machine.kernel)), &id(&machine.kernel), origin))
    });
    json!({
        "version": { "major": 5, "minor": 3 },
        "checkouts": checkouts.collect::<Vec<_>>(),
        "builds": builds.collect::<Vec<_>>(),
        "tests": tests.map(|mut test| { test["start_time"] = json!(time(results.began)); test }).collect::<Vec<_>>(),
    })
}

fn test(outcome: &Outcome, machine: &MachineId, id: &str, build: &str, origin: &str) -> Value {
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
        "environment": { "comment": machine.to_string(), "misc": { "mdadm": machine.mdadm, "accel": machine.accel } },
    });
    if outcome.verdict != Some(Verdict::Pass) {
        test["comment"] = json!(without_nul(&first_line(outcome)));
        test["log_excerpt"] = json!(without_nul(&whole(outcome)));
    }
    test
}

/// A path in the tree of all tests: words of plain letters, with dots between them.
fn path(scenario: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    format!("mdlab.{}", scenario.replace("::", ".")).chars().map(plain).collect()
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
