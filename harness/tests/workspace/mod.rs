//! This project's own scenarios, run by `mdlab run`.

use std::path::Path;
use std::process::{Command, Output};

/// `mdlab run` of this project's own scenarios.
pub(crate) fn run(filter: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.arg("run").args(filter).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios"));
    // Set by the cargo that runs this test, and about another package.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST").env("INSTA_UPDATE", "no");
    command
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}
