//! Hosts that fail: QEMU is killed or stopped, a disk is full.

use std::process::Stdio;

use mdlab::Class;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ended::{Ended, ends, trace};
use crate::mounts::in_own_mounts;
use crate::qemu::qemu_of;
use crate::until::until;

/// Processor time that only a guest at work takes, in clock ticks: two seconds, where a fork is ready in a tenth of one.
const AT_WORK: u64 = 200;

/// What a process has used in user mode: field 14 of /proc/PID/stat (proc(5)).
fn processor_time(process: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    fields.split(' ').nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

/// A run whose QEMU gets a signal while its guest is at work.
fn signalled(signal: Signal) -> Ended {
    let mut command = trace(&["sh -c 'while :; do :; done'"]);
    let command = command.env("MDLAB_PATIENCE", "10").stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = command.spawn().unwrap();
    let qemu: Pid = until(|| qemu_of(run.id()));
    until(|| (processor_time(qemu) > AT_WORK).then_some(()));
    kill(qemu, signal).unwrap();
    Ended::of(&run.wait_with_output().unwrap())
}

#[test]
fn a_qemu_that_is_killed() {
    signalled(Signal::SIGKILL).is(Class::Infra, "QEMU has gone: signal: 9 (SIGKILL)").has_evidence();
}

#[test]
fn a_qemu_that_is_stopped() {
    signalled(Signal::SIGSTOP).is(Class::Infra, "").says("somebody has stopped QEMU, process ").has_evidence();
}

#[test]
fn a_cache_without_room() {
    let users = mdlab_vm::Cache::open().unwrap();
    mdlab::Laboratory::open(&mdlab::Choice::from_environment().unwrap(), &mut |_| {}).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mounts = "mount -t tmpfs -o size=4m none \"$CACHE\"";
    let script = "ln -s \"$PACKAGES\" \"$CACHE/packages\"
        MDLAB_CACHE=\"$CACHE\" \"$MDLAB\" trace true";
    let packages = users.path("packages");
    let Some(told) = in_own_mounts(mounts, script, &[("CACHE", folder.path()), ("PACKAGES", &packages)]) else {
        return;
    };
    told.is(Class::Infra, "write `").says("No space left on device").says("  rerun:    mdlab trace");
}

#[test]
fn evidence_without_room() {
    let folder = tempfile::tempdir().unwrap();
    let mounts = "mount -t tmpfs -o size=4k none \"$FULL\"";
    let script = "CARGO_TARGET_DIR=\"$FULL\" \"$MDLAB\" trace 'sh -c \"cat /proc/kallsyms; exit 1\"'";
    let Some(told) = in_own_mounts(mounts, script, &[("FULL", folder.path())]) else { return };
    told.says("mdlab: infra: ")
        .says("No space left on device")
        // What happened is said all the same.
        .is(Class::Tool, "expected `sh -c ");
}

/// Guests' memory lies in files without names, which need no room there.
#[test]
fn shared_memory_without_room() {
    let mounts = "mount -t tmpfs -o size=4k none /dev/shm
        head -c 4096 /dev/zero > /dev/shm/full";
    let Some(told) = in_own_mounts(mounts, "\"$MDLAB\" trace true", &[]) else { return };
    assert_eq!(told.complaint, "");
}

#[test]
fn a_standard_output_without_room() {
    let mut command = trace(&["true"]);
    command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    ends(command).is(Class::Infra, "write to the standard output: No space left on device");
}
