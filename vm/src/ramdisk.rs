//! Reproducible initial RAM disks: programs with the libraries they need, modules with a real `/lib/modules`, files.
//!
//! The same contents give the same bytes: names are sorted, times are zero, everything belongs to root. It is not
//! compressed, so that it asks nothing of the kernel's configuration; it is unpacked only once for each kept machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cpio::newc::{Builder, ModeFileType, trailer};

use crate::error::{Context, Error, Result};

mod elf;
mod modules;

pub use elf::Program;

/// The top folders that merged /usr turns into links.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// An initial RAM disk in the making.
#[derive(Debug)]
pub struct RamDisk {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    Folder,
    File { contents: Vec<u8>, mode: u32 },
    Link(String),
}

impl Default for RamDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl RamDisk {
    /// An empty one, with merged /usr: `/bin`, `/sbin`, `/lib` and `/lib64` are links.
    pub fn new() -> Self {
        let links = MERGED.map(|name| (name.to_owned(), Entry::Link(format!("usr/{name}"))));
        let folders = MERGED.map(|name| (format!("usr/{name}"), Entry::Folder));
        let mut entries = BTreeMap::from([("usr".to_owned(), Entry::Folder)]);
        entries.extend(links.into_iter().chain(folders));
        Self { entries }
    }

    /// Adds an empty folder.
    pub fn folder(&mut self, path: &str) {
        let path = merged(path);
        self.parents(&path);
        self.entries.entry(path).or_insert(Entry::Folder);
    }

    /// Adds a file; `mode` are its permission bits.
    pub fn file(&mut self, path: &str, contents: impl Into<Vec<u8>>, mode: u32) {
        self.insert(path, Entry::File { contents: contents.into(), mode });
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.insert(path, Entry::Link(target.to_owned()));
    }

    /// Adds `root/path`, a file or a folder with all that is in it, as `path`.
    pub fn tree(&mut self, root: &Path, path: &str) -> Result<()> {
        let source = root.join(path);
        let metadata = source.symlink_metadata().context("look at", &source)?;
        if metadata.is_symlink() {
            let target = fs::read_link(&source).context("read the link", &source)?;
            self.link(path, &target.to_string_lossy());
        } else if metadata.is_dir() {
            self.folder(path);
            for entry in source.read_dir().context("list", &source)?.flatten() {
                self.tree(root, &format!("{path}/{}", entry.file_name().to_string_lossy()))?;
            }
        } else {
            let contents = fs::read(&source).context("read", &source)?;
            self.file(path, contents, metadata.permissions().mode() & 0o777);
        }
        Ok(())
    }

    /// The bytes of the archive, in the format that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst).
    pub fn build(&self) -> Result<Vec<u8>> {
        let mut archive = Vec::new();
        for (inode, (path, entry)) in (1..).zip(&self.entries) {
            let (kind, mode, contents) = match entry {
                Entry::Folder => (ModeFileType::Directory, 0o755, &[][..]),
                Entry::File { contents, mode } => (ModeFileType::Regular, *mode, contents.as_slice()),
                Entry::Link(target) => (ModeFileType::Symlink, 0o777, target.as_bytes()),
            };
            let size = u32::try_from(contents.len()).doing(&format!("add `{path}` to the RAM disk"))?;
            let builder = Builder::new(path).ino(inode).mode(mode).set_mode_file_type(kind);
            let mut writer = builder.write(&mut archive, size);
            std::io::Write::write_all(&mut writer, contents).doing("build the RAM disk")?;
            writer.finish().doing("build the RAM disk")?;
        }
        trailer(&mut archive).doing("build the RAM disk")?;
        Ok(archive)
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        let path = merged(path);
        self.parents(&path);
        self.entries.insert(path, entry);
    }

    fn contains(&self, path: &str) -> bool {
        self.entries.contains_key(&merged(path))
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Folder);
        }
    }
}

/// The path below a merged /usr, without a leading slash.
fn merged(path: &str) -> String {
    let path = path.trim_matches('/');
    let top = path.split('/').next().unwrap_or_default();
    if MERGED.contains(&top) { format!("usr/{path}") } else { path.to_owned() }
}

/// The error for something that a RAM disk should hold and that is nowhere.
fn absent(what: &str, root: &Path) -> Error {
    Error::infra(format!("find `{what}` in `{}`: it is not there", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_contents_give_the_same_bytes() {
        let mut one = RamDisk::new();
        one.file("/etc/modules", "loop\n", 0o644);
        one.link("/init", "/bin/agent");
        let mut other = RamDisk::new();
        other.link("init", "/bin/agent");
        other.file("etc/modules", "loop\n", 0o644);
        assert_eq!(one.build().unwrap(), other.build().unwrap());
        other.file("etc/modules", "loop\n", 0o600);
        assert_ne!(one.build().unwrap(), other.build().unwrap());
    }

    #[test]
    fn cpio_reads_what_was_built() {
        let mut disk = RamDisk::new();
        disk.file("/lib/udev/rules.d/x.rules", "# rule\n", 0o644);
        let bytes = disk.build().unwrap();
        let mut names = Vec::new();
        let mut rest: &[u8] = &bytes;
        loop {
            let entry = cpio::NewcReader::new(rest).unwrap();
            if entry.entry().is_trailer() {
                break;
            }
            assert_eq!((entry.entry().mtime(), entry.entry().uid()), (0, 0));
            names.push(entry.entry().name().to_owned());
            rest = entry.finish().unwrap();
        }
        assert!(names.is_sorted());
        assert!(names.contains(&"usr/lib/udev/rules.d".to_owned()), "{names:?}");
        assert!(names.contains(&"usr/lib/udev/rules.d/x.rules".to_owned()), "{names:?}");
    }
}
