//! A crate of another repository that has scenarios of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

/// Lays the crate out in an empty folder.
pub(crate) fn lay_out(folder: &Path) {
    let harness = env!("CARGO_MANIFEST_DIR");
    let manifest = include_str!("Cargo.toml.in").replace("@HARNESS@", harness);
    // With the same profiles what mdlab needs is not built anew.
    let (_, profiles) = include_str!("../../../Cargo.toml").split_once("[profile.dev]").unwrap();
    std::fs::write(folder.join("Cargo.toml"), format!("{manifest}\n[profile.dev]{profiles}")).unwrap();
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    for (name, text) in [
        ("array.rs", include_str!("array.rs")),
        ("tool.rs", include_str!("tool.rs")),
        ("luck.rs", include_str!("luck.rs")),
        ("ends.rs", include_str!("ends.rs")),
    ] {
        std::fs::write(folder.join("tests").join(name), text).unwrap();
    }
    // The same versions as here: nothing is resolved anew.
    std::fs::copy(Path::new(harness).join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

/// Where mdlab was built.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mdlab")).ancestors().nth(2).unwrap()
}

/// mdlab, in the crate's folder.
pub(crate) fn mdlab(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.current_dir(folder).env("CARGO_TARGET_DIR", target());
    command.env("MDLAB_EVIDENCE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere"));
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
