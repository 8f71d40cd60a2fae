//! However mdlab ends, nothing of it is left: no QEMU, no file outside the cache and the target folder.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mdlab_vm::Cache;
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

/// Puts the machine into the cache: before that, the one that is seen is booting.
fn has_a_machine() {
    assert!(Command::new(env!("CARGO_BIN_EXE_mdlab")).args(["trace", "true"]).output().unwrap().status.success());
}

#[test]
fn nothing_is_left_of_a_run_that_was_ended() {
    has_a_machine();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let temporary = tempfile::tempdir().unwrap();
        let (mut mdlab, qemu) = spinning(temporary.path());
        kill(Pid::from_raw(mdlab.id().try_into().unwrap()), signal).unwrap();
        mdlab.wait().unwrap();
        until(|| is_gone(qemu).then_some(()));
        let left: Vec<_> = temporary.path().read_dir().unwrap().collect();
        assert!(left.is_empty(), "after {signal}: {left:?}");
    }
    has_a_machine();
}

/// Whoever ends it learns that not all was run, and it ends by the signal.
#[test]
fn a_run_that_is_interrupted_says_so_and_leaves_nothing() {
    has_a_machine();
    let machine = ["--mdadm", "debian:bookworm", "--kernel", "debian:bookworm"];
    for (command, more, expected) in [
        ("run", &[][..], "not all scenarios were run: SIGINT came"),
        ("matrix", &machine, " runs were made: SIGINT came"),
        ("compare", &[&machine[..], &machine[2..]].concat(), "not all runs were made: SIGINT came"),
    ] {
        let mut command = workspace::mdlab(&[&[command, "resyncs", "--jobs", "1"], more].concat());
        let evidence = tempfile::tempdir().unwrap();
        command.env("MDLAB_EVIDENCE", evidence.path());
        let run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let qemu = until(|| qemu_of(run.id()));
        kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        let ended = run.wait_with_output().unwrap();
        let said = workspace::said(&ended);
        assert_eq!(ended.status.signal(), Some(Signal::SIGINT as i32), "{said}");
        assert!(said.contains(expected), "{said}");
        until(|| is_gone(qemu).then_some(()));
        let left = evidence.path().join("scratch").read_dir().into_iter().flatten().flatten();
        assert_eq!(left.map(|entry| entry.path()).collect::<Vec<_>>(), Vec::<PathBuf>::new(), "{said}");
    }
}

/// It says how far it got, and does not wait for what would have come to no end.
#[test]
fn a_proof_that_is_interrupted_ends_at_once_and_leaves_nothing() {
    has_a_machine();
    // Its own cache: whoever has booted a machine is interrupted as well.
    let (cache, evidence) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(Cache::open().unwrap().path("packages"), cache.path().join("packages")).unwrap();
    let mut command = workspace::mdlab(&["prove", "resyncs", "--runs", "50"]);
    command.envs([("MDLAB_CACHE", cache.path()), ("MDLAB_EVIDENCE", evidence.path())]).env("MDLAB_PATIENCE", "100000");
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let scratch = evidence.path().join("scratch");
    until(|| scratch.read_dir().ok()?.next().map(drop));
    let qemu = until(|| qemu_of(run.id()).filter(|qemu| kill(*qemu, Signal::SIGSTOP).is_ok()));
    kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let ended = until(|| run.try_wait().unwrap());
    let said = std::io::read_to_string(run.stderr.take().unwrap()).unwrap();
    assert_eq!(ended.signal(), Some(Signal::SIGINT as i32), "{said}");
    assert!(said.contains(" of 200 runs were made: SIGINT came"), "{said}");
    until(|| is_gone(qemu).then_some(()));
    let left = |folder: &Path| folder.read_dir().unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    assert_eq!((left(&scratch), left(evidence.path())), (vec![], vec!["scratch".into()]));
}

/// The terminal is gone by then, and with it whom it could be said to.
#[test]
fn a_run_that_nobody_listens_to_ends_by_its_signal() {
    has_a_machine();
    let mut run = workspace::mdlab(&["prove", "resyncs", "--runs", "50"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| qemu_of(run.id()));
    drop(run.stderr.take());
    kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(Signal::SIGHUP as i32));
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
    let metadata = r#"echo '{"packages": [{"name": "x", "manifest_path": "/x/Cargo.toml", "dependencies": [{"name": "mdlab"}]}]}'"#;
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
