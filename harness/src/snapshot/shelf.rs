//! The snapshots of one channel in one folder: which of them holds for what.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Since;
use crate::channel::Channel;

/// What holds from some versions on, and what would if it did not.
pub(crate) struct Chapter<'a> {
    pub(crate) since: Since,
    pub(crate) text: &'a str,
    pub(crate) before: Option<(Since, &'a str)>,
}

/// What each of them says.
pub(crate) struct Shelf(BTreeMap<Since, String>);

impl Shelf {
    /// Reads them. A folder that is not there has none.
    pub(crate) fn open(folder: &Path, channel: Channel) -> Self {
        let files = folder.read_dir().into_iter().flatten().flatten();
        let read = |file: fs::DirEntry| {
            let since = Since::read(&file.file_name().to_string_lossy(), channel)?;
            Some((since, body(&fs::read_to_string(file.path()).ok()?)))
        };
        Self(files.filter_map(read).collect())
    }

    /// The newest that is not newer than what runs, and what it says.
    pub(crate) fn holding(&self, runs: Since) -> Option<(Since, &str)> {
        let holding = self.0.iter().rfind(|(since, _)| since.reaches(runs));
        holding.map(|(since, text)| (*since, text.as_str()))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Since> {
        self.0.keys().copied().collect()
    }

    /// Those without which the same would hold for all versions, the newest first.
    pub(crate) fn superfluous(&self) -> Vec<Since> {
        let corners = Since::corners(&self.0.keys().copied().collect::<Vec<_>>());
        let mut kept = Self(self.0.clone());
        let mut gone = Vec::new();
        // Where one is gone another may be.
        while let Some(since) = kept.0.keys().rev().copied().find(|since| kept.does_without(*since, &corners)) {
            kept.0.remove(&since);
            gone.push(since);
        }
        gone
    }

    /// Whether the same holds at all these versions without one of them.
    fn does_without(&self, since: Since, corners: &[Since]) -> bool {
        corners.iter().all(|corner| {
            let holding = |but: Option<Since>| {
                let mut reaching = self.0.iter().filter(|(one, _)| one.reaches(*corner) && Some(**one) != but);
                reaching.next_back().map(|(_, text)| text)
            };
            holding(None) == holding(Some(since))
        })
    }

    /// Each of them, with what would hold in its place, from the oldest on.
    pub(crate) fn history(&self) -> Vec<Chapter<'_>> {
        let before = |since: Since| {
            let mut others = self.0.iter().filter(|(other, _)| **other != since && other.reaches(since));
            others.next_back().map(|(since, text)| (*since, text.as_str()))
        };
        self.0.iter().map(|(since, text)| Chapter { since: *since, text, before: before(*since) }).collect()
    }
}

/// What a snapshot says. insta's files have a header between two lines of dashes.
fn body(file: &str) -> String {
    let body = file.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).map_or(file, |(_, body)| body);
    body.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(linux: &str, mdadm: &str) -> Since {
        Since::new(linux.parse().unwrap(), mdadm.parse().unwrap())
    }

    fn shelf(files: &[(&str, &str, &str)]) -> Shelf {
        let file = |(linux, mdadm, text): &(&str, &str, &str)| (since(linux, mdadm), (*text).to_owned());
        Shelf(files.iter().map(file).collect())
    }

    #[test]
    fn the_newest_that_is_not_newer_holds() {
        let shelf = shelf(&[("5.10", "4.1", "a"), ("6.1", "4.2", "b"), ("6.12", "4.2", "c"), ("6.12", "4.4", "d")]);
        for (linux, mdadm, expected) in [
            ("5.10", "4.1", "a"),
            ("6.1", "4.2", "b"),
            ("6.6", "4.4", "b"),
            ("6.12", "4.2", "c"),
            ("7.2", "4.6", "d"),
            ("7.2", "4.1", "a"),
        ] {
            assert_eq!(shelf.holding(since(linux, mdadm)).unwrap().1, expected, "Linux {linux}, mdadm {mdadm}");
        }
        assert!(shelf.holding(since("4.19", "4.1")).is_none());
    }

    #[test]
    fn files_are_read_without_their_headers() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("dmesg.snap", "---\nsource: mirror.rs\n---\nmd0 stopped\n"),
            ("dmesg@linux-6.1.snap", "---\nsource: mirror.rs\n---\n---\n"),
            ("dmesg@linux-6.1.snap.new", "offered"),
            ("state.snap", "---\nsource: mirror.rs\n---\nanother channel\n"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let shelf = Shelf::open(folder.path(), Channel::Dmesg);
        let texts: Vec<&str> = shelf.0.values().map(String::as_str).collect();
        assert_eq!(texts, ["md0 stopped", "---"]);
        assert!(Shelf::open(&folder.path().join("gone"), Channel::Dmesg).0.is_empty());
    }

    #[test]
    fn what_says_the_same_as_its_neighbour_is_superfluous() {
        let of = |files: &[(&str, &str, &str)]| shelf(files).superfluous();
        assert_eq!(of(&[("5.10", "4.1", "a"), ("6.1", "4.2", "a"), ("7.2", "4.6", "b")]), [since("6.1", "4.2")]);
        // Without the second the third would hold at the fourth's mdadm and the second's Linux.
        let needed = [("5.10", "4.1", "a"), ("6.1", "4.1", "b"), ("6.12", "4.1", "a")];
        assert_eq!(of(&needed), []);
        let chain = [("5.10", "4.1", "a"), ("5.10", "4.4", "b"), ("6.1", "4.1", "a"), ("6.1", "4.4", "b")];
        assert_eq!(of(&chain), [since("6.1", "4.1"), since("6.1", "4.4")]);
    }

    #[test]
    fn a_history_names_what_was_before() {
        let shelf = shelf(&[("5.10", "4.1", "a"), ("5.10", "4.4", "b"), ("6.1", "4.2", "c")]);
        let history = shelf.history();
        let before: Vec<_> = history.iter().map(|one| (one.text, one.before.map(|(_, text)| text))).collect();
        assert_eq!(before, [("a", None), ("b", Some("a")), ("c", Some("a"))]);
    }
}
