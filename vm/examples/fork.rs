//! Boots Debian's kernel once, with a program of one's own as its PID 1, and forks the machine for each word.

use mdlab_vm::{AccelChoice, Cache, Digest, Error, Kernel, Limits, Qemu, RamDisk, Recipe, Result, plainly};

fn main() -> Result<()> {
    let init = std::env::args().nth(1).ok_or_else(|| Error::usage("name a static program that is to be PID 1"))?;
    let init = std::fs::read(&init).map_err(|error| Error::usage(format!("read `{init}`: {error}")))?;
    let (cache, notice) = (Cache::open()?, &mut plainly("fork"));
    let kernel = Kernel::find(&"debian:bookworm".parse().map_err(Error::usage)?, &cache, notice)?;
    let ram_disk = || {
        let mut disk = RamDisk::new();
        disk.file("init", init.clone(), 0o755);
        disk.folder("dev");
        disk.build()
    };
    let recipe = Recipe {
        qemu: Qemu::find()?,
        kernel: &kernel,
        title: "Debian's kernel and an echo".into(),
        ingredients: Digest::of(&init).to_string(),
        ram_disk: &ram_disk,
        limits: Limits::default(),
    };
    let kept = recipe.keep(&cache, AccelChoice::Tcg, notice)?;
    for word in ["hello", "forks"] {
        let mut fork = kept.fork()?;
        fork.receive()?;
        fork.answer(word.into())?;
        println!("{word}: {}", String::from_utf8_lossy(&fork.receive()?));
    }
    Ok(())
}
