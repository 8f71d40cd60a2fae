//! `mdlab snapshots`: the files that scenarios are compared with, as a history, and kept tidy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use xshell::Shell;

use super::progress::complain;
use super::scenarios::{self, Members, Workspace};
use super::{channel, print};
use crate::channel::Channel;
use crate::failure::Failure;
use crate::snapshot::{Chapter, Place, Shelf, Since};

/// The snapshots of the workspace around the current folder: their history, and those that nothing needs.
#[derive(Args)]
pub(super) struct Snapshots {
    #[command(flatten)]
    workspace: Workspace,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints what scenarios did first, and what changed in it with which version of Linux and mdadm.
    ///
    /// Example: mdlab snapshots log stop::two_arrays --channel dmesg
    Log(Log),
    /// Removes snapshots that say the same as what would hold without them, and those that no scenario is compared with: of the
    /// tests that are built without any feature of their package.
    ///
    /// Example: mdlab snapshots tidy --dry-run
    Tidy(Tidy),
}

#[derive(Args)]
struct Log {
    /// Scenarios whose names contain this: `mirror::creates_and_stops::mdadm`; or the whole name of a test.
    scenario: String,
    /// Only this channel; may be named several times.
    #[arg(long, value_parser = channel)]
    channel: Vec<Channel>,
    /// Leave out what was first: print changes alone.
    #[arg(long)]
    changes: bool,
}

#[derive(Args)]
struct Tidy {
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Snapshots {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let shell = self.workspace.shell()?;
        match &self.command {
            Command::Log(log) => log.run(&shell),
            Command::Tidy(tidy) => tidy.run(&shell),
        }
    }
}

impl Log {
    fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let (mut found, mut known) = (false, Vec::new());
        for root in Members::of(shell)?.folders() {
            let named = Place::possible(&self.scenario, &root);
            for folder in shelves(&Place::root(&root))? {
                let name = title(&Place::root(&root), &folder);
                if name.contains(&self.scenario) || named.contains(&folder) {
                    found = true;
                    print(&self.history(&name, &folder))?;
                }
                known.push(name);
            }
        }
        match found {
            true => Ok(()),
            false => Err(Failure::usage(format!(
                "no scenario whose name contains `{}` has snapshots{}",
                self.scenario,
                nearest(&self.scenario, &known)
            ))),
        }
    }

    /// The history of a scenario, channel by channel.
    fn history(&self, name: &str, folder: &Path) -> String {
        let mut text = String::new();
        for channel in Channel::ALL.into_iter().filter(|one| self.channel.is_empty() || self.channel.contains(one)) {
            for Chapter { since, text: now, before } in Shelf::open(folder, channel).history() {
                match before {
                    None if self.changes => {}
                    None => text.push_str(&format!("\n# {name}, {channel}, since {since}\n\n{now}\n")),
                    Some((until, old)) => {
                        let file = |since: Since| format!("{}.snap", since.name(channel));
                        let difference = similar::TextDiff::from_lines(old, now);
                        let mut difference = difference.unified_diff();
                        difference.header(&file(until), &file(since)).missing_newline_hint(false);
                        text.push_str(&format!("\n# {name}, {channel}, since {since}\n\n{difference}"));
                    }
                }
            }
        }
        text
    }
}

impl Tidy {
    fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let scenarios = scenarios::list_all(shell)?;
        let mut removed = 0;
        for root in Members::of(shell)?.folders() {
            let names = scenarios.iter().filter(|scenario| scenario.folder == root).map(|scenario| &scenario.name);
            let places: BTreeSet<PathBuf> = names.flat_map(|name| Place::possible(name, &root)).collect();
            if places.is_empty() {
                // Whatever it is that keeps its tests from being listed, a feature perhaps: they may well be there.
                complain(&format!("`{}` has no tests: its snapshots stay as they are", root.display()));
                continue;
            }
            for folder in shelves(&Place::root(&root))? {
                for (file, reason) in needless(&folder, places.contains(&folder)) {
                    removed += 1;
                    let verb = if self.dry_run { "would remove" } else { "removed" };
                    if !self.dry_run {
                        fs::remove_file(&file)
                            .map_err(|error| Failure::infra(format!("remove `{}`: {error}", file.display())))?;
                    }
                    print(&format!("{verb} `{}`: {reason}\n", file.display()))?;
                }
                if !self.dry_run {
                    // What is empty now belongs to nothing.
                    let _ = fs::remove_dir(&folder);
                }
            }
        }
        let what = if self.dry_run { "needless" } else { "removed" };
        let snapshots = if removed == 1 { "snapshot is" } else { "snapshots are" };
        print(&format!("{removed} {snapshots} {what}\n"))
    }
}

/// The snapshots of a folder that nothing needs, and why not. Files of other names are somebody else's.
fn needless(folder: &Path, has_scenario: bool) -> Vec<(PathBuf, &'static str)> {
    let of_channel = |channel: Channel| {
        let shelf = Shelf::open(folder, channel);
        let (since, reason) = match has_scenario {
            true => (shelf.superfluous(), "without it the same holds"),
            false => (shelf.all(), "no scenario is compared with it"),
        };
        let file = move |since: Since| (folder.join(format!("{}.snap", since.name(channel))), reason);
        since.into_iter().map(file).collect::<Vec<_>>()
    };
    Channel::ALL.into_iter().flat_map(of_channel).collect()
}

/// The folders below one that have snapshots.
fn shelves(root: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        for path in list(&folder)? {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "snap") {
                found.insert(folder.clone());
            }
        }
    }
    Ok(found)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = || folder.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    read().map_err(|error| Failure::infra(format!("list `{}`: {error}", folder.display())))
}

/// The most names that are shown to somebody who mistook one.
const NEAREST: usize = 10;

/// The names that have most in common with one that nobody has: snapshots are named after what a case is, and tests after its number
/// as well.
fn nearest(name: &str, known: &[String]) -> String {
    let ends = name.rmatch_indices("::").map(|(end, _)| end).filter(|end| *end > 0);
    let alike = |end: usize| known.iter().filter(move |other| other.contains(&name[..end])).collect::<Vec<_>>();
    let near = ends.map(alike).find(|alike| !alike.is_empty()).unwrap_or_default();
    let left = near.len().saturating_sub(NEAREST);
    let more = if left > 0 { format!("\n  and {left} more") } else { String::new() };
    near.iter().take(NEAREST).map(|name| format!("\n  {name} has")).chain([more]).collect()
}

/// The scenario whose snapshots lie in a folder: `mirror::creates_and_stops::mdadm`.
fn title(root: &Path, folder: &Path) -> String {
    let parts = folder.strip_prefix(root).unwrap_or(folder).components();
    parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_needs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), format!("---\nsource: x\n---\n{text}\n")).unwrap();
        };
        for (name, text) in [
            ("dmesg.snap", "a"),
            ("dmesg@linux-6.1.snap", "a"),
            ("dmesg@linux-6.12.snap", "b"),
            ("dmseg.snap", "a"),
            ("dmesg@linux-7.2.snap.new", "b"),
        ] {
            write(name, text);
        }
        let names = |has_scenario| {
            let needless = needless(folder.path(), has_scenario).into_iter();
            let names = needless.map(|(file, _)| file.file_name().unwrap().to_string_lossy().into_owned());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names
        };
        assert_eq!(names(true), ["dmesg@linux-6.1.snap"]);
        assert_eq!(names(false), ["dmesg.snap", "dmesg@linux-6.1.snap", "dmesg@linux-6.12.snap"]);
    }

    #[test]
    fn who_asks_by_a_test_s_name_is_told_what_there_is() {
        let known = ["mirror::creates::mdadm", "mirror::creates::ioctl", "stop::two"].map(str::to_owned);
        let near = "\n  mirror::creates::mdadm has\n  mirror::creates::ioctl has";
        assert_eq!(nearest("mirror::creates::tool_1", &known), near);
        for unlike in ["nothing::like::it", "it", "::it"] {
            assert_eq!(nearest(unlike, &known), "");
        }
        let many: Vec<String> = (0..NEAREST + 3).map(|case| format!("stop::case_{case}")).collect();
        let near = nearest("stop::twice", &many);
        assert!(near.lines().count() == NEAREST + 2 && near.ends_with("\n  and 3 more"), "{near}");
    }

    #[test]
    fn a_history_is_what_was_first_and_what_changed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("stop/two_arrays");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("dmesg.snap", "one\ntwo"), ("dmesg@linux-6.1.snap", "one\nthree")] {
            fs::write(folder.join(name), format!("---\nsource: x\n---\n{text}\n")).unwrap();
        }
        assert_eq!(shelves(root.path()).unwrap().into_iter().collect::<Vec<_>>(), std::slice::from_ref(&folder));
        let log = Log { scenario: String::new(), channel: vec![Channel::Dmesg, Channel::State], changes: false };
        insta::assert_snapshot!(log.history(&title(root.path(), &folder), &folder));
    }
}
