//! A crate of another repository that has scenarios of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

/// Lays the crate out in an empty folder.
pub(crate) fn lay_out(folder: &Path) {
    let harness = env!("CARGO_MANIFEST_DIR");
    let manifest = include_str!("Cargo.toml.in").replace("@HARNESS@", harness);
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    for (name, text) in [
        ("array.rs", include_str!("array.rs")),
        ("tool.rs", include_str!("tool.rs")),
        ("luck.rs", include_str!("luck.rs")),
    ] {
        std::fs::write(folder.join("tests").join(name), text).unwrap();
    }
    // The same versions as here: nothing is resolved anew.
    std::fs::copy(Path::new(harness).join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

/// mdlab, in the crate's folder.
pub(crate) fn mdlab(folder: &Path) -> Command {
    // Kept from run to run: building mdlab takes far longer than the scenario.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.current_dir(folder).env("CARGO_TARGET_DIR", target);
    // Set by the cargo that runs this test, and about another package.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST").env_remove("RUSTFLAGS");
    command
}

/// Tests build a package of one name into one folder, where one's programs would take the place of the other's.
pub(crate) fn alone() -> File {
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// All that a program printed.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}
