//! What changes when files of the user's are replaced or edited: hashing them for every fork would cost more than the fork.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Context, Result};

/// A file's.
pub(super) fn file(path: &Path) -> Result<String> {
    let metadata = fs::metadata(path).context("look at", path)?;
    let (size, inode) = (metadata.len(), metadata.ino());
    Ok(format!("{} {size} {inode} {}.{:09}\n", path.display(), metadata.mtime(), metadata.mtime_nsec()))
}

/// That of all files below a folder, added to what is known.
pub(super) fn folder(path: &Path, stamps: &mut String) -> Result<()> {
    let mut paths: Vec<_> = path.read_dir().context("list", path)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // `build` and `source` are links out of the tree.
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            folder(&path, stamps)?;
        } else {
            stamps.push_str(&file(&path)?);
        }
    }
    Ok(())
}
