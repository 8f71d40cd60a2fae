//! The device nodes of md and of the members, and the links to them.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use mdlab_protocol::{Node, NodeKind};

use crate::failure::{Attempt, Failure};
use crate::loops::Loops;

/// Where links to devices are made.
const LINK_FOLDERS: &[&str] = &["/dev/md", "/dev/disk"];

/// Folders within: /dev/disk/by-id/.
const DEPTH: usize = 2;

/// Finds them; sorted by path.
pub(super) fn all(loops: &Loops) -> Result<Vec<Node>, Failure> {
    let mut nodes = Vec::new();
    for entry in fs::read_dir("/dev").attempt(|| "list `/dev`".into())?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // `.tmp.md.` is what mdadm opens an array by before it has a name.
        let is_md = name.starts_with("md") || name.starts_with(".tmp.md");
        let path = format!("/dev/{name}");
        if is_md || loops.nodes().any(|node| node == path) {
            nodes.extend(node(path));
        }
    }
    for folder in LINK_FOLDERS {
        collect(Path::new(folder), DEPTH, loops, &mut nodes);
    }
    nodes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(nodes)
}

/// A folder that is not there has no links.
fn collect(folder: &Path, depth: usize, loops: &Loops, nodes: &mut Vec<Node>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && depth > 0 {
            collect(&path, depth - 1, loops, nodes);
        } else if belongs(&path, loops) {
            nodes.extend(node(path.to_string_lossy().into_owned()));
        }
    }
}

/// Whether it leads to an array or to a member, judged by the name alone: a link whose device is gone counts too.
fn belongs(path: &Path, loops: &Loops) -> bool {
    let target = fs::read_link(path).unwrap_or_else(|_| path.into());
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_member = || loops.nodes().any(|node| node.strip_prefix("/dev/") == Some(&name));
    path.starts_with("/dev/md") || name.starts_with("md") || is_member()
}

fn node(path: String) -> Option<Node> {
    let metadata = fs::symlink_metadata(&path).ok()?;
    let kind = if metadata.is_symlink() {
        NodeKind::Link(fs::read_link(&path).ok()?.to_string_lossy().into_owned())
    } else if metadata.file_type().is_block_device() {
        NodeKind::Block {
            major: libc::major(metadata.rdev()),
            minor: libc::minor(metadata.rdev()),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
        }
    } else {
        return None;
    };
    Some(Node { path, kind })
}
