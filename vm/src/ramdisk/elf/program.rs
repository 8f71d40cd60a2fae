//! Programs that somebody else has built: whether the libraries of a distribution satisfy them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use goblin::elf::Elf;
use goblin::elf::header::{ELFMAG, EM_X86_64, ET_DYN, ET_EXEC, et_to_str, machine_to_str};

use super::{LIBRARIES, Need, needs_of, resolve};
use crate::error::{Context, Error, Result};

/// `VER_FLG_WEAK` of <elf.h>: a version that may be missing.
const WEAK: u16 = 2;

/// The most bytes of a program: mdadm has less than one million, some more with its debugging information.
const LARGEST: u64 = 64 << 20;

/// A program for x86-64.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    /// The dynamic loader that it asks for, if it is not static.
    interpreter: Option<String>,
    needs: Vec<Need>,
    /// Versions that it asks of its libraries, by the library's name: `GLIBC_2.34` of `libc.so.6`.
    versions: Vec<(String, String)>,
}

impl Program {
    /// Reads a program.
    pub fn read(path: &Path) -> Result<Self> {
        let unfit =
            |cause: String| Error::usage(format!("`{}` is no program for x86-64 Linux: {cause}", path.display()));
        let unread = |cause: String| Error::usage(format!("read the program `{}`: {cause}", path.display()));
        let metadata = fs::metadata(path).map_err(|error| unread(error.to_string()))?;
        // A device or a pipe may have no end.
        if !metadata.is_file() {
            let kind = if metadata.is_dir() { "a directory" } else { "no regular file" };
            return Err(unread(format!("it is {kind}")));
        }
        if metadata.len() > LARGEST {
            return Err(unread(format!(
                "expected {} MiB at most, it has {}",
                LARGEST >> 20,
                metadata.len().div_ceil(1 << 20)
            )));
        }
        let contents = fs::read(path).map_err(|error| unread(error.to_string()))?;
        if !contents.starts_with(ELFMAG) {
            let what = if contents.is_empty() { "it is empty" } else { "it is no ELF file" };
            return Err(unfit(what.into()));
        }
        let elf = Elf::parse(&contents).map_err(|error| unfit(format!("it is damaged, or cut short: {error}")))?;
        // execvp(3) has a shell run whatever the kernel does not take for a program.
        if ![ET_EXEC, ET_DYN].contains(&elf.header.e_type) {
            return Err(unfit(format!(
                "its type is ET_{}, a program's is ET_EXEC or ET_DYN",
                et_to_str(elf.header.e_type)
            )));
        }
        if elf.header.e_machine != EM_X86_64 {
            return Err(unfit(format!("it is one for {}", machine_to_str(elf.header.e_machine))));
        }
        if !elf.is_64 {
            return Err(unfit("it is one for x32".into()));
        }
        let name = |offset: usize| elf.dynstrtab.get_at(offset).unwrap_or_default().to_owned();
        let asked = elf.verneed.iter().flat_map(|section| section.iter());
        let versions = asked.flat_map(|file| {
            let versions: Vec<_> = file.iter().filter(|version| version.vna_flags & WEAK == 0).collect();
            versions.into_iter().map(move |version| (file.vn_file, version.vna_name))
        });
        let versions = versions.map(|(file, version)| (name(file), name(version))).collect();
        let interpreter = elf.interpreter.map(str::to_owned);
        Ok(Self { path: path.to_owned(), interpreter, needs: needs_of(&elf), versions })
    }

    /// What it asks of libraries and the distribution below `root` does not have: `libc.so.6`, `GLIBC_2.38 of libc.so.6`.
    pub fn unmet(&self, root: &Path) -> Result<Vec<String>> {
        let mut unmet = Vec::new();
        for need in &self.needs {
            let Some(library) = need.find(root).and_then(|path| resolve(root, &path)) else {
                unmet.push(need.name.clone());
                continue;
            };
            let asked = self.versions.iter().filter(|(file, _)| *file == need.name).map(|(_, version)| version);
            let asked: Vec<&String> = asked.collect();
            if asked.is_empty() {
                continue;
            }
            let defined = defined_in(&library)?;
            let missing = asked.into_iter().filter(|version| !defined.contains(version));
            unmet.extend(missing.map(|version| format!("{version} of {}", need.name)));
        }
        Ok(unmet)
    }

    /// A command that runs it here, with the loader and the libraries of the distribution below `root`.
    pub fn command(&self, root: &Path) -> Command {
        let loader = self.interpreter.as_ref().and_then(|loader| resolve(root, loader));
        let Some(loader) = loader else { return Command::new(&self.path) };
        let mut command = Command::new(loader);
        let folders = LIBRARIES.map(|folder| root.join(folder).display().to_string());
        command.arg("--library-path").arg(folders.join(":")).arg(&self.path);
        command
    }
}

/// The versions that a library defines.
fn defined_in(library: &Path) -> Result<Vec<String>> {
    let contents = fs::read(library).context("read the library", library)?;
    let elf = Elf::parse(&contents).context("read as an ELF library", library)?;
    let defined = elf.verdef.iter().flat_map(|section| section.iter());
    // The first name is the version's own, the others are those of its parents.
    let names = defined.filter_map(|version| version.iter().next().map(|name| name.vda_name));
    Ok(names.filter_map(|name| elf.dynstrtab.get_at(name)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root that has the libraries of this test's own program.
    fn root_of_this_host() -> &'static Path {
        Path::new("/")
    }

    #[test]
    fn a_program_of_this_host_is_satisfied_by_it() {
        let program = Program::read(Path::new("/proc/self/exe")).unwrap();
        assert!(program.versions.iter().any(|(file, version)| file == "libc.so.6" && version.starts_with("GLIBC_2.")));
        assert_eq!(program.unmet(root_of_this_host()).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut program = Program::read(Path::new("/proc/self/exe")).unwrap();
        program.versions.push(("libc.so.6".into(), "GLIBC_9.99".into()));
        assert_eq!(program.unmet(root_of_this_host()).unwrap(), ["GLIBC_9.99 of libc.so.6"]);
        let empty = tempfile::tempdir().unwrap();
        let unmet = program.unmet(empty.path()).unwrap();
        assert!(unmet.contains(&"libc.so.6".to_owned()), "{unmet:?}");
    }

    #[test]
    fn what_is_no_program_is_refused_for_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mdadm");
        let program = fs::read("/proc/self/exe").unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = program.clone();
            bytes[at] = byte;
            bytes
        };
        for (bytes, reason) in [
            (Vec::new(), "it is empty"),
            (b"#!/bin/sh\n".to_vec(), "it is no ELF file"),
            (program[..1000].to_vec(), "it is damaged, or cut short: "),
            // e_type, at 16, is ET_REL: `mdadm.o`, which a shell would make something of.
            (with(16, 1), "its type is ET_REL, a program's is ET_EXEC or ET_DYN"),
            // e_machine, at 18, is EM_AARCH64.
            (with(18, 183), "it is one for AARCH64"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = Program::read(&path).unwrap_err().to_string();
            let expected = format!("`{}` is no program for x86-64 Linux: {reason}", path.display());
            assert!(error.contains(&expected), "{error}");
        }
        let error = Program::read(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(": it is a directory"), "{error}");
    }
}
