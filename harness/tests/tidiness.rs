//! The tree stays one that a person can read.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    let places = places(&scenarios);
    let snapshots = found.iter().filter(|path| path.starts_with(scenarios.join("snapshots")));
    let mut count = 0;
    for path in snapshots {
        let name = path.file_name().unwrap().to_string_lossy();
        let channel = name.split(['@', '.']).next().unwrap();
        assert!(mdlab::Channel::ALL.iter().any(|known| known.name() == channel), "{}", path.display());
        assert!(places.contains(path.parent().unwrap()), "no scenario compares `{}`", path.display());
        count += 1;
    }
    assert!(count > 500, "only {count} snapshots were found");
}

/// Where the snapshots of every scenario may lie, whichever part of its name is the function's.
fn places(scenarios: &Path) -> HashSet<PathBuf> {
    let manifest = scenarios.join("Cargo.toml");
    let list = Command::new(env!("CARGO"))
        .args(["nextest", "list", "--message-format", "oneline", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    let list = String::from_utf8(list.stdout).unwrap();
    let titles = list.lines().filter_map(|line| line.split_once(' ')).map(|(_, title)| title);
    let root = scenarios.to_string_lossy();
    let of = |title: &str| {
        let functions: Vec<String> = title.split("::").map(|part| format!("{part}::here")).collect();
        functions.iter().map(|path| mdlab::Place::of(path, title, &root).folder().clone()).collect::<Vec<_>>()
    };
    titles.flat_map(of).collect()
}
