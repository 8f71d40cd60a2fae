//! Nothing is left of runs that were killed. It is alone in its program: whatever child this process has is one of them.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};

mod qemu;
mod until;
mod workspace;

use qemu::qemu_of;
use until::until;
use workspace::{mdlab, said};

/// Runs that are killed, how many are at work at the same time, and how long the longest may last: a scenario is at work then,
/// on any host.
const KILLED: usize = 50;
const TOGETHER: usize = 5;
const LONGEST: Duration = Duration::from_secs(4);

/// Those of them that must have had a machine when they were killed: with fewer, little would have been proven.
const WITH_MACHINE: usize = KILLED / 4;

/// What is killed, in turns.
const VICTIMS: [&[&str]; 2] = [&["run"], &["prove", "mirror", "--runs", "50", "--jobs", "2"]];

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
    let first = mdlab(&["run", "mirror"]).output().unwrap();
    assert!(first.status.success(), "{}", said(&first));
    let mut random = fastrand::Rng::with_seed(4);
    let mut with_machine = 0;
    for _ in 0..KILLED / TOGETHER {
        let temporary = tempfile::tempdir().unwrap();
        let start = |turn: usize| {
            let mut command = mdlab(VICTIMS[turn % VICTIMS.len()]);
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
            if let Some(qemu) = qemu_of(run.id()) {
                with_machine += 1;
                // It would end by itself once nobody answers it, and prove nothing; like this it has to be killed.
                let _ = kill(qemu, Signal::SIGSTOP);
            }
            run.kill().unwrap();
            run.wait().unwrap();
        }
        childless();
        assert_eq!(names(temporary.path()), [""; 0]);
    }
    let found = format!("{with_machine} of {KILLED} runs had a machine when they were killed");
    assert!(with_machine >= WITH_MACHINE, "{found}, expected {WITH_MACHINE} at least");
    println!("{found}");
    let last = mdlab(&["run", "mirror"]).output().unwrap();
    assert!(last.status.success(), "{}", said(&last));
}
