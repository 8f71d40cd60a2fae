//! Snapshots: which file holds for what runs, and whether it still does.
//!
//! `snapshots/FILE/SCENARIO/CHANNEL.snap` holds from the oldest supported version on, `CHANNEL@linux-6.12.snap` from Linux 6.12
//! on, `CHANNEL@linux-6.12,mdadm-4.4.snap` from that pair on. The newest file that is not newer than what runs is the one
//! compared, so the folder reads as the history of md's behaviour. A difference is offered as a new file for the version
//! that runs, never as a change of what an older one did.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::PathBuf;

use crate::channel::Channel;
use crate::failure::{Class, Evidence, Failure};
use crate::guest::Guest;
use crate::redaction::Redaction;
use crate::version::Version;

/// The oldest supported Linux and mdadm: those of Debian bullseye. What they do needs no version in a file's name.
const OLDEST: (Version, Version) = (Version { major: 5, minor: 10 }, Version { major: 4, minor: 1 });

/// Compares what was recorded with the snapshots beside the test, `snapshots/FILE/SCENARIO/CHANNEL.snap`.
///
/// The scenario is named after the function that says this, and its file after the module that the function is in; each case
/// of a function that has several has a folder of its own, `snapshots/FILE/SCENARIO/CASE/CHANNEL.snap`.
#[macro_export]
macro_rules! assert_story {
    ($guest:expr) => {{
        fn here() {}
        let path = ::std::any::type_name_of_val(&here);
        let place = $crate::Place::of(path, $guest.title(), env!("CARGO_MANIFEST_DIR"));
        $crate::compare(&$guest, &place, |name, text| {
            $crate::insta::with_settings!({
                snapshot_path => place.folder(),
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                $crate::insta::assert_snapshot!(name, text);
            });
        });
    }};
}

/// Where the snapshots of a scenario lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// From the path of something inside the scenario's function, the test's name, and the folder of its crate.
    pub fn of(path: &str, title: &str, manifest: &str) -> Self {
        let scenario = path.rsplit("::").skip(1).find(|part| !part.starts_with('{')).unwrap_or(path);
        let mut parts = title.split("::");
        let modules: PathBuf = parts.by_ref().take_while(|part| *part != scenario).map(plain).collect();
        let folder = PathBuf::from(manifest).join("snapshots").join(modules).join(plain(scenario));
        let case = parts.map(case).collect::<Vec<_>>().join("-");
        Self { folder: if case.is_empty() { folder } else { folder.join(plain(&case)) } }
    }

    /// The folder.
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }
}

/// A name as a part of a path that leads nowhere else, whatever a test is called.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || "_-".contains(c) { c } else { '_' }).collect()
}

/// What rstest's name for a case or a value means: `case_1_far` is `far`, `level_2_Level__Raid0` is `raid0`.
fn case(name: &str) -> String {
    let mut words = name.splitn(3, '_');
    let numbered = words.nth(1).is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
    let named = words.next().filter(|_| numbered).unwrap_or(name);
    named.rsplit("__").next().unwrap_or(named).to_lowercase()
}

/// What a snapshot's name says of the versions from which on it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since {
    linux: Version,
    mdadm: Version,
}

impl Since {
    const EVER: Self = Self { linux: OLDEST.0, mdadm: OLDEST.1 };

    /// Reads a file's name: `dmesg.snap`, `dmesg@linux-6.12.snap`, `syscalls@linux-6.12,mdadm-4.4.snap`.
    pub fn read(name: &str, channel: Channel) -> Option<Self> {
        let rest = name.strip_suffix(".snap")?.strip_prefix(channel.name())?;
        let mut since = Self::EVER;
        for part in rest.strip_prefix('@').into_iter().flat_map(|versions| versions.split(',')) {
            match part.split_once('-')? {
                ("linux", version) => since.linux = version.parse().ok()?,
                ("mdadm", version) => since.mdadm = version.parse().ok()?,
                _ => return None,
            }
        }
        // Versions have one name each: any other is somebody's mistake, and two files must not mean the same.
        (format!("{}.snap", since.name(channel)) == name).then_some(since)
    }

    /// The name of the snapshot that holds from here on, without its ending.
    pub fn name(self, channel: Channel) -> String {
        match (self.linux > OLDEST.0 || self.mdadm > OLDEST.1, channel.depends_on_tool()) {
            (false, _) => channel.name().to_owned(),
            (true, false) => format!("{channel}@linux-{}", self.linux),
            (true, true) => format!("{channel}@linux-{},mdadm-{}", self.linux, self.mdadm),
        }
    }
}

/// Compares every channel; `assert` is insta's assertion, which knows the test. All channels are compared before the
/// scenario fails, so that one review sees them all.
#[track_caller]
pub fn compare(guest: &Guest, place: &Place, assert: impl Fn(String, &str)) {
    guest.refuse_strays();
    let recording = guest.recording();
    let redaction = Redaction::of(recording);
    let versions = recording.machine.versions().map_err(Failure::infra);
    let (linux, mdadm) = guest.expect(versions);
    let mut files = place.folder.read_dir().into_iter().flatten().flatten();
    let known = files.any(|file| file.path().extension().is_some_and(|ending| ending == "snap"));
    let mut drifted = Vec::new();
    for channel in Channel::ALL {
        let text = channel.render(&recording.steps, &redaction);
        let name = match newest(place, channel, Since { linux, mdadm }) {
            Some((_, name)) if holds(place, &name, &text) => {
                forget(place, &name);
                forget(place, &(Since { linux, mdadm }).name(channel));
                continue;
            }
            // What holds from just this version on is compared by insta, which shows the difference.
            Some((_, name)) if name == (Since { linux, mdadm }).name(channel) => name,
            Some((_, older)) => {
                // insta can only show the new file.
                let held = body(place, &older).unwrap_or_default();
                let difference = similar::TextDiff::from_lines(held.trim_end(), text.trim_end());
                let difference =
                    difference.unified_diff().header(&format!("{older}.snap, until now"), "now").to_string();
                eprintln!("{difference}");
                (Since { linux, mdadm }).name(channel)
            }
            None => Since::EVER.name(channel),
        };
        match catch_unwind(AssertUnwindSafe(|| assert(name.clone(), &text))) {
            Ok(()) => forget(place, &name),
            Err(_) => drifted.push(channel.name()),
        }
    }
    if !drifted.is_empty() {
        let (channels, folder) = (drifted.join(", "), place.folder.display());
        let text = match known {
            true => format!("{channels} differ from the snapshots in `{folder}`: `cargo insta review` shows how"),
            false => format!(
                "there are no snapshots in `{folder}` yet: run on the oldest kernel first, then `cargo insta review`"
            ),
        };
        let machine = Some(recording.machine.to_string());
        let at = Some(Location::caller().to_string());
        guest.expect::<()>(Err(Failure::with(Class::Drift, text, Evidence { machine, at, ..Evidence::default() })));
    }
}

/// The newest snapshot of a channel that is not newer than what runs.
fn newest(place: &Place, channel: Channel, runs: Since) -> Option<(Since, String)> {
    let files = place.folder.read_dir().ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let dated = files.filter_map(|name| Some((Since::read(&name, channel)?, name.strip_suffix(".snap")?.to_owned())));
    dated.filter(|(since, _)| since.linux <= runs.linux && since.mdadm <= runs.mdadm).max()
}

/// Whether a snapshot says this.
fn holds(place: &Place, name: &str, text: &str) -> bool {
    body(place, name).is_some_and(|body| body.trim_end() == text.trim_end())
}

/// Withdraws what was offered for review when something else held.
fn forget(place: &Place, name: &str) {
    // Most often there is none; and where it cannot be removed, a review still asks.
    let _ = std::fs::remove_file(place.folder.join(format!("{name}.snap.new")));
}

/// What a snapshot says. insta's files have a header between two lines of dashes.
fn body(place: &Place, name: &str) -> Option<String> {
    let file = std::fs::read_to_string(place.folder.join(format!("{name}.snap"))).ok()?;
    let (_, body) = file.strip_prefix("---\n")?.split_once("\n---\n")?;
    Some(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(linux: &str, mdadm: &str) -> Since {
        Since { linux: linux.parse().unwrap(), mdadm: mdadm.parse().unwrap() }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for (channel, name, expected) in [
            (Channel::Dmesg, "dmesg", Since::EVER),
            (Channel::Dmesg, "dmesg@linux-6.12", since("6.12", "4.1")),
            (Channel::State, "state@linux-6.12,mdadm-4.4", since("6.12", "4.4")),
            (Channel::Syscalls, "syscalls@linux-6.12,mdadm-4.4", since("6.12", "4.4")),
        ] {
            assert_eq!(Since::read(&format!("{name}.snap"), channel), Some(expected));
            assert_eq!(expected.name(channel), name);
        }
        for name in [
            "dmesg.snap.new",
            "state.snap",
            "dmesg@6.12.snap",
            "dmesg@linux-x.snap",
            "dmesg@linux-6.12,.snap",
            "dmesg@linux-6.012.snap",
            "dmesg@linux-2.6.snap",
            "dmesg@linux-6.12,mdadm-4.4.snap",
        ] {
            assert_eq!(Since::read(name, Channel::Dmesg), None, "{name}");
        }
    }

    #[test]
    fn the_newest_that_is_not_newer_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().into() };
        let names =
            ["state", "state@linux-6.1,mdadm-4.2", "state@linux-6.12,mdadm-4.2", "state@linux-6.12,mdadm-4.4", "dmesg"];
        for name in names {
            std::fs::write(folder.path().join(format!("{name}.snap")), "").unwrap();
        }
        for (linux, mdadm, expected) in [
            ("5.10", "4.1", "state"),
            ("6.1", "4.2", "state@linux-6.1,mdadm-4.2"),
            ("6.6", "4.4", "state@linux-6.1,mdadm-4.2"),
            ("6.12", "4.2", "state@linux-6.12,mdadm-4.2"),
            ("7.2", "4.6", "state@linux-6.12,mdadm-4.4"),
        ] {
            let (_, name) = newest(&place, Channel::State, since(linux, mdadm)).unwrap();
            assert_eq!(name, expected, "Linux {linux}, mdadm {mdadm}");
        }
        assert_eq!(newest(&place, Channel::Uevents, since("6.1", "4.2")), None);
    }

    #[test]
    fn a_scenario_is_named_after_its_function() {
        let folder = |path, title| Place::of(path, title, "/crate").folder;
        let creates = "tests::mirror::creates::here";
        for (path, title, expected) in [
            (creates, "mirror::creates", "mirror/creates"),
            ("tests::stops::{{closure}}::here", "stops", "stops"),
            (creates, "mirror::creates::case_1_far", "mirror/creates/far"),
            (creates, "mirror::creates::case_12", "mirror/creates/case_12"),
            ("tests::/etc::here", "..::/etc::..", "__/_etc/__"),
            (creates, "mirror::creates::level_2_Level__Raid10::tool_1_Tool__Mdadm", "mirror/creates/raid10-mdadm"),
        ] {
            assert_eq!(folder(path, title), PathBuf::from("/crate/snapshots").join(expected));
        }
    }
}
