//! Nothing is left of runs that were killed, and runs at the same time do not get into each other's way.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mdlab_vm::Cache;
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, waitpid};

mod until;

use until::until;

/// Runs that are killed, how many are at work at the same time, and how long the longest may last: a scenario is at work then,
/// on any host.
const KILLED: usize = 50;
const TOGETHER: usize = 5;
const LONGEST: Duration = Duration::from_secs(4);

/// Runs at the same time.
const AT_ONCE: usize = 20;

/// `mdlab run` of this project's own scenarios.
fn run(filter: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.arg("run").args(filter).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios"));
    // Set by the cargo that runs this test, and about another package.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST").env("INSTA_UPDATE", "no");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// Waits until this process has no child any more, of whom orphans are some.
fn childless() {
    until(|| match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(Errno::ECHILD) => Some(()),
        _ => None,
    });
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn nothing_is_left_of_runs_that_are_killed_at_any_instant() {
    // Whoever outlives its parent becomes this process's child.
    set_child_subreaper(true).unwrap();
    let first = run(&["mirror"]).output().unwrap();
    assert!(first.status.success(), "{}", said(&first));
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..KILLED / TOGETHER {
        let temporary = tempfile::tempdir().unwrap();
        let start = |_| {
            let mut command = run(&[]);
            command.env("TMPDIR", temporary.path()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        let instant = |_| Duration::from_micros(random.u64(0..LONGEST.as_micros() as u64));
        let mut instants: Vec<_> = (0..TOGETHER).map(instant).collect();
        instants.sort();
        let runs: Vec<_> = (0..TOGETHER).map(start).collect();
        let began = Instant::now();
        for (mut run, instant) in runs.into_iter().zip(instants) {
            std::thread::sleep(instant.saturating_sub(began.elapsed()));
            run.kill().unwrap();
            run.wait().unwrap();
        }
        childless();
        assert_eq!(names(temporary.path()), [""; 0]);
    }
    let last = run(&["mirror"]).output().unwrap();
    assert!(last.status.success(), "{}", said(&last));
}

#[test]
fn twenty_runs_at_once_boot_once() {
    let users = Cache::open().unwrap();
    mdlab::Laboratory::open(&mdlab::Choice::from_environment().unwrap(), &mut |_| {}).unwrap();
    // Beside the user's cache: it must not be on another file system.
    let folder = tempfile::tempdir_in(users.path("")).unwrap();
    symlink(users.path("packages"), folder.path().join("packages")).unwrap();
    let start = || {
        let mut command = run(&["mirror::creates_and_stops::tool_1"]);
        command.env("MDLAB_CACHE", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let runs: Vec<_> = (0..AT_ONCE).map(|_| start()).collect();
    let outputs: Vec<Output> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
    let failed = outputs.iter().find(|output| !output.status.success());
    assert!(failed.is_none(), "{}", said(failed.unwrap()));
    let booted = outputs.iter().filter(|output| said(output).contains("booting debian:"));
    assert_eq!(booted.count(), 1);
    assert_eq!(fs::read_dir(folder.path().join("kept")).unwrap().count(), 1);
}
