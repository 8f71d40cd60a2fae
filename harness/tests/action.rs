//! The steps of the GitHub Action, each as GitHub would run it.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod foreign;
mod until;

use foreign::{alone, lay_out, mdlab, printed, target};
use until::until;

/// A workspace on a runner.
struct Runner<'a> {
    workspace: &'a Path,
    temporary: &'a Path,
}

impl Runner<'_> {
    /// Runs a step, told this.
    fn step(&self, step: &str, inputs: &[(&str, &str)]) -> Output {
        self.command(step, inputs).output().unwrap()
    }

    fn command(&self, step: &str, inputs: &[(&str, &str)]) -> Command {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci");
        let mut command = Command::new(folder.join("action"));
        command.arg(step).env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST").env_remove("RUSTFLAGS");
        command
            .env("MDLAB_BUILD", target())
            .env("RUNNER_TEMP", self.temporary)
            .env("GITHUB_WORKSPACE", self.workspace)
            .env("MDLAB_KERNEL", "debian:bookworm");
        for name in ["MDLAB_MDADM", "MDLAB_SCENARIOS", "MDLAB_ACCEL"] {
            command.env(name, "");
        }
        for file in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            command.env(file, self.temporary.join(file));
        }
        command.env("EXPECTED_LEVEL", "raid1").envs(inputs.iter().copied());
        command
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.temporary.join(path)).unwrap()
    }
}

/// What a step prints while no line of it is a command, and after that.
fn parted(step: &Output) -> [String; 2] {
    let text = String::from_utf8_lossy(&step.stdout);
    let (_, text) = text.split_once("::stop-commands::").unwrap();
    let (token, text) = text.split_once('\n').unwrap();
    let (before, after) = text.split_once(&format!("\n::{token}::\n")).unwrap();
    [before.to_owned(), after.to_owned()]
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
    let prepared = runner.step("prepare", &[("MDLAB_SHARD", "1/2")]);
    assert!(prepared.status.success(), "{}", printed(&prepared));
    let output = runner.read("GITHUB_OUTPUT");
    let said = ["build=mdlab-build-", "\nartifact=mdlab-run-debian-bookworm--1-2-", "\nartifacts=mdlab-run-*\n"];
    assert!(said.iter().all(|said| output.contains(said)), "{output}");

    let scenarios = workspace.path().to_str().unwrap();
    let inputs = |shard: &'static str, filter: &'static str| {
        [("MDLAB_SHARD", shard), ("MDLAB_FILTER", filter), ("MDLAB_SCENARIOS", scenarios)]
    };
    let filter = "creates_a_mirror\nasserts_itself";
    let mut statuses = Vec::new();
    for (number, shard) in ["1/2", "2/2"].into_iter().enumerate() {
        let ran = runner.step("run", &inputs(shard, filter));
        statuses.push(ran.status.code());
        let [before, after] = parted(&ran);
        let annotated = after.contains("::error file=tests/array.rs,line=13,title=creates_a_mirror on Linux 6.1");
        assert_eq!(annotated, ran.status.code() == Some(1), "{}", printed(&ran));
        assert_eq!(annotated, before.contains("-info   md/raid1:md1: "), "{}", printed(&ran));
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

    // All of it ends as the part that failed.
    let merged = runner.step("merge", &[("MDLAB_MERGE", "2")]);
    assert_eq!(merged.status.code(), Some(1), "{}", printed(&merged));
    assert!(printed(&merged).contains("\n::error title=mdlab::drift: 1 drift, 1 pass\n"), "{}", printed(&merged));
    assert!(
        runner.read("mdlab/junit.xml").contains("tests=\"2\" skipped=\"0\" failures=\"1\""),
        "{}",
        runner.read("mdlab/junit.xml")
    );
    assert!(runner.read("mdlab/report.html").contains("creates_a_mirror"));
    assert!(runner.read("GITHUB_STEP_SUMMARY").contains(" | 1 | 0 | 1 |\n"));
    let lacking = runner.step("merge", &[("MDLAB_MERGE", "3")]);
    assert_eq!(lacking.status.code(), Some(1));
    assert!(
        printed(&lacking).contains("expected the runs of 3 jobs, found 2: 0/run.json 1/run.json\n"),
        "{}",
        printed(&lacking)
    );

    // A part may have none, and that is no failure; that nothing has such a name is one, and is told.
    let ran = runner.step("run", &inputs("1/2", "asserts_itself"));
    let other = runner.step("run", &inputs("2/2", "asserts_itself"));
    assert_eq!([ran, other].map(|ran| ran.status.code()), [Some(0); 2]);
    let ran = runner.step("run", &inputs("", "$(touch${IFS}planted);`touch planted`"));
    assert_eq!(ran.status.code(), Some(2), "{}", printed(&ran));
    assert!(
        printed(&ran).contains("\n::error title=not run::usage: no scenario's name contains "),
        "{}",
        printed(&ran)
    );
    // An input is no command.
    assert!(!workspace.path().join("planted").exists(), "{}", printed(&ran));
    // Scenarios of another repository have no line in this one.
    let elsewhere = tempfile::tempdir().unwrap();
    let runner = Runner { workspace: elsewhere.path(), ..runner };
    let ran = runner.step("run", &inputs("", "creates_a_mirror"));
    assert!(printed(&ran).contains("\n::error title=creates_a_mirror on Linux 6.1"), "{}", printed(&ran));
}

/// Whoever compiles a member of a workspace begins its paths there.
#[test]
fn a_member_of_a_workspace_is_annotated_where_it_is() {
    let _alone = alone();
    let (repository, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let member = repository.path().join("raid");
    fs::create_dir(&member).unwrap();
    lay_out(&member);
    let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
    let (package, workspace) = manifest.split_once("[workspace]").unwrap();
    fs::write(member.join("Cargo.toml"), package).unwrap();
    let workspace = format!("[workspace]\nmembers = [\"raid\"]\nresolver = \"3\"\n{workspace}");
    fs::write(repository.path().join("Cargo.toml"), workspace).unwrap();
    fs::rename(member.join("Cargo.lock"), repository.path().join("Cargo.lock")).unwrap();
    let runner = Runner { workspace: repository.path(), temporary: temporary.path() };
    let inputs = [("MDLAB_FILTER", "creates_a_mirror"), ("MDLAB_SCENARIOS", "raid")];
    let ran = runner.step("run", &inputs);
    assert!(printed(&ran).contains("\n::error file=raid/tests/array.rs,line="), "{}", printed(&ran));
    assert!(runner.read("GITHUB_OUTPUT").ends_with("judged=true\n"));
}

/// What differs from a base is shown, and fails nothing.
#[test]
fn a_change_is_compared_with_its_base() {
    let _alone = alone();
    let (workspace, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    lay_out(workspace.path());
    let runner = Runner { workspace: workspace.path(), temporary: temporary.path() };
    let scenarios = workspace.path().to_str().unwrap();
    let inputs = [
        ("MDLAB_BASE_KERNEL", "debian:bullseye"),
        ("MDLAB_SCENARIOS", scenarios),
        ("MDLAB_MDADM", "debian:bookworm"),
        ("MDLAB_FILTER", "creates_a_mirror"),
    ];
    let compared = runner.step("run", &inputs);
    let text = printed(&compared);
    assert_eq!(compared.status.code(), Some(0), "{text}");
    assert!(text.contains("::notice title=mdlab::1 of 1 scenarios differ from the base; "), "{text}");
    let summary = runner.read("GITHUB_STEP_SUMMARY");
    assert!(summary.contains("\n+info   md0: detected capacity change from 0 to "), "{summary}");
    assert!(runner.read("mdlab/compare.diff").starts_with("--- creates_a_mirror, "));
    // What cannot be compared is told, and fails.
    let lacking = runner.step("run", &[&inputs[1..], &[("MDLAB_BASE_KERNEL", "debian:bookwurm")]].concat());
    assert!(
        printed(&lacking).contains("::error title=mdlab::usage: fetch Debian's suite `bookwurm`: "),
        "{}",
        printed(&lacking)
    );
    assert!(!lacking.status.success());
    assert!(runner.read("GITHUB_STEP_SUMMARY").contains("**Nothing was judged:**"));
    // So is a kernel that cannot be built, whichever of the two it is.
    fs::create_dir(workspace.path().join("linux")).unwrap();
    fs::write(workspace.path().join("linux/Kconfig"), "").unwrap();
    for input in ["MDLAB_KERNEL", "MDLAB_BASE_KERNEL"] {
        fs::remove_file(temporary.path().join("GITHUB_STEP_SUMMARY")).unwrap();
        let broken = runner.step("run", &[&inputs[..], &[(input, "build:linux")]].concat());
        let text = printed(&broken);
        assert_eq!(broken.status.code(), Some(2), "{text}");
        assert!(text.contains("::error title=mdlab::usage: ") && text.contains("linux` is no kernel tree: "), "{text}");
        assert!(runner.read("GITHUB_STEP_SUMMARY").contains("is no kernel tree"), "{text}");
    }
}

/// GitHub takes no second artifact of a name.
#[test]
fn artifacts_of_jobs_that_differ_have_names_of_their_own() {
    let (workspace, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runner = Runner { workspace: workspace.path(), temporary: temporary.path() };
    let jobs =
        [("FILTER", "mirror"), ("SHARD", "1/2"), ("ACCEL", "tcg"), ("BASE_KERNEL", "debian:sid"), ("NAME", "fork")];
    for (input, value) in jobs {
        let prepared = runner.step("prepare", &[(&format!("MDLAB_{input}"), value)]);
        assert!(prepared.status.success(), "{}", printed(&prepared));
    }
    let output = runner.read("GITHUB_OUTPUT");
    let artifacts: BTreeSet<_> = output.lines().filter(|line| line.starts_with("artifact=")).collect();
    assert_eq!(artifacts.len(), jobs.len(), "{output}");
}

#[test]
fn wrong_inputs_are_refused_before_anything_is_built() {
    let (workspace, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runner = Runner { workspace: workspace.path(), temporary: temporary.path() };
    fs::write(workspace.path().join("mdadm"), "").unwrap();
    for (input, value, expected) in [
        ("KERNEL", "bookworm", "the input kernel: expected `debian:SUITE`, `build:PATH`, "),
        ("BASE_KERNEL", "build:linux", "the input base-kernel: expected a kernel tree, as seen from "),
        ("MDADM", "file:none", "the input mdadm: expected a program, as seen from "),
        ("MDADM", "file:mdadm", "the input mdadm: expected a program that may be run (chmod +x), got `file:mdadm`"),
        ("MDADM", "mdadm", "the input mdadm: expected `debian:SUITE` or `file:PATH`, got `mdadm`"),
        ("BASE_MDADM", "debian:sid", "the input mdadm: expected what to compare with base-mdadm"),
        ("ACCEL", "fast", "the input accel: expected `auto`, `tcg` or `kvm`, got `fast`"),
        ("SHARD", "3/2", "the input shard: expected a part, from 1 on, and how many there are"),
        ("SHARD", "0/2", "the input shard: "),
        ("SHARD", "x", "the input shard: "),
        ("MERGE", "x", "the input merge: expected the number of jobs, got `x`"),
        ("MERGE", "$(id)", "the input merge: expected the number of jobs, got `$(id)`"),
        (
            "FILTER",
            "mirror --config=100%",
            "the input filter: expected parts of scenarios' names, with spaces between them, got `--config=100%25`",
        ),
        ("SCENARIOS", "none", "the input scenarios: expected a folder, as seen from "),
    ] {
        let refused = runner.step("prepare", &[(&format!("MDLAB_{input}"), value)]);
        let text = printed(&refused);
        assert_eq!(refused.status.code(), Some(2), "{input}={value}: {text}");
        assert!(text.starts_with("::error title=mdlab::") && text.contains(expected), "{input}={value}: {text}");
    }
}

/// A signal may come to the step's shell alone.
#[test]
fn a_job_that_is_cancelled_leaves_nothing_running() {
    let _alone = alone();
    let (workspace, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    lay_out(workspace.path());
    let runner = Runner { workspace: workspace.path(), temporary: temporary.path() };
    let mut step =
        runner.command("run", &[("MDLAB_SCENARIOS", workspace.path().to_str().unwrap()), ("TOOL", "sleep 50")]);
    let step = step.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its first scenario is under way.
    until(|| {
        temporary
            .path()
            .join("mdlab")
            .read_dir()
            .ok()?
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("linux-"))
    });
    kill(Pid::from_raw(step.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let ended = step.wait_with_output().unwrap();
    let text = printed(&ended);
    assert!(
        !ended.status.success()
            && text.contains("::error title=not run::infra: not all scenarios were run: SIGTERM came\n"),
        "{text}"
    );
    fs::create_dir_all(temporary.path().join("mdlab-runs")).unwrap();
    fs::rename(temporary.path().join("mdlab"), temporary.path().join("mdlab-runs/0")).unwrap();
    let merged = runner.step("merge", &[("MDLAB_MERGE", "1")]);
    assert_eq!(merged.status.code(), Some(6), "{}", printed(&merged));
    assert!(printed(&merged).contains("::error title=mdlab::infra: 1 infra"), "{}", printed(&merged));
}
