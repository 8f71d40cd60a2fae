//! The tree stays one that a person can read.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::{Path, PathBuf};

/// The most lines of a file.
const LINES: usize = 400;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != ".git" {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

#[test]
fn files_are_short_and_their_names_say_what_they_are() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    let sources: Vec<_> = found.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect();
    assert!(sources.len() > 50, "only {} sources were found", sources.len());
    for path in sources {
        let lines = std::fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= LINES, "{} has {lines} lines", path.display());
        let names = path.iter().rev().take(2).map(|part| part.to_string_lossy());
        for name in names {
            assert!(!EMPTY_NAMES.contains(&name.trim_end_matches(".rs")), "{}", path.display());
        }
    }
}

#[test]
fn no_snapshot_is_left_to_be_reviewed_or_belongs_to_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    files(&root, &mut found);
    let pending = found.iter().find(|path| path.to_string_lossy().ends_with(".snap.new"));
    assert_eq!(pending, None);
    let scenarios = root.join("scenarios");
    let sources =
        found.iter().filter(|path| path.starts_with(&scenarios) && path.extension().is_some_and(|e| e == "rs"));
    let sources: String = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for folder in scenarios.join("snapshots").read_dir().unwrap().flatten() {
        let scenario = folder.file_name().into_string().unwrap();
        assert!(sources.contains(&format!("fn {scenario}(")), "no scenario is called `{scenario}`");
        let mut snapshots = Vec::new();
        files(&folder.path(), &mut snapshots);
        for path in snapshots {
            let name = path.file_name().unwrap().to_string_lossy();
            let channel = name.split(['@', '.']).next().unwrap();
            assert!(mdlab::Channel::ALL.iter().any(|known| known.name() == channel), "{}", path.display());
            let case = path.parent().unwrap().strip_prefix(folder.path()).unwrap().to_string_lossy();
            for word in case.split('-') {
                assert!(sources.to_lowercase().contains(word), "no case of `{scenario}` is called `{case}`");
            }
        }
    }
}
