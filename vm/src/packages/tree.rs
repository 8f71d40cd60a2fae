//! The hash of a folder and all that is in it.

use std::fs;
use std::path::Path;

use crate::digest::Digest;
use crate::error::{Context, Result};

/// Hashes names, links and contents below a folder. Owners and times do not count: they differ with who unpacked it.
pub(super) fn digest(folder: &Path) -> Result<Digest> {
    let mut lines = String::new();
    walk(folder, folder, &mut lines)?;
    Ok(Digest::of(lines.as_bytes()))
}

fn walk(root: &Path, folder: &Path, lines: &mut String) -> Result<()> {
    let mut paths: Vec<_> = folder.read_dir().context("list", folder)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let kind = path.symlink_metadata().context("look at", &path)?.file_type();
        let name = path.strip_prefix(root).unwrap_or(&path).display();
        if kind.is_dir() {
            lines.push_str(&format!("{name}/\n"));
            walk(root, &path, lines)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).context("read the link", &path)?;
            lines.push_str(&format!("{name} -> {}\n", target.display()));
        } else {
            lines.push_str(&format!("{name} {}\n", Digest::of_file(&path)?));
        }
    }
    Ok(())
}
