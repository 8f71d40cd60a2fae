//! A real kernel, kept and forked, with a guest that knows nothing of md.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::time::Duration;

use mdlab_vm::{Cache, Class, Kept, Limits, Report, plainly};

mod echo;

fn kept_with(limits: Limits) -> Kept {
    echo::keep(&Cache::open().unwrap(), limits, &mut plainly("test")).unwrap()
}

fn kept() -> Kept {
    kept_with(Limits { call: Duration::from_secs(20), ..Limits::default() })
}

#[test]
fn a_fork_answers() {
    let kept = kept();
    for _ in 0..3 {
        let mut fork = kept.fork().unwrap();
        assert_eq!(fork.receive().unwrap(), b"ready");
        fork.answer(b"hello".to_vec()).unwrap();
        assert_eq!(fork.receive().unwrap(), b"olleh");
    }
}

/// What the README shows works as it stands there.
#[test]
fn the_example_forks_a_machine() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(include_str!("../examples/fork.rs")));
    let examples = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples");
    let output = std::process::Command::new(examples.join("fork")).arg(echo::program()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(readme.contains(&format!("/echo\n{said}```")) && !said.is_empty(), "{said}");
}

#[test]
fn no_time_passes_at_the_bell() {
    let mut fork = kept().fork().unwrap();
    fork.receive().unwrap();
    let mut ticks = Vec::new();
    for round in 0..40 {
        if round % 4 == 0 {
            std::thread::sleep(Duration::from_millis(round * 3));
        }
        fork.answer(vec![0; 8]).unwrap();
        fork.receive().unwrap();
        ticks.push(fork.ring_ticks());
    }
    ticks.dedup();
    assert_eq!(ticks.len(), 1, "{ticks:?}");
}

/// More machines than processors, so that each of QEMU's threads is stopped anywhere (see `IN_TURN` in `arguments.rs`).
#[test]
fn naps_take_as_long_on_a_busy_host() {
    let kept = kept();
    let nap = || {
        let mut fork = kept.fork().unwrap();
        fork.receive().unwrap();
        fork.answer(b"nap".to_vec()).unwrap();
        fork.receive().unwrap()
    };
    let ends: Vec<_> = std::thread::scope(|scope| {
        let machines: Vec<_> = (0..6).map(|_| scope.spawn(|| (0..6).map(|_| nap()).collect::<Vec<_>>())).collect();
        machines.into_iter().flat_map(|machine| machine.join().unwrap()).collect()
    });
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[test]
fn a_qemu_that_is_killed_is_not_the_kernel_s_fault() {
    let mut fork = kept().fork().unwrap();
    fork.receive().unwrap();
    let qemu = nix::unistd::Pid::from_raw(fork.process_id().try_into().unwrap());
    nix::sys::signal::kill(qemu, nix::sys::signal::Signal::SIGKILL).unwrap();
    let error = fork.answer(b"hello".to_vec()).and_then(|()| fork.receive()).unwrap_err();
    assert_eq!(error.class, Class::Infra, "{error}");
    assert!(error.message.contains("QEMU has gone: signal: 9"), "{error}");
}

#[test]
fn a_guest_that_spins_is_the_kernel_s_fault() {
    let limits = Limits { call: Duration::from_secs(1), ..Limits::default() };
    let mut fork = kept_with(limits).fork().unwrap();
    fork.receive().unwrap();
    fork.answer(b"spin".to_vec()).unwrap();
    let error = fork.receive().unwrap_err();
    assert_eq!(error.class, Class::Kernel, "{error}");
    assert!(error.message.starts_with("the guest was not heard of within 1 s of wall time; it was inter"), "{error}");
    // It shows what it was running, and all its tasks.
    let console = error.console.unwrap_or_default();
    let reports = Report::on_console(&console);
    let shown = reports.iter().any(|report| report.kind == "a panic" && report.text.contains("RIP: 0033:"));
    assert!(shown && console.contains("task:kthreadd"), "{console}");
}

#[test]
fn a_qemu_that_is_stopped_is_not_the_kernel_s_fault() {
    let limits = Limits { call: Duration::from_secs(1), ..Limits::default() };
    let mut fork = kept_with(limits).fork().unwrap();
    fork.receive().unwrap();
    fork.answer(b"spin".to_vec()).unwrap();
    let qemu = nix::unistd::Pid::from_raw(fork.process_id().try_into().unwrap());
    nix::sys::signal::kill(qemu, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let error = fork.receive().unwrap_err();
    assert_eq!(error.class, Class::Infra, "{error}");
    assert!(error.message.contains(&format!("somebody has stopped QEMU, process {qemu}")), "{error}");
}

#[test]
fn a_panic_is_the_kernel_s_fault_and_shows_its_console() {
    let mut fork = kept().fork().unwrap();
    fork.receive().unwrap();
    fork.answer(b"panic".to_vec()).unwrap();
    let error = fork.receive().unwrap_err();
    assert_eq!(error.class, Class::Kernel, "{error}");
    assert!(error.console.as_ref().is_some_and(|console| console.contains("Kernel panic")), "{:?}", error.console);
}
