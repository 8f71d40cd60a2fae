//! This project's own scenarios, run by mdlab.

use std::path::Path;
use std::process::{Command, Output};

/// `mdlab run`, or another of its commands, of this project's own scenarios.
pub(crate) fn mdlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios"));
    // Set by the cargo that runs this test, and about another package.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST").env("INSTA_UPDATE", "no");
    command
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}
