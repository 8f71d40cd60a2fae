//! `mdlab manual`: man pages, and completions for shells, made of the command line itself.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::print;
use crate::failure::Failure;

/// Writes a man page for each command, and completions for bash, zsh, fish and others, into a folder.
///
/// Example: mdlab manual ~/.local/share/mdlab; man -l ~/.local/share/mdlab/mdlab-run.1; source ~/.local/share/mdlab/mdlab.bash
#[derive(Args)]
pub(super) struct Manual {
    /// The folder, which is made if need be.
    folder: PathBuf,
}

impl Manual {
    pub(super) fn run(&self, mut command: Command) -> Result<(), Failure> {
        let folder = &self.folder;
        let failed = |error: std::io::Error| Failure::usage(format!("write into `{}`: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut command, "mdlab", folder).map_err(failed)?;
        }
        clap_mangen::generate_to(command, folder).map_err(failed)?;
        let count = folder.read_dir().map_err(failed)?.count();
        print(&format!("{}: {count} files\n", folder.display()))
    }
}
