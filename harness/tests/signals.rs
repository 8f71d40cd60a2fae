//! However mdlab ends, nothing of it is left: no QEMU, no file outside the cache and the target folder.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;

mod qemu;
mod until;
mod workspace;

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

/// Whether a process has ended; nobody may have asked how, and then it has no more than a number (proc(5)).
fn is_gone(process: Pid) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).map_or(true, |line| line.is_empty())
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
        until(|| is_gone(qemu).then_some(()));
        let left: Vec<_> = temporary.path().read_dir().unwrap().collect();
        assert!(left.is_empty(), "after {signal}: {left:?}");
    }
    assert!(Command::new(env!("CARGO_BIN_EXE_mdlab")).args(["trace", "true"]).output().unwrap().status.success());
}

/// Whoever ends it learns how far it got, and it ends by the signal.
#[test]
fn a_run_that_is_interrupted_says_so_and_leaves_nothing() {
    for (arguments, said) in [
        (["run", "resyncs", "--jobs", "1"].as_slice(), "mdlab: infra: not all scenarios were run: SIGINT came"),
        (&["prove", "resyncs", "--runs", "50"], " of 200 runs were made: SIGINT came"),
    ] {
        let evidence = tempfile::tempdir().unwrap();
        let mut command = workspace::mdlab(arguments);
        command.env("MDLAB_EVIDENCE", evidence.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        let run = command.spawn().unwrap();
        let qemu = until(|| qemu_of(run.id()));
        kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        let ended = run.wait_with_output().unwrap();
        assert_eq!(ended.status.signal(), Some(Signal::SIGINT as i32), "{}", workspace::said(&ended));
        assert!(workspace::said(&ended).contains(said), "{}", workspace::said(&ended));
        until(|| is_gone(qemu).then_some(()));
        let left = evidence.path().read_dir().unwrap().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("prove-")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// nohup(1) has a run go on when the terminal is gone.
#[test]
fn a_signal_that_its_starter_ignores_does_not_end_a_run() {
    let mut command = workspace::mdlab(&["prove", "stopped_already", "--runs", "4", "--jobs", "1"]);
    // SAFETY: signal(2) may be called between fork and exec (signal-safety(7)), and ignoring runs no code.
    unsafe { command.pre_exec(|| Ok(signal(Signal::SIGHUP, SigHandler::SigIgn).map(drop)?)) };
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| qemu_of(run.id()));
    kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
    let ended = run.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", workspace::said(&ended));
}

/// A program that takes the place of another, and never ends by itself.
fn endless(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\nexec sleep 1000\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

/// The process that a process has started.
fn child_of(parent: u32) -> Option<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let child = children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)?;
    std::fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name == "sleep\n").then_some(child)
}

/// apt would go on to fetch a hundred megabytes for nobody, and cargo to build.
#[test]
fn programs_that_mdlab_waits_for_end_with_it() {
    let metadata = r#"echo '{"packages": [{"name": "x", "dependencies": [{"name": "mdlab"}]}]}'"#;
    let listing = format!("case \"$1\" in metadata) {metadata}; exit;; esac");
    let cases = [("trace", "apt-get", ""), ("prove", "cargo", ""), ("prove", "cargo", listing.as_str())];
    for (command, program, script) in cases {
        let folder = tempfile::tempdir().unwrap();
        endless(folder.path(), program, script);
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut mdlab = Command::new(env!("CARGO_BIN_EXE_mdlab"))
            .args([command, "true"])
            // An empty cache, for which everything has to be fetched.
            .envs([("MDLAB_CACHE", folder.path().as_os_str()), ("PATH", path.as_ref())])
            .env_remove("MDLAB_DEBIAN_MIRROR")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let child = until(|| child_of(mdlab.id()));
        mdlab.kill().unwrap();
        mdlab.wait().unwrap();
        until(|| is_gone(child).then_some(()));
    }
}

/// Whether a process is at work in a folder.
fn is_in_use(folder: &Path) -> bool {
    let processes = Path::new("/proc").read_dir().unwrap().flatten();
    processes.filter_map(|process| process.path().join("cwd").read_link().ok()).any(|place| place.starts_with(folder))
}

/// cargo-nextest has cargo build, and passes no signal on to it: that is left to whether it can still say what it has
/// built.
#[test]
fn a_build_goes_no_further_once_mdlab_has_ended() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().canonicalize().unwrap();
    let package = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{rest}");
    // Busy until mdlab has been killed.
    let busy = "fn main() {
        std::fs::write(\"../begun\", \"\").unwrap();
        while !std::fs::exists(\"../killed\").unwrap() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }";
    for (path, text) in [
        ("Cargo.toml", "[workspace]\nmembers = [\"first\", \"second\"]\nresolver = \"3\"\n".to_owned()),
        ("first/Cargo.toml", package("mdlab", "")),
        ("first/build.rs", busy.to_owned()),
        ("first/src/lib.rs", String::new()),
        ("second/Cargo.toml", package("second", "[dependencies]\nmdlab = { path = \"../first\" }\n")),
        ("second/src/lib.rs", String::new()),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut mdlab = Command::new(env!("CARGO_BIN_EXE_mdlab"))
        .args(["prove", "any"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until(|| folder.join("begun").exists().then_some(()));
    mdlab.kill().unwrap();
    mdlab.wait().unwrap();
    std::fs::write(folder.join("killed"), "").unwrap();
    until(|| (!is_in_use(&folder)).then_some(()));
    let built = folder.join("target/debug/deps").read_dir().unwrap().flatten().map(|entry| entry.file_name());
    let second: Vec<_> = built.filter(|name| name.to_string_lossy().starts_with("second")).collect();
    assert!(second.is_empty(), "{second:?}");
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
