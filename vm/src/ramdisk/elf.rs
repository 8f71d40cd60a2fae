//! Programs and the closure of the libraries that they name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use goblin::elf::Elf;

use super::{RamDisk, absent};
use crate::error::{Context, Result};

/// Where Debian keeps libraries, below the root of unpacked packages.
const LIBRARIES: [&str; 6] =
    ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib"];

impl RamDisk {
    /// Adds a program of `root`, its interpreter and its libraries.
    pub fn program(&mut self, root: &Path, path: &str) -> Result<()> {
        let source = root.join(path);
        self.executable(root, path, &source)
    }

    /// Adds a program from anywhere as `path`; its interpreter and libraries come from `root`.
    pub fn executable(&mut self, root: &Path, path: &str, source: &Path) -> Result<()> {
        // A link is followed: what it names may lie under a name that nothing else needs.
        let contents = fs::read(source).context("read the program", source)?;
        let mode = fs::metadata(source).context("look at", source)?.permissions().mode() & 0o777;
        let needed = needs(&contents, source)?;
        self.file(path, contents, mode | 0o111);
        needed.iter().try_for_each(|need| self.library(root, need))
    }

    /// Adds a library by its name (`libc.so.6`) or by its path, and the libraries that it needs.
    pub fn library(&mut self, root: &Path, need: &Need) -> Result<()> {
        let path = need.find(root).ok_or_else(|| absent(&need.name, root))?;
        if self.contains(&path) {
            return Ok(());
        }
        self.program(root, &path)
    }
}

/// A library that something needs.
#[derive(Debug)]
pub struct Need {
    name: String,
    /// Folders that whoever needs it wants searched first.
    run_path: Vec<String>,
}

impl Need {
    fn find(&self, root: &Path) -> Option<String> {
        if self.name.contains('/') {
            let path = self.name.trim_start_matches('/').to_owned();
            return root.join(&path).exists().then_some(path);
        }
        let folders = self.run_path.iter().map(|path| path.trim_start_matches('/')).chain(LIBRARIES);
        folders.map(|folder| format!("{folder}/{}", self.name)).find(|path| root.join(path).exists())
    }
}

fn needs(contents: &[u8], source: &Path) -> Result<Vec<Need>> {
    let elf = Elf::parse(contents).context("read as an ELF program", source)?;
    let split =
        |paths: &Vec<&str>| paths.iter().flat_map(|path| path.split(':')).map(str::to_owned).collect::<Vec<_>>();
    let run_path = split(&elf.runpaths).into_iter().chain(split(&elf.rpaths)).collect::<Vec<_>>();
    let names = elf.interpreter.into_iter().chain(elf.libraries.iter().copied());
    Ok(names.map(|name| Need { name: name.to_owned(), run_path: run_path.clone() }).collect())
}
