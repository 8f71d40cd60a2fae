//! A real kernel, kept and forked, with a guest that knows nothing of md.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mdlab_vm::{AccelChoice, Cache, Class, Digest, Kept, Kernel, KernelSource, Limits, Qemu, RamDisk, Recipe};
use xshell::{Shell, cmd};

/// The echoing PID 1, built static.
fn echo() -> &'static PathBuf {
    static ECHO: OnceLock<PathBuf> = OnceLock::new();
    ECHO.get_or_init(|| {
        let shell = Shell::new().unwrap();
        shell.set_var("RUSTFLAGS", "-C target-feature=+crt-static");
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest");
        let cargo = env!("CARGO");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/mailbox/Cargo.toml");
        let triple = "x86_64-unknown-linux-gnu";
        cmd!(shell, "{cargo} build --quiet --release --example echo --manifest-path {manifest} --target {triple} --target-dir {target}")
            .run()
            .unwrap();
        target.join(triple).join("release/examples/echo")
    })
}

fn keep(cache: &Cache, limits: Limits) -> mdlab_vm::Result<Kept> {
    let source: KernelSource = "debian:bookworm".parse().unwrap();
    let mut notice = |text: &str| eprintln!("{text}");
    let kernel = Kernel::find(&source, cache, &mut notice)?;
    let ram_disk = || {
        let mut disk = RamDisk::new();
        disk.file("init", std::fs::read(echo()).unwrap(), 0o755);
        disk.folder("dev");
        Ok(disk)
    };
    let ingredients = Digest::of_file(echo())?.to_string();
    Recipe { qemu: Qemu::find()?, kernel: &kernel, ingredients, ram_disk: &ram_disk, limits }.keep(
        cache,
        AccelChoice::Tcg,
        &mut notice,
    )
}

fn kept() -> Kept {
    keep(&Cache::open().unwrap(), Limits { call: Duration::from_secs(20), ..Limits::default() }).unwrap()
}

#[test]
fn a_fork_answers() {
    let kept = kept();
    for _ in 0..3 {
        let begin = Instant::now();
        let mut fork = kept.fork().unwrap();
        assert_eq!(fork.receive().unwrap(), b"ready");
        eprintln!("fork {:?}", begin.elapsed());
        fork.answer(b"hello".to_vec()).unwrap();
        assert_eq!(fork.receive().unwrap(), b"olleh");
    }
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

#[test]
fn a_guest_that_spins_is_the_kernel_s_fault() {
    let limits = Limits { call: Duration::from_secs(1), ..Limits::default() };
    let mut fork = keep(&Cache::open().unwrap(), limits).unwrap().fork().unwrap();
    fork.receive().unwrap();
    fork.answer(b"spin".to_vec()).unwrap();
    let error = fork.receive().unwrap_err();
    assert_eq!(
        (error.class, error.message.as_str()),
        (Class::Kernel, "the guest was not heard of within 1 s of wall time")
    );
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
