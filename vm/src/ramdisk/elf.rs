//! Programs and the closure of the libraries that they name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use goblin::elf::Elf;

use super::{RamDisk, absent};
use crate::error::{Context, Result};

mod program;

pub use program::Program;

/// Where Debian keeps libraries, below the root of unpacked packages.
const LIBRARIES: [&str; 6] =
    ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib"];

impl RamDisk {
    /// Adds a program of `root`, its interpreter and its libraries.
    pub fn program(&mut self, root: &Path, path: &str) -> Result<()> {
        let source = resolve(root, path).ok_or_else(|| absent(path, root))?;
        self.executable(root, path, &source)
    }

    /// Adds a program of `root` from the first of these folders that has it.
    pub fn program_in(&mut self, root: &Path, folders: &[&str], name: &str) -> Result<()> {
        let mut paths = folders.iter().map(|folder| format!("{folder}/{name}"));
        let path = paths.find(|path| resolve(root, path).is_some()).ok_or_else(|| absent(name, root))?;
        self.program(root, &path)
    }

    /// Adds a program from anywhere as `path`; its interpreter and libraries come from `root`.
    pub fn executable(&mut self, root: &Path, path: &str, source: &Path) -> Result<()> {
        let contents = fs::read(source).context("read the program", source)?;
        let mode = fs::metadata(source).context("look at", source)?.permissions().mode() & 0o777;
        let needed = needs(&contents, source)?;
        self.file(path, contents, mode | 0o111);
        needed.iter().try_for_each(|need| self.library(root, need))
    }

    /// Adds a library that programs open without naming it beforehand, and what it needs, if `root` has it.
    pub fn optional_library(&mut self, root: &Path, name: &str) -> Result<()> {
        match (Need { name: name.to_owned(), run_path: Vec::new() }).find(root) {
            Some(path) => self.program(root, &path),
            None => Ok(()),
        }
    }

    fn library(&mut self, root: &Path, need: &Need) -> Result<()> {
        let path = need.find(root).ok_or_else(|| absent(&need.name, root))?;
        if self.contains(&path) {
            return Ok(());
        }
        self.program(root, &path)
    }
}

/// A library that something needs.
#[derive(Debug)]
struct Need {
    name: String,
    /// Folders that whoever needs it wants searched first.
    run_path: Vec<String>,
}

impl Need {
    fn find(&self, root: &Path) -> Option<String> {
        if self.name.contains('/') {
            let path = self.name.trim_start_matches('/').to_owned();
            return resolve(root, &path).is_some().then_some(path);
        }
        let folders = self.run_path.iter().map(|path| path.trim_start_matches('/')).chain(LIBRARIES);
        folders.map(|folder| format!("{folder}/{}", self.name)).find(|path| resolve(root, path).is_some())
    }
}

/// The file that a path below `root` leads to. Links are followed as they would be if `root` were the root: that of the
/// interpreter is absolute (`/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-2.31.so` in bullseye).
///
/// Packages of merged /usr do not bring the links from `/lib` to `/usr/lib`: those are base-files'.
///
/// A stranger's program may name anything: nothing above `root` is looked at, and no device.
fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    [path.to_owned(), format!("usr/{path}")].iter().find_map(|path| follow(root, root.join(path)))
}

fn follow(root: &Path, mut path: PathBuf) -> Option<PathBuf> {
    // As many as the kernel follows (MAXSYMLINKS in include/linux/namei.h).
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&path) else { return path.is_file().then_some(path) };
        path = match target.strip_prefix("/") {
            Ok(inside) => root.join(inside),
            Err(_) => path.parent()?.join(target),
        };
    }
    None
}

fn needs(contents: &[u8], source: &Path) -> Result<Vec<Need>> {
    let elf = Elf::parse(contents).context("read as an ELF program", source)?;
    Ok(needs_of(&elf))
}

fn needs_of(elf: &Elf) -> Vec<Need> {
    let split =
        |paths: &Vec<&str>| paths.iter().flat_map(|path| path.split(':')).map(str::to_owned).collect::<Vec<_>>();
    let run_path = split(&elf.runpaths).into_iter().chain(split(&elf.rpaths)).collect::<Vec<_>>();
    let names = elf.interpreter.into_iter().chain(elf.libraries.iter().copied());
    names.map(|name| Need { name: name.to_owned(), run_path: run_path.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// As udev's `/lib/systemd/systemd-udevd -> /bin/udevadm`, on a host that has no udev.
    #[test]
    fn a_program_may_be_a_link_that_leads_nowhere_on_the_host() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy("/proc/self/exe", root.join("bin/mdlab-no-such-program")).unwrap();
        symlink("/bin/mdlab-no-such-program", root.join("linked")).unwrap();
        let mut disk = RamDisk::new();
        let error = disk.program_in(root, &["sbin", "."], "linked").unwrap_err().to_string();
        assert!(error.contains("lib"), "the program itself was found, its libraries are not there: {error}");
        assert!(disk.contains("./linked"));
        let error = disk.program_in(root, &["bin"], "absent").unwrap_err().to_string();
        assert!(error.contains("find `absent`"), "{error}");
    }

    #[test]
    fn links_stay_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::write(root.join("ld-2.31.so"), "").unwrap();
        symlink("/ld-2.31.so", root.join("absolute")).unwrap();
        symlink("absolute", root.join("relative")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(resolve(root, "/relative"), Some(root.join("ld-2.31.so")));
        assert_eq!(resolve(root, "loop"), None);
        fs::create_dir_all(root.join("usr/lib64")).unwrap();
        fs::write(root.join("usr/lib64/ld.so"), "").unwrap();
        assert_eq!(resolve(root, "/lib64/ld.so"), Some(root.join("usr/lib64/ld.so")));
        assert_eq!(resolve(root, "absent"), None);
        for outside in ["../../../../../../dev/null", "/../../../../../../../../etc/hostname", "usr/lib64"] {
            assert_eq!(resolve(root, outside), None, "{outside}");
        }
    }
}
