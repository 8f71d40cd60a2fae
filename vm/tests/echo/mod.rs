//! The machine of these tests: Debian's kernel with a PID 1 that echoes.

use std::path::PathBuf;
use std::sync::OnceLock;

use mdlab_vm::{AccelChoice, Cache, Digest, Kept, Kernel, KernelSource, Limits, Notice, Qemu, RamDisk, Recipe, Result};
use xshell::{Shell, cmd};

/// The echoing PID 1, built static.
pub(crate) fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let shell = Shell::new().unwrap();
        shell.set_var("RUSTFLAGS", "-C target-feature=+crt-static");
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest");
        let cargo = env!("CARGO");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/mailbox/Cargo.toml");
        let triple = "x86_64-unknown-linux-gnu";
        cmd!(shell, "{cargo} build --quiet --release --example echo --manifest-path {manifest} --target {triple} --target-dir {target}")
            .quiet()
            .run()
            .unwrap();
        target.join(triple).join("release/examples/echo")
    })
}

fn find(cache: &Cache, notice: Notice) -> Result<Kernel> {
    let source: KernelSource = "debian:bookworm".parse().unwrap();
    Kernel::find(&source, cache, notice)
}

/// Keeps the machine.
pub(crate) fn keep(cache: &Cache, limits: Limits, notice: Notice) -> Result<Kept> {
    let kernel = find(cache, notice)?;
    let ram_disk = || {
        let mut disk = RamDisk::new();
        disk.file("init", std::fs::read(program()).unwrap(), 0o755);
        disk.folder("dev");
        disk.build()
    };
    let ingredients = Digest::of_file(program())?.to_string();
    let recipe =
        Recipe { qemu: Qemu::find()?, kernel: &kernel, title: "echo".into(), ingredients, ram_disk: &ram_disk, limits };
    recipe.keep(cache, AccelChoice::Tcg, notice)
}
