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

/// The most lines of a scenario, without those that are blank.
const STORY: usize = 16;

/// The functions that are scenarios: name, and lines of the body that are not blank.
fn scenarios(source: &str) -> Vec<(String, usize)> {
    let rest = source.split("#[rstest]\n").skip(1);
    let one = |text: &str| {
        let (_, text) = text.split_once("fn ")?;
        let (name, _) = text.split_once('(')?;
        let (_, body) = text.split_once(" {\n")?;
        let body = body.lines().take_while(|line| *line != "}");
        Some((name.to_owned(), body.filter(|line| !line.trim().is_empty()).count()))
    };
    rest.filter_map(one).collect()
}

#[test]
fn a_scenario_is_a_short_story() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios"), &mut found);
    let sources = found.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let all: Vec<_> = sources.flat_map(|path| scenarios(&std::fs::read_to_string(path).unwrap())).collect();
    assert!(all.len() > 60, "only {} scenarios were found", all.len());
    let long: Vec<_> = all.iter().filter(|(_, lines)| *lines > STORY).collect();
    assert!(long.is_empty(), "more than {STORY} lines: {long:?}");
}

/// Where the snapshots of every scenario may lie.
fn places(folder: &Path) -> HashSet<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let list = Command::new(env!("CARGO"))
        .args(["nextest", "list", "--message-format", "oneline", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    let list = String::from_utf8(list.stdout).unwrap();
    let titles = list.lines().filter_map(|line| line.split_once(' ')).map(|(_, title)| title);
    let root = folder.to_string_lossy();
    // Its own file's scenarios alone may give a part of its name the meaning of a function.
    let of = |title: &str| {
        let mut parts = title.split("::");
        let source = std::fs::read_to_string(folder.join(parts.next()?).with_extension("rs")).ok()?;
        let functions = scenarios(&source);
        let function = parts.find(|part| functions.iter().any(|(name, _)| name == part))?;
        Some(mdlab::Place::of(&format!("{function}::here"), title, &root).folder().clone())
    };
    titles.filter_map(of).collect()
}
