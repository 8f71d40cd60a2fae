//! `ci/leaving-nothing` fails if something is left of a command, and only then.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Runs a script below it; returns its status, and what it complained of.
fn leaving(script: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/leaving-nothing");
    // A shell complains of a language that this host lacks.
    let output = Command::new(program).args(["sh", "-c", script]).env("LC_ALL", "C").output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_command_that_leaves_nothing_has_its_own_status() {
    // What is about to end has a moment for it, and what a command has removed is not left.
    let brief = "touch \"$TMPDIR/file\"; rm \"$TMPDIR/file\"; (sleep 1 > /dev/null 2>&1 &); ";
    for (script, status) in [("true", 0), ("exit 3", 3), (brief, 0)] {
        assert_eq!(leaving(script), (Some(status), String::new()), "{script}");
    }
}

#[test]
fn a_file_that_is_left_is_named() {
    for (end, expected) in [("true", 1), ("exit 3", 3)] {
        let (status, complaint) = leaving(&format!("mkdir \"$TMPDIR/folder\"; {end}"));
        assert_eq!(status, Some(expected), "{complaint}");
        assert!(complaint.trim_end().ends_with("/tmp/folder"), "{complaint}");
    }
}

/// However far below the command it was started.
#[test]
fn a_process_that_is_left_is_named() {
    let (status, complaint) = leaving("(sleep 1000 > /dev/null 2>&1 &)");
    let line = complaint.lines().find_map(|line| line.strip_prefix("  process "));
    let (process, name) = line.and_then(|line| line.split_once(": ")).unwrap_or_else(|| panic!("{complaint}"));
    kill(Pid::from_raw(process.parse().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!((status, name), (Some(1), "sleep 1000 "));
}
