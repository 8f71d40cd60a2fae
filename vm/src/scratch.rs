//! Folders for files that are needed for a moment, or kept if they turn out to be evidence.

use std::fs::{self, DirBuilder, DirEntry, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

/// A folder for files that are needed for a moment. It is removed when dropped.
///
/// Its lock says that it is in use. A number of its owner would not: it may be another process's by now, and processes in
/// another namespace, who may share the folder above it, have numbers of their own.
#[derive(Debug)]
pub struct Scratch {
    // Dropped in this order: what is not locked is taken to be abandoned.
    folder: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes one in a folder, which is made if it is not there. Those that a killed process left behind are removed.
    pub fn make(parent: &Path) -> Result<Self> {
        match DirBuilder::new().mode(0o700).create(parent) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).context("make the folder", parent)?,
            _ => {}
        }
        let (scratch, abandoned) = {
            // Held until the new one is locked: another process must not find it before that.
            let making = File::open(parent).context("open", parent)?;
            making.lock().context("lock", parent)?;
            let abandoned: Vec<_> =
                parent.read_dir().context("list", parent)?.flatten().filter_map(abandoned).collect();
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent);
            let folder = folder.context("make a folder in", parent)?;
            let lock = File::open(folder.path()).context("open", folder.path())?;
            lock.lock().context("lock", folder.path())?;
            (Self { folder, _lock: lock }, abandoned)
        };
        // It may take long, and nobody has to wait for it.
        for (path, _lock) in abandoned {
            // Its owner may have removed it a moment ago; and what cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(path);
        }
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Moves it to a place on the same file system, where it stays.
    pub fn keep(self, place: &Path) -> Result<()> {
        fs::rename(self.folder.path(), place).context("move a folder to", place)?;
        let _ = self.folder.keep();
        Ok(())
    }
}

/// How their names begin: whatever else is there belongs to somebody else.
const PREFIX: &str = "mdlab-";

/// A folder whose owner has ended, and its lock, which says to others that it is seen to.
fn abandoned(entry: DirEntry) -> Option<(PathBuf, File)> {
    if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) || !entry.file_type().ok()?.is_dir() {
        return None;
    }
    let lock = File::open(entry.path()).ok()?;
    lock.try_lock().ok()?;
    Some((entry.path(), lock))
}
