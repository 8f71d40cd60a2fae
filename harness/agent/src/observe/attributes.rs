//! The attributes of the arrays.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mdlab_protocol::Attribute;

use crate::arrays::{self, BLOCK};
use crate::failure::{Attempt, Failure};

/// Attributes of the block device that are looked at besides those of md.
const OF_THE_DEVICE: &[&str] = &["size", "ro"];

/// Attributes that say how fast or how busy md is at this instant, and nothing that lasts: the speed of a running
/// resync, the stripes in use.
const VOLATILE: &[&str] = &["sync_speed", "stripe_cache_active"];

/// Folders below `md`: members, bitmap. None lies deeper.
const DEPTH: usize = 2;

/// Reads the attributes of every array; sorted by path.
pub(super) fn all() -> Result<Vec<Attribute>, Failure> {
    let mut attributes = Vec::new();
    for name in arrays::names()? {
        let device = Path::new(BLOCK).join(&name);
        attributes.extend(OF_THE_DEVICE.iter().map(|attribute| read(&device.join(attribute))));
        walk(&arrays::folder(&name), DEPTH, &mut attributes)?;
    }
    attributes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(attributes)
}

fn walk(folder: &Path, depth: usize, attributes: &mut Vec<Attribute>) -> Result<(), Failure> {
    let list = || fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>();
    for entry in list().attempt(|| format!("list `{}`", folder.display()))? {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_symlink() {
            attributes.push(link(&path));
        } else if metadata.is_dir() && depth > 0 {
            walk(&path, depth - 1, attributes)?;
        } else if metadata.is_file() && is_worth_reading(&path, metadata.permissions().mode()) {
            attributes.push(read(&path));
        }
    }
    Ok(())
}

/// Write-only attributes (`new_dev`) cannot be read. None of md's attributes does anything when it is read.
fn is_worth_reading(path: &Path, mode: u32) -> bool {
    mode & 0o444 != 0 && !VOLATILE.iter().any(|name| path.ends_with(name))
}

/// `rd0` and `dev-loop0/block` are links; their target is their value.
fn link(path: &Path) -> Attribute {
    attribute(path, fs::read_link(path).map(|target| target.to_string_lossy().into_owned()))
}

fn read(path: &Path) -> Attribute {
    attribute(path, fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn attribute(path: &Path, value: io::Result<String>) -> Attribute {
    let path = path.strip_prefix(BLOCK).unwrap_or(path).to_string_lossy().into_owned();
    let value = value
        .map(|text| text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
        .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO));
    Attribute { path, value }
}
