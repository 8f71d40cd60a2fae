//! The steps of the GitHub Action, each as GitHub would run it.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

mod foreign;

use foreign::{alone, lay_out, mdlab, printed, target};

/// A workspace on a runner.
struct Runner<'a> {
    workspace: &'a Path,
    temporary: &'a Path,
}

impl Runner<'_> {
    /// Runs a step, told this.
    fn step(&self, step: &str, inputs: &[(&str, &str)]) -> Output {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci");
        let mut command = Command::new(folder.join("action"));
        command.arg(step).env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST").env_remove("RUSTFLAGS");
        command
            .env("MDLAB_BUILD", target())
            .env("RUNNER_TEMP", self.temporary)
            .env("GITHUB_WORKSPACE", self.workspace)
            .env("MDLAB_KERNEL", "debian:bookworm");
        for file in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            command.env(file, self.temporary.join(file));
        }
        command.env("EXPECTED_LEVEL", "raid1").envs(inputs.iter().copied()).output().unwrap()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.temporary.join(path)).unwrap()
    }
}

#[test]
fn a_workflow_annotates_what_differs_and_merges_its_parts() {
    let _alone = alone();
    let (workspace, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    lay_out(workspace.path());
    let accepted =
        mdlab(workspace.path()).args(["run", "creates_a_mirror"]).env("INSTA_UPDATE", "always").output().unwrap();
    assert!(accepted.status.success(), "{}", printed(&accepted));
    let dmesg = workspace.path().join("snapshots/creates_a_mirror/dmesg.snap");
    fs::write(&dmesg, fs::read_to_string(&dmesg).unwrap().replace("raid1:md0", "raid1:md1")).unwrap();

    let runner = Runner { workspace: workspace.path(), temporary: temporary.path() };
    let prepared = runner.step("prepare", &[("MDLAB_SHARD", "1/2"), ("MDLAB_MDADM", "")]);
    assert!(prepared.status.success(), "{}", printed(&prepared));
    let output = runner.read("GITHUB_OUTPUT");
    assert!(
        output.contains("\nartifact=mdlab-run-debian-bookworm--1-2\n") && output.starts_with("key=mdlab-"),
        "{output}"
    );

    let scenarios = workspace.path().to_str().unwrap();
    let inputs = |shard: &'static str, filter: &'static str| {
        [("MDLAB_SHARD", shard), ("MDLAB_FILTER", filter), ("MDLAB_MDADM", ""), ("MDLAB_SCENARIOS", scenarios)]
    };
    let filter = "creates_a_mirror asserts_itself";
    let mut statuses = Vec::new();
    for (number, shard) in ["1/2", "2/2"].into_iter().enumerate() {
        let ran = runner.step("run", &inputs(shard, filter));
        statuses.push(ran.status.code());
        let annotated =
            printed(&ran).contains("\n::error file=tests/array.rs,line=13,title=creates_a_mirror on Linux 6.1");
        assert_eq!(annotated, ran.status.code() == Some(1), "{}", printed(&ran));
        let left = temporary.path().join("mdlab-runs").join(number.to_string());
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::rename(temporary.path().join("mdlab"), left).unwrap();
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [Some(0), Some(1)]);
    let summary = runner.read("GITHUB_STEP_SUMMARY");
    assert!(
        summary.contains(" | 1 | 0 | 0 |\n") && summary.contains("**drift** `creates_a_mirror` on Linux"),
        "{summary}"
    );

    let merged = runner.step("merge", &[("MDLAB_JOBS", "2")]);
    assert!(merged.status.success(), "{}", printed(&merged));
    assert!(
        runner.read("mdlab/junit.xml").contains("tests=\"2\" skipped=\"0\" failures=\"1\""),
        "{}",
        runner.read("mdlab/junit.xml")
    );
    assert!(runner.read("mdlab/report.html").contains("creates_a_mirror"));
    assert!(runner.read("GITHUB_STEP_SUMMARY").contains(" | 1 | 0 | 1 |\n"));
    let lacking = runner.step("merge", &[("MDLAB_JOBS", "3")]);
    assert_eq!(lacking.status.code(), Some(1));
    assert!(printed(&lacking).contains("expected what 3 jobs left, found that of 2"), "{}", printed(&lacking));

    // An input is no command.
    let planted = "$(touch${IFS}planted);`touch planted`";
    let ran = runner.step("run", &inputs("", planted));
    assert_eq!(ran.status.code(), Some(2), "{}", printed(&ran));
    assert!(!workspace.path().join("planted").exists(), "{}", printed(&ran));
    // Scenarios of another repository have no line in this one.
    let elsewhere = tempfile::tempdir().unwrap();
    let runner = Runner { workspace: elsewhere.path(), ..runner };
    let ran = runner.step("run", &inputs("", "creates_a_mirror"));
    assert!(printed(&ran).contains("\n::error title=creates_a_mirror on Linux 6.1"), "{}", printed(&ran));
}
