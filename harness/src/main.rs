//! The command line of mdlab.

use std::process::ExitCode;

fn main() -> ExitCode {
    mdlab::cli::main()
}
