//! A crate of another repository depends on mdlab and has scenarios of its own.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod foreign;
mod until;

use foreign::{alone, lay_out, mdlab, printed};
use until::until;

fn run(folder: &Path, update: &str) -> Output {
    scenarios(folder, update).output().unwrap()
}

fn scenarios(folder: &Path, update: &str) -> Command {
    let mut command = mdlab(folder);
    command.arg("run").env("INSTA_UPDATE", update);
    command
}

#[test]
fn a_crate_elsewhere_writes_its_own_scenarios() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    // Without snapshots, everything is a difference: a drift, and nothing is written.
    let first = run(folder.path(), "no");
    assert_eq!(first.status.code(), Some(1), "{}", printed(&first));
    assert!(!folder.path().join("snapshots").exists());
    assert!(printed(&first).contains("drift: there are no snapshots in `"), "{}", printed(&first));

    let written = run(folder.path(), "always");
    assert!(written.status.success(), "{}", printed(&written));
    let snapshots = folder.path().join("snapshots/creates_a_mirror");
    for channel in mdlab::Channel::ALL {
        assert!(snapshots.join(format!("{channel}.snap")).exists(), "{channel}");
    }

    let same = run(folder.path(), "no");
    assert!(same.status.success(), "{}", printed(&same));

    let skipped = "1 of the scenarios that passed were skipped:\n  asks_for_what_is_not_there: Linux ";
    assert!(printed(&same).contains(skipped), "{}", printed(&same));
    assert!(printed(&same).contains(" has no lockless bitmaps: CONFIG_MD_LLBITMAP is not set"), "{}", printed(&same));

    // A scenario's own assertion counts as a drift too, and says where its evidence lies and how to run it again.
    let denied = scenarios(folder.path(), "no").env("EXPECTED_LEVEL", "raid0").output().unwrap();
    assert_eq!(denied.status.code(), Some(1), "{}", printed(&denied));
    let said = [
        "drift: what the scenario asserts itself does not hold, or it makes a mistake: assertion ",
        "  rerun:    mdlab run asserts_itself ",
    ];
    assert!(said.iter().all(|line| printed(&denied).contains(line)), "{}", printed(&denied));
    assert!(printed(&denied).contains("scenarios failed, as shown above: 1 drift"), "{}", printed(&denied));

    let dmesg = snapshots.join("dmesg.snap");
    let recorded = std::fs::read_to_string(&dmesg).unwrap();
    std::fs::write(&dmesg, recorded.replace("md/raid1:md0", "md/raid1:md1")).unwrap();
    let drifted = run(folder.path(), "no");
    assert_eq!(drifted.status.code(), Some(1), "{}", printed(&drifted));
    assert!(printed(&drifted).contains("drift: dmesg differ from the snapshots"), "{}", printed(&drifted));
    // The lines that differ from the snapshot that held until now.
    let differs = ["\n    -", "\n    +"].map(|sign| format!("{sign}info   md/raid1:md"));
    assert!(differs.iter().all(|line| printed(&drifted).contains(line)), "{}", printed(&drifted));

    // A channel without any is told apart from one that differs.
    let uevents = snapshots.join("uevents.snap");
    let held = std::fs::read_to_string(&uevents).unwrap();
    std::fs::remove_file(&uevents).unwrap();
    let lacking = run(folder.path(), "no");
    assert!(printed(&lacking).contains("drift: dmesg differ from the snapshots in `"), "{}", printed(&lacking));
    assert!(printed(&lacking).contains("`; uevents have no snapshots in `"), "{}", printed(&lacking));
    std::fs::write(&uevents, held).unwrap();

    // Also where the snapshot is that of this very version, which insta may show, or be told not to.
    let own = snapshots.join("dmesg@linux-6.1,mdadm-4.2.snap");
    std::fs::write(&own, recorded.replace("md/raid1:md0", "md/raid1:md1")).unwrap();
    for (output, by_insta) in [("none", false), ("minimal", false), ("diff", true)] {
        let drifted = scenarios(folder.path(), "no").env("INSTA_OUTPUT", output).output().unwrap();
        let said = printed(&drifted);
        assert!(said.contains("-info   md/raid1:md1"), "{output}: {said}");
        assert_eq!(said.contains("dmesg@linux-6.1,mdadm-4.2.snap, until now"), !by_insta, "{output}: {said}");
    }
    std::fs::remove_file(&own).unwrap();

    // What is offered for review is withdrawn when the snapshot holds again.
    let offered = || {
        let names = snapshots.read_dir().unwrap().flatten().map(|file| file.file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".snap.new")).collect::<Vec<_>>()
    };
    assert_eq!(run(folder.path(), "new").status.code(), Some(1));
    assert_eq!(offered(), ["dmesg@linux-6.1,mdadm-4.2.snap.new"]);
    std::fs::write(&dmesg, recorded).unwrap();
    let same = run(folder.path(), "no");
    assert!(same.status.success(), "{}", printed(&same));
    assert_eq!(offered(), [""; 0]);
}

/// Each ends in the class of its fault, with its message, its place in the scenario, its evidence and the command that runs it
/// again.
#[test]
fn tools_that_fail_planted() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let runs = |tool: &str, update: &str| {
        let output = scenarios(folder.path(), update).arg("runs_a_tool").env("TOOL", tool).output().unwrap();
        let text = printed(&output);
        (output.status.code(), text)
    };
    assert_eq!(runs("true", "always").0, Some(0));
    for (tool, status, expected) in [
        // Where a member's superblock begins: its magic.
        ("printf x | dd of=/dev/loop1 bs=1 seek=4096 conv=notrunc 2> /dev/null", 1, "drift: superblock differ"),
        ("printf x | dd of=/dev/loop1 bs=1 seek=4400 conv=notrunc 2> /dev/null", 1, "drift: superblock differ"),
        ("echo broken; exit 3", 5, "tool: expected `tool` to end with status 0, got: exit 3: broken"),
        ("kill -SEGV $$", 5, "tool: expected `tool` to end with status 0, got: killed by SIGSEGV"),
        ("sleep 1000000", 5, "tool: `tool` did not end within 60 s of virtual time"),
        ("echo c > /proc/sysrq-trigger", 3, "kernel: the kernel panicked: not syncing: sysrq triggered crash"),
    ] {
        let (ended, text) = runs(tool, "no");
        assert_eq!(ended, Some(status), "{text}");
        let said = [
            expected,
            "  at:       ",
            "/tool.rs:",
            "  evidence: ",
            "  rerun:    mdlab run runs_a_tool --kernel debian:",
        ];
        let missing = said.iter().find(|said| !text.contains(**said));
        assert_eq!(missing, None, "{text}");
    }
}

/// A tool that fails in the grid is told and marked; where it fails on both of two machines alike nothing differs, and that is
/// said.
#[test]
fn tools_that_fail_on_several_machines() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let runs = |arguments: &[&str]| {
        let machine = ["runs_a_tool", "--mdadm", "debian:bookworm", "--kernel", "debian:bookworm"];
        let mut command = mdlab(folder.path());
        let output = command.args(arguments).args(machine).env("TOOL", "echo broken; exit 3").output().unwrap();
        (output.status.code(), printed(&output))
    };
    let (status, text) = runs(&["matrix"]);
    assert_eq!(status, Some(5), "{text}");
    for said in [
        "tool   runs_a_tool: expected `tool` to end with status 0, got: exit 3: broken\n  evidence: ",
        "  rerun:    mdlab run runs_a_tool --kernel debian:bookworm --mdadm debian:bookworm\n",
        " 1 tool *\n",
        "1 of 1 runs failed, see above",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (status, text) = runs(&["compare", "--kernel", "debian:bookworm"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("runs_a_tool, on both: fails, tool: expected `tool` to end with status 0"), "{text}");
    assert!(text.contains("; 1 fail alike on both\n"), "{text}");
}

/// Only what is a snapshot of mdlab's goes, and only if nothing needs it.
#[test]
fn snapshots_are_tidied() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let snapshots = folder.path().join("snapshots");
    let write = |path: &str| {
        std::fs::create_dir_all(snapshots.join(path).parent().unwrap()).unwrap();
        std::fs::write(snapshots.join(path), "---\nsource: tests/array.rs\n---\nmd0 stopped\n").unwrap();
    };
    let needed = ["creates_a_mirror/dmesg.snap", "creates_a_mirror/notes.snap", "array__insta.snap"];
    let needless = ["creates_a_mirror/dmesg@linux-6.1.snap", "was_renamed/dmesg.snap"];
    [&needed[..], &needless].concat().into_iter().for_each(write);
    // A scenario that is run only where somebody asks for it has snapshots all the same.
    std::fs::create_dir(folder.path().join(".config")).unwrap();
    let filter = "[profile.default]\ndefault-filter = 'not test(creates_a_mirror)'\n";
    std::fs::write(folder.path().join(".config/nextest.toml"), filter).unwrap();

    let output = mdlab(folder.path()).args(["snapshots", "tidy"]).output().unwrap();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("\n2 snapshots are removed\n"), "{text}");
    let is_there = |path: &&str| snapshots.join(path).exists();
    assert!(needed.iter().all(is_there) && !needless.iter().any(is_there), "{text}");
    assert!(!snapshots.join("was_renamed").exists());
}

#[test]
fn what_is_not_the_same_on_every_run_is_found() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let proves = |arguments: &[&str]| {
        let output = mdlab(folder.path()).arg("prove").args(arguments).output().unwrap();
        (output.status.code(), printed(&output))
    };
    let (status, text) = proves(&["asserts_itself", "--runs", "3"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("pass   asserts_itself: 3 of 3 as they should be, "), "{text}");
    // Another seed is another recording; one seed is one recording.
    let (status, text) = proves(&["asserts_itself", "--runs", "2", "--seeds", "2"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("pass   asserts_itself: 4 of 4 as they should be, "), "{text}");

    // What was not run, or recorded nothing, is not proven.
    let (status, text) = proves(&["asks_for_what_is_not_there", "--runs", "2"]);
    assert_eq!((status, text.contains("skip   asks_for_what_is_not_there: Linux ")), (Some(0), true), "{text}");
    assert!(text.contains("0 scenarios, 0 runs, 1 skipped"), "{text}");
    let (status, text) = proves(&["asks_for_no_guest", "--runs", "1"]);
    assert_eq!((status, text.contains("it recorded nothing")), (Some(2), true), "{text}");
    let (status, text) = proves(&["asserts_itself", "--accel", "auto"]);
    assert_eq!((status, text.contains("only `tcg` is the same on every run")), (Some(2), true), "{text}");

    let (status, text) = proves(&["depends_on_luck", "--runs", "3"]);
    assert_eq!(status, Some(1), "{text}");
    let said =
        ["drift  depends_on_luck: 1 of 3 as they should be", "step 1 `run`, syscalls, record ", "  rerun: mdlab prove"];
    assert!(said.iter().all(|said| text.contains(said)), "{text}");
    assert!(text.contains(" --runs 3\n"), "{text}");
    // Both recordings are kept.
    let evidence = text.lines().find_map(|line| line.strip_prefix("  evidence: ")).unwrap();
    let kept = ["first", "other"].map(|name| std::fs::read(format!("{evidence}/guest-1-{name}.json")).unwrap());
    assert_ne!(kept[0], kept[1]);

    // What was found is not lost with a run that is interrupted; nor is what somebody else has ended.
    let evidence = tempfile::tempdir().unwrap();
    let mut many = mdlab(folder.path());
    many.args(["prove", "depends_on_luck", "--runs", "10000"]).env("MDLAB_EVIDENCE", evidence.path());
    let run = many.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let kept = || evidence.path().read_dir().unwrap().flatten().map(|entry| entry.path());
    let kept = until(|| kept().find(|path| path.to_string_lossy().contains("/run-")));
    kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let ended = run.wait_with_output().unwrap();
    let text = printed(&ended);
    assert_eq!(ended.status.signal(), Some(Signal::SIGINT as i32), "{text}");
    let said = ["drift  depends_on_luck: 1 of ", " of 10000 runs were made: SIGINT came", &kept.display().to_string()];
    assert!(said.iter().all(|said| text.contains(said)), "{text}");

    let mut killed = mdlab(folder.path());
    let ended = killed.args(["prove", "may_be_killed", "--runs", "1"]).env("KILLED_BY", "KILL").output().unwrap();
    let text = printed(&ended);
    assert_eq!((ended.status.code(), text.contains("signal: 9 (SIGKILL)")), (Some(6), true), "{text}");
    let evidence = text.lines().find_map(|line| line.strip_prefix("  evidence: ")).unwrap();
    let output = std::fs::read_to_string(format!("{evidence}/output.log")).unwrap();
    assert!(output.contains("running 1 test"), "{output}");

    // The scenario has said where it is as well, before it was moved there.
    let mut denied = mdlab(folder.path());
    let ended =
        denied.args(["prove", "asserts_itself", "--runs", "1"]).env("EXPECTED_LEVEL", "raid0").output().unwrap();
    let text = printed(&ended);
    let named = text.lines().filter_map(|line| line.split_once("evidence: ")).map(|(_, path)| Path::new(path.trim()));
    let named: Vec<_> = named.collect();
    assert!(named.len() == 2 && named.iter().all(|path| path.is_dir()), "{text}");

    // Wherever in the workspace it is said, the command that lists the names is right.
    let mut nothing = mdlab(&folder.path().join("tests"));
    let ended = nothing.args(["prove", "nothing_is_called_so"]).output().unwrap();
    let text = printed(&ended);
    assert_eq!((ended.status.code(), text.contains("usage: no scenario's name contains `")), (Some(2), true), "{text}");
    let (_, manifest) = text.split_once("--manifest-path ").unwrap();
    assert!(Path::new(manifest.split(' ').next().unwrap()).is_file(), "{text}");
}
