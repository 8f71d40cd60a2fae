//! Snapshots: which file holds for what runs, and whether it still does.
//!
//! `snapshots/FILE/SCENARIO/CHANNEL.snap` holds from the oldest supported versions on, `CHANNEL@linux-6.12.snap` from Linux 6.12
//! on, `CHANNEL@linux-6.12,mdadm-4.4.snap` from that pair on. The newest file that is not newer than what runs is the one
//! compared, so the folder reads as the history of md's behaviour. A difference is offered as a new file for the version
//! that runs, never as a change of what an older one did.

mod shelf;
mod since;

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::{Path, PathBuf};

use crate::channel::Channel;
use crate::failure::{Class, Evidence, Failure};
use crate::guest::Guest;
use crate::outcome::{self, Word};
use crate::redaction::Redaction;

pub(crate) use shelf::{Chapter, Shelf};
pub use since::Since;

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
        let parts: Vec<&str> = title.split("::").collect();
        let function = parts.iter().position(|part| *part == scenario);
        let (modules, cases) = parts.split_at(function.unwrap_or(parts.len()));
        Self::at(Path::new(manifest), modules, scenario, cases.get(1..).unwrap_or_default())
    }

    /// The folders in which the snapshots of a test may lie, whichever part of its name is the function's.
    pub(crate) fn possible(title: &str, manifest: &Path) -> Vec<PathBuf> {
        let parts: Vec<&str> = title.split("::").collect();
        let at =
            |function: usize| Self::at(manifest, &parts[..function], parts[function], &parts[function + 1..]).folder;
        (0..parts.len()).map(at).collect()
    }

    /// The folder of all snapshots of a crate.
    pub(crate) fn root(manifest: &Path) -> PathBuf {
        manifest.join("snapshots")
    }

    fn at(manifest: &Path, modules: &[&str], scenario: &str, cases: &[&str]) -> Self {
        let modules: PathBuf = modules.iter().map(|module| plain(module)).collect();
        let folder = Self::root(manifest).join(modules).join(plain(scenario));
        let case = cases.iter().map(|name| case(name)).collect::<Vec<_>>().join("-");
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
    // A text's quotes are underscores: `from_4___sid__` is `sid`.
    let named = words.next().filter(|_| numbered).unwrap_or(name).trim_matches('_');
    named.rsplit("__").next().unwrap_or(named).to_lowercase()
}

/// The variable that has snapshots play no part: what scenarios do is compared otherwise.
pub(crate) const IGNORED: &str = "MDLAB_SNAPSHOTS_IGNORED";

/// The variable by which insta is told what to print.
pub(crate) const INSTA_OUTPUT: &str = "INSTA_OUTPUT";

/// Compares every channel; `assert` is insta's assertion, which knows the test. All channels are compared before the
/// scenario fails, so that one review sees them all.
#[track_caller]
pub fn compare(guest: &Guest, place: &Place, assert: impl Fn(String, &str)) {
    guest.refuse_strays();
    if std::env::var_os(IGNORED).is_some() {
        return;
    }
    let recording = guest.recording();
    let redaction = Redaction::of(recording);
    let versions = recording.machine.versions().map_err(Failure::infra);
    let (linux, mdadm) = guest.expect(versions);
    let runs = Since::new(linux, mdadm);
    if !Since::EVER.reaches(runs) {
        let text =
            format!("{runs} is older than what snapshots begin with, {}: `mdlab compare` does without", Since::EVER);
        guest.expect::<()>(Err(Failure::usage(text)));
    }
    let (mut known, mut drifted, mut missing) = (false, Vec::new(), Vec::new());
    // Anything else that it may be told has it say less; and what its own file tells it is not known here.
    let insta_shows = std::env::var_os(INSTA_OUTPUT).is_some_and(|how| how == "diff");
    for channel in Channel::ALL {
        let text = channel.render(&recording.steps, &redaction);
        let shelf = Shelf::open(&place.folder, channel);
        let (fails, name) = match shelf.holding(runs) {
            Some((since, held)) if held == text.trim_end() => {
                known = true;
                forget(place, &since.name(channel));
                forget(place, &runs.name(channel));
                continue;
            }
            Some((since, held)) => {
                known = true;
                let unified = note(guest, place, (channel, since), [held, text.trim_end()]);
                // insta compares a version with itself alone: of another it can only show the new file.
                if since != runs || !insta_shows {
                    eprintln!("{unified}");
                }
                (&mut drifted, runs.name(channel))
            }
            None => {
                note(guest, place, (channel, Since::EVER), ["", text.trim_end()]);
                (&mut missing, Since::EVER.name(channel))
            }
        };
        match catch_unwind(AssertUnwindSafe(|| assert(name.clone(), &text))) {
            Ok(()) => forget(place, &name),
            Err(_) => fails.push(channel.name()),
        }
    }
    if !drifted.is_empty() || !missing.is_empty() {
        let folder = place.folder.display();
        let text = match known {
            true => {
                let differ = format!("{} differ from the snapshots in `{folder}`", drifted.join(", "));
                let lack = missing.join(", ")
                    + &format!(" have no snapshots in `{folder}` yet: run on the oldest kernel first");
                let parts =
                    [(drifted, differ), (missing, lack)].into_iter().filter(|(channels, _)| !channels.is_empty());
                let parts: String = parts.map(|(_, text)| text + "; ").collect();
                parts + "`cargo insta review` accepts it"
            }
            false => format!(
                "there are no snapshots in `{folder}` yet: run on the oldest kernel first, then `cargo insta review`"
            ),
        };
        let machine = Some(recording.machine.to_string());
        let line = Some(Location::caller().to_string());
        guest.expect::<()>(Err(Failure::with(Class::Drift, text, Evidence { machine, line, ..Evidence::default() })));
    }
}

/// Notes how a channel differs from what held, or from nothing at all; returns what is told of it.
fn note(guest: &Guest, place: &Place, (channel, since): (Channel, Since), [held, now]: [&str; 2]) -> String {
    let file = format!("{}.snap", since.name(channel));
    let difference = similar::TextDiff::from_lines(held, now);
    let mut difference = difference.unified_diff();
    let unified = difference.missing_newline_hint(false).header(&format!("{file}, until now"), "now").to_string();
    let (channel, snapshot) = (channel.name().to_owned(), place.folder.join(file));
    let difference = outcome::Difference { channel, snapshot, guest: guest.number(), unified: unified.clone() };
    outcome::note(guest.title(), Word::Differs(difference));
    unified
}

/// Withdraws what was offered for review when something else held.
fn forget(place: &Place, name: &str) {
    // Most often there is none; and where it cannot be removed, a review still asks.
    let _ = std::fs::remove_file(place.folder.join(format!("{name}.snap.new")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_named_after_its_function() {
        let folder = |path, title| Place::of(path, title, "/crate").folder;
        let creates = "tests::mirror::creates::here";
        for (path, title, expected) in [
            (creates, "mirror::creates", "mirror/creates"),
            ("tests::stops::{{closure}}::here", "stops", "stops"),
            (creates, "mirror::creates::case_1_far", "mirror/creates/far"),
            (creates, "mirror::creates::case_12", "mirror/creates/case_12"),
            (creates, "mirror::creates::from_4___sid__", "mirror/creates/sid"),
            ("tests::/etc::here", "..::/etc::..", "__/_etc/__"),
            (creates, "mirror::creates::level_2_Level__Raid10::tool_1_Tool__Mdadm", "mirror/creates/raid10-mdadm"),
        ] {
            let expected = PathBuf::from("/crate/snapshots").join(expected);
            assert_eq!(folder(path, title), expected);
            assert!(Place::possible(title, Path::new("/crate")).contains(&expected), "{title}");
        }
    }
}
