//! However mdlab ends, nothing of it is left: no QEMU, no file outside the cache and the target folder.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod qemu;
mod until;

use qemu::qemu_of;
use until::until;

/// A run that spins in its guest until it is ended.
fn spinning(temporary: &Path) -> (Child, Pid) {
    let child = Command::new(env!("CARGO_BIN_EXE_mdlab"))
        .args(["trace", "sh -c 'while :; do :; done'"])
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let qemu = until(|| qemu_of(child.id()));
    (child, qemu)
}

#[test]
fn nothing_is_left_of_a_run_that_was_ended() {
    // The machine is in the cache before a run is ended in it.
    assert!(Command::new(env!("CARGO_BIN_EXE_mdlab")).args(["trace", "true"]).output().unwrap().status.success());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let temporary = tempfile::tempdir().unwrap();
        let (mut mdlab, qemu) = spinning(temporary.path());
        kill(Pid::from_raw(mdlab.id().try_into().unwrap()), signal).unwrap();
        mdlab.wait().unwrap();
        until(|| (!Path::new(&format!("/proc/{qemu}")).exists()).then_some(()));
        let left: Vec<_> = temporary.path().read_dir().unwrap().collect();
        assert!(left.is_empty(), "after {signal}: {left:?}");
    }
    assert!(Command::new(env!("CARGO_BIN_EXE_mdlab")).args(["trace", "true"]).output().unwrap().status.success());
}

#[test]
fn qemu_runs_unprivileged_and_without_a_network() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut mdlab, qemu) = spinning(temporary.path());
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{qemu}/{name}")).unwrap();
    let status = read("status");
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(!line("Uid:").split_whitespace().skip(1).any(|uid| uid == "0"), "{status}");
    assert_eq!(line("CapEff:").split_whitespace().last(), Some("0000000000000000"));
    let arguments = read("cmdline");
    assert!(arguments.contains("-nodefaults") && !arguments.contains("netdev"), "{arguments}");
    mdlab.kill().unwrap();
    mdlab.wait().unwrap();
}
