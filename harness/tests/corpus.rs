//! What the fuzzer found worth keeping (`ci/fuzz`) still holds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test fail as the test does")]

use std::path::Path;

#[path = "../fuzz/properties/frame.rs"]
mod frame;
#[path = "../fuzz/properties/redaction.rs"]
mod redaction;
#[path = "../fuzz/properties/snapshot_name.rs"]
mod snapshot_name;
#[path = "../fuzz/properties/superblock.rs"]
mod superblock;

fn all(target: &str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = folder.read_dir().unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(files.len() > 20, "only {} files in `{}`", files.len(), folder.display());
    for file in files {
        eprintln!("{}", file.display());
        holds(&std::fs::read(file).unwrap());
    }
}

#[test]
fn superblocks() {
    all("superblock", superblock::holds);
}

#[test]
fn frames() {
    all("frame", frame::holds);
}

#[test]
fn snapshot_names() {
    all("snapshot_name", snapshot_name::holds);
}

#[test]
fn redactions() {
    all("redaction", redaction::holds);
}
