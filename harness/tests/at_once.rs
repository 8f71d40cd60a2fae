//! Runs at the same time do not get into each other's way.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Output, Stdio};

use mdlab_vm::Cache;

mod workspace;

use workspace::{mdlab, said};

/// Runs at the same time.
const AT_ONCE: usize = 20;

#[test]
fn twenty_runs_at_once_boot_once() {
    let users = Cache::open().unwrap();
    mdlab::Laboratory::open(&mdlab::Choice::from_environment().unwrap(), &mut |_| {}).unwrap();
    // Beside the user's cache: it must not be on another file system.
    let folder = tempfile::tempdir_in(users.path("")).unwrap();
    symlink(users.path("packages"), folder.path().join("packages")).unwrap();
    let start = || {
        let mut command = mdlab(&["run", "mirror::creates_and_stops::tool_1"]);
        command.env("MDLAB_CACHE", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let runs: Vec<_> = (0..AT_ONCE).map(|_| start()).collect();
    let outputs: Vec<Output> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
    let failed = outputs.iter().find(|output| !output.status.success());
    assert!(failed.is_none(), "{}", said(failed.unwrap()));
    let booted = outputs.iter().filter(|output| {
        said(output).contains("mdlab: booting debian:bookworm with mdadm debian:bookworm under tcg, once\n")
    });
    assert_eq!(booted.count(), 1);
    assert_eq!(fs::read_dir(folder.path().join("kept")).unwrap().count(), 1);
}
