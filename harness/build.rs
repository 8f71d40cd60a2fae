//! Builds the guest's agent, static, and has the harness embed it: `cargo build` gives one self-contained `mdlab`.
//!
//! It is a build of its own because the agent needs other flags than the harness, and cargo's artifact dependencies are
//! not stable.

use std::error::Error;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() -> Result<(), Box<dyn Error>> {
    let harness = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let root = harness.parent().ok_or("find the workspace of the harness")?;
    // One for all ways to build the harness, of which each has an OUT_DIR of its own: `PROFILE/build/mdlab-HASH/out`.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let target = out.ancestors().nth(3).ok_or("find the folder of the profile above OUT_DIR")?.join("agent");
    for source in ["harness/agent", "harness/metadata", "harness/protocol", "vm/mailbox", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let shell = Shell::new()?;
    shell.set_var("CARGO_ENCODED_RUSTFLAGS", flags(root).join("\x1f"));
    let cargo = std::env::var("CARGO")?;
    let manifest = harness.join("agent/Cargo.toml");
    cmd!(shell, "{cargo} build --profile agent --manifest-path {manifest} --target {TARGET} --target-dir {target}")
        // Set while clippy runs: it would check the agent instead of building it.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .quiet()
        .run()?;
    let agent = target.join(TARGET).join("agent/mdlab-agent");
    println!("cargo::rustc-env=MDLAB_AGENT={}", agent.display());
    Ok(())
}

/// Static, and without the paths of this machine, so that the same source gives the same agent wherever it is built.
fn flags(root: &Path) -> Vec<String> {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let known = [(Some(root.display().to_string()), "/mdlab"), (home.ok(), "/cargo")];
    flags.extend(known.into_iter().filter_map(|(path, name)| Some(format!("--remap-path-prefix={}={name}", path?))));
    flags
}
