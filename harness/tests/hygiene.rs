//! Nothing is left of runs that were killed. It is alone in its program: whatever child this process has is one of them.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::Path;
use std::process::{Child, Stdio};
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

/// Runs that are killed, and how many are at work at the same time.
const KILLED: usize = 50;
const TOGETHER: usize = 5;

/// Every other time, they are killed so long after their start at the most: many before they have a machine, on a slow
/// host all.
const FROM_START: Duration = Duration::from_secs(4);

/// The other times they are killed once they have a machine, so long after it was first seen at the most.
const FROM_MACHINE: Duration = Duration::from_millis(500);

/// Those that are killed once they have a machine, less those whose machine ends at that very instant: with fewer,
/// little would have been proven.
const WITH_MACHINE: usize = KILLED / 2 - KILLED / 10;

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

/// Kills a run, and says whether it had a machine.
fn end(mut run: Child) -> bool {
    let stopped = qemu_of(run.id()).is_some_and(|qemu| {
        // It would end by itself once nobody answers it, and prove nothing; like this it has to be killed.
        kill(qemu, Signal::SIGSTOP).is_ok()
    });
    run.kill().unwrap();
    run.wait().unwrap();
    stopped
}

#[test]
fn nothing_is_left_of_runs_that_are_killed_at_any_instant() {
    // Whoever outlives its parent becomes this process's child.
    set_child_subreaper(true).unwrap();
    let first = mdlab(&["run", "mirror"]).output().unwrap();
    assert!(first.status.success(), "{}", said(&first));
    let mut random = fastrand::Rng::with_seed(4);
    let mut instant = |limit: Duration| Duration::from_micros(random.u64(0..limit.as_micros() as u64));
    let mut with_machine = 0;
    for turn in 0..KILLED / TOGETHER {
        let temporary = tempfile::tempdir().unwrap();
        let start = |turn: usize| {
            let mut command = mdlab(VICTIMS[turn % VICTIMS.len()]);
            command.env("TMPDIR", temporary.path()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        let runs: Vec<_> = (0..TOGETHER).map(start).collect();
        if turn % 2 == 0 {
            let began = Instant::now();
            let mut instants: Vec<_> = runs.iter().map(|_| instant(FROM_START)).collect();
            instants.sort();
            for (run, instant) in runs.into_iter().zip(instants) {
                std::thread::sleep(instant.saturating_sub(began.elapsed()));
                end(run);
            }
        } else {
            for run in runs {
                until(|| qemu_of(run.id()));
                std::thread::sleep(instant(FROM_MACHINE));
                // One scenario's may have ended, and the next one's not yet begun.
                until(|| qemu_of(run.id()));
                with_machine += usize::from(end(run));
            }
        }
        childless();
        assert_eq!(names(temporary.path()), [""; 0]);
    }
    let found = format!("{with_machine} of {} runs had a machine when they were killed", KILLED / 2);
    assert!(with_machine >= WITH_MACHINE, "{found}, expected {WITH_MACHINE} at least");
    println!("{found}");
    let last = mdlab(&["run", "mirror"]).output().unwrap();
    assert!(last.status.success(), "{}", said(&last));
}
