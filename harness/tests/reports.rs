//! What a run came to is told to people, and in formats that others read.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::Path;
use std::process::{Command, Output};

mod foreign;

use foreign::{alone, lay_out, mdlab, printed};

/// One run in which scenarios end in four ways; what it printed.
fn eventful(folder: &Path) -> Output {
    lay_out(folder);
    let mut accept = mdlab(folder);
    accept.args(["run", "creates_a_mirror", "runs_a_tool", "has_a_second_guest"]);
    let accepted = accept.env("INSTA_UPDATE", "always").output().unwrap();
    assert!(accepted.status.success(), "{}", printed(&accepted));
    for (snapshot, is, was) in [
        ("creates_a_mirror/dmesg.snap", "md/raid1:md0", "md/raid1:md1"),
        // Its first guest's, in a step that had another name.
        ("has_a_second_guest/syscalls.snap", "## run", "## walk"),
    ] {
        let snapshot = folder.join("snapshots").join(snapshot);
        let held = std::fs::read_to_string(&snapshot).unwrap();
        assert!(held.contains(is), "{held}");
        std::fs::write(&snapshot, held.replace(is, was)).unwrap();
    }
    let mut run = mdlab(folder);
    run.args([
        "run",
        "creates_a_mirror",
        "runs_a_tool",
        "has_a_second_guest",
        "asserts_itself",
        "asks_for_what_is_not_there",
        "luck",
        "killed",
    ]);
    run.env("KILLED_BY", "KILL")
        .env("TOOL", "echo c > /proc/sysrq-trigger")
        .env("EXPECTED_LEVEL", "raid0")
        .env("INSTA_UPDATE", "no");
    run.output().unwrap()
}

#[test]
fn a_run_is_told_to_people_and_to_programs() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let run = eventful(folder.path());
    let told = printed(&run);
    assert_eq!(run.status.code(), Some(3), "{told}");
    let machine = "Linux 6.1.0-";
    for said in [
        "\n1 kernel, 4 drift, 1 pass, 1 skip in ".to_owned(),
        format!("kernel runs_a_tool on {machine}"),
        "\n       the kernel panicked: not syncing: sysrq triggered crash\n".to_owned(),
        format!("drift  creates_a_mirror on {machine}"),
        "\n       -info   md/raid1:md1: ".to_owned(),
        "\n       +info   md/raid1:md0: ".to_owned(),
        format!("drift  asserts_itself on {machine}"),
        "\nnext:   mdlab run runs_a_tool --kernel debian:bookworm --mdadm debian:bookworm\n".to_owned(),
    ] {
        assert!(told.contains(&said), "{said}: {told}");
    }
    let page = told.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
    let results = Path::new(page).with_file_name("run.json");

    // Where there was no run yet.
    let elsewhere = folder.path().join("not/yet");
    let report = mdlab(folder.path()).arg("report").arg(&results).env("MDLAB_EVIDENCE", &elsewhere).output().unwrap();
    assert!(report.status.success() && elsewhere.join("report.html").exists(), "{}", printed(&report));

    for checks in ["formats", "page"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci").join(checks);
        let programs = Path::new(env!("CARGO_BIN_EXE_mdlab")).parent().unwrap().parent().unwrap();
        let output = Command::new(script).arg(&results).env("CARGO_TARGET_DIR", programs).output().unwrap();
        assert!(output.status.success(), "{checks}: {}", printed(&output));
    }
}

/// Whatever the workspace tells the test runner.
#[test]
fn failures_are_told_wherever_they_come() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let own = "[profile.default]\nretries = 2\n[profile.default.junit]\npath = \"own.xml\"\n";
    std::fs::create_dir(folder.path().join(".config")).unwrap();
    std::fs::write(folder.path().join(".config/nextest.toml"), own).unwrap();
    let evidence = folder.path().join("evidence");
    let run = |arguments: &[&str]| {
        let mut command = mdlab(folder.path());
        command.args(arguments).env("ENDS_BADLY", "1").env("MDLAB_EVIDENCE", "evidence");
        command.output().unwrap()
    };
    let ran = run(&["run", "asks_for_no_guest", "fails_when_its_guest_is_gone", "is_to_fail"]);
    let told = printed(&ran);
    assert_eq!((ran.status.code(), told.contains("\n2 drift, 1 pass in ")), (Some(1), true), "{told}");
    let told = printed(&run(&["report", "--verdict", "--format", "ktap", "--output", "-"]));
    for said in
        ["    not ok 1 asks_for_no_guest\n", "    not ok 1 fails_when_its_guest_is_gone\n", "    ok 2 is_to_fail\n"]
    {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(told.ends_with("mdlab: drift: 2 drift, 1 pass\n"), "{told}");

    // The file may move with its evidence, and names it wherever it is written again.
    let moved = folder.path().join("moved");
    std::fs::rename(&evidence, &moved).unwrap();
    let again = folder.path().join("again.json");
    let again = again.to_str().unwrap();
    let told = printed(&run(&["report", "moved/run.json", "--format", "json", "--output", again]));
    let page = printed(&run(&["report", again, "--output", "-"]));
    assert!(page.contains("id=\"tale-0\""), "{told}");
    // A story that cannot be read is not the end of all others.
    let recordings =
        moved.read_dir().unwrap().flatten().find(|entry| entry.file_name().to_string_lossy().contains("tcg"));
    let guest = recordings.unwrap().path().join("elsewhere.fails_when_its_guest_is_gone/recording.json");
    std::fs::write(guest, "{").unwrap();
    let page = printed(&run(&["report", again, "--output", "-"]));
    assert!(
        page.contains("\"untold\":\"The story of guest 1 is not here: read `") && page.contains("is_to_fail"),
        "{told}"
    );

    // A machine that does not boot is what the last run came to.
    let ran = run(&["run", "is_to_fail", "--kernel", "file:Cargo.toml"]);
    assert!(!ran.status.success());
    let told = printed(&run(&["report", "--verdict", "--format", "ktap", "--output", "-"]));
    assert!(told.contains("    not ok 1 boot --kernel file:"), "{told}");
}

/// A matrix that cannot keep what was recorded has not run all of it.
#[test]
fn what_was_not_run_is_told() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let evidence = folder.path().join("evidence");
    std::fs::create_dir(&evidence).unwrap();
    std::fs::write(evidence.join("linux-6.1,mdadm-4.2,tcg"), "in the way").unwrap();
    let run = |arguments: &[&str]| {
        printed(&mdlab(folder.path()).args(arguments).env("MDLAB_EVIDENCE", &evidence).output().unwrap())
    };
    let machine = ["--kernel", "debian:bookworm", "--mdadm", "debian:bookworm"];
    run(&[&["matrix", "asserts_itself"], &machine[..]].concat());
    let told = run(&["report", "--verdict", "--format", "markdown", "--output", "-"]);
    assert!(
        told.contains("**infra** `not run`") && told.contains("0 of 1 runs were made: make the folder `"),
        "{told}"
    );

    // Nothing to compare, nothing to prove.
    let told =
        run(&["compare", "asks_for_what_is_not_there", "--kernel", "debian:bookworm", "--kernel", "debian:bullseye"]);
    assert!(told.contains("; 1 of them have nothing to compare: "), "{told}");
    let told = run(&["prove", "asks_for_what_is_not_there", "--runs", "1"]);
    assert!(told.contains("0 scenarios, 0 runs, 1 skipped: nothing was proven\n"), "{told}");
}
