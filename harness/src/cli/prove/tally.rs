//! What all runs of one scenario came to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use mdlab_vm::Digest;

use crate::cli::attempt::{Ran, Remains};
use crate::cli::progress::complain;
use crate::cli::scenarios::Scenario;
use crate::difference::Difference;
use crate::failure::{Class, Failure};
use crate::recording::Recording;

/// Characters of a digest that are shown: two that agree in them are the same.
const DIGEST: usize = 16;

/// The runs of one scenario so far.
#[derive(Default)]
pub(super) struct Tally {
    /// The first recordings with each seed, which all others are compared with.
    first: BTreeMap<Option<u64>, Vec<Vec<u8>>>,
    passed: usize,
    failed: usize,
    /// Runs that were skipped, and why the last of them was.
    skipped: usize,
    reason: String,
    /// The first failure of each class: which run it was, and what it was.
    failures: Vec<(Class, String)>,
}

impl Tally {
    /// Counts a run. Of those that fail the first of each class is kept.
    pub(super) fn count(&mut self, seed: Option<u64>, run: u32, ran: Ran) -> Result<(), Failure> {
        let (class, text, remains) = match ran {
            Ran::Skipped(reason) => {
                self.skipped += 1;
                self.reason = reason;
                return Ok(());
            }
            Ran::Well(none) if none.is_empty() => {
                (Class::Usage, "it recorded nothing: it asks for no `Guest`".to_owned(), Remains::make()?)
            }
            Ran::Well(recordings) => match self.first.entry(seed) {
                Entry::Vacant(first) => {
                    first.insert(recordings);
                    self.passed += 1;
                    return Ok(());
                }
                Entry::Occupied(first) if *first.get() == recordings => {
                    self.passed += 1;
                    return Ok(());
                }
                Entry::Occupied(_) if self.failures.iter().any(|(class, _)| *class == Class::Drift) => {
                    self.failed += 1;
                    return Ok(());
                }
                Entry::Occupied(first) => {
                    let remains = Remains::make()?;
                    (Class::Drift, difference(first.get(), &recordings, remains.path()), remains)
                }
            },
            Ran::Badly(class, said, remains) => (class, said, remains),
        };
        self.failed += 1;
        if self.failures.iter().all(|(known, _)| *known != class) {
            let seed = seed.map(|seed| format!("seed {seed}, ")).unwrap_or_default();
            let kept = remains.keep().map_or(String::new(), |place| format!("\nevidence: {}", place.display()));
            self.failures.push((class, format!("{seed}run {run}: {}{kept}", text.trim())));
        }
        Ok(())
    }

    /// Whether it was skipped: then nothing is proven, but that it failed if it did.
    pub(super) fn was_skipped(&self) -> bool {
        self.skipped > 0 && self.failures.is_empty()
    }

    /// Runs that have ended.
    pub(super) fn done(&self) -> usize {
        self.passed + self.failed + self.skipped
    }

    /// The class that counts most.
    pub(super) fn class(&self) -> Option<Class> {
        Class::worst(&self.failures.iter().map(|(class, _)| *class).collect::<Vec<_>>())
    }

    /// How it came out, in a line; the first failure of each class in full.
    pub(super) fn line(&self, scenario: &Scenario, rerun: &str) -> String {
        let (name, passed, done) = (&scenario.name, self.passed, self.done());
        match self.class() {
            None if self.skipped > 0 => format!("skip   {name}: {}\n", self.reason),
            None => format!("pass   {name}: {done} of {done} as they should be, {}\n", self.digest()),
            Some(worst) => {
                let class = worst.to_string();
                let (first, others): (Vec<_>, Vec<_>) = self.failures.iter().partition(|(class, _)| *class == worst);
                let others = others.into_iter().map(|(class, text)| format!("{class}, {text}"));
                let all: Vec<String> = first.into_iter().map(|(_, text)| text.clone()).chain(others).collect();
                let text = all.join("\n").replace('\n', "\n  ");
                format!(
                    "{class:6} {name}: {passed} of {done} as they should be\n  {text}\n  rerun: mdlab prove {name} {rerun}\n"
                )
            }
        }
    }

    /// Names what was recorded: with the same kernel, tools and seeds it is the same on every machine.
    fn digest(&self) -> String {
        let all: Vec<u8> =
            self.first.values().flatten().flat_map(|bytes| Digest::of(bytes).to_string().into_bytes()).collect();
        Digest::of(&all).to_string()[..DIGEST].to_owned()
    }
}

/// Where recordings differ that should be the same. All are written into a folder, if there is room.
fn difference(first: &[Vec<u8>], other: &[Vec<u8>], evidence: &Path) -> String {
    for (name, recordings) in [("first", first), ("other", other)] {
        for (number, recording) in (1..).zip(recordings) {
            let path = evidence.join(format!("guest-{number}-{name}.json"));
            // The failure itself matters more than a failure to keep its evidence.
            if let Err(error) = std::fs::write(&path, recording) {
                complain(&format!("write `{}`: {error}", path.display()));
            }
        }
    }
    if first.len() != other.len() {
        return format!("expected {} recordings, got {}", first.len(), other.len());
    }
    let read = |bytes: &[u8]| serde_json::from_slice::<Recording>(bytes);
    for (number, (first, other)) in (1..).zip(first.iter().zip(other)).filter(|(_, (first, other))| first != other) {
        match (read(first), read(other)) {
            (Ok(first), Ok(other)) => {
                if let Some(difference) = Difference::between(&first, &other) {
                    return format!("the recording of guest {number} differs from the first run's in {difference}");
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                return format!("the recordings of guest {number} differ, and one cannot be read: {error}");
            }
        }
    }
    "the recordings differ in their bytes alone".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        Scenario {
            name: "mirror::creates".into(),
            package: "".into(),
            id: "".into(),
            program: "".into(),
            folder: "".into(),
        }
    }

    #[test]
    fn runs_with_one_seed_must_be_alike_and_with_another_need_not() {
        let scenario = scenario();
        let recording = |kernel: &str| {
            format!(r#"{{"machine":{{"kernel":"{kernel}","mdadm":"4.2","accel":"tcg"}},"steps":[]}}"#).into_bytes()
        };
        let mut tally = Tally::default();
        for (seed, run, kernel) in [(1, 1, "6.1"), (2, 1, "6.2"), (1, 2, "6.1")] {
            tally.count(Some(seed), run, Ran::Well(vec![recording(kernel)])).unwrap();
        }
        assert_eq!((tally.done(), tally.class()), (3, None));
        tally.count(Some(2), 2, Ran::Well(vec![recording("6.1")])).unwrap();
        assert_eq!((tally.done(), tally.class()), (4, Some(Class::Drift)));
        let line = tally.line(&scenario, "--kernel debian:bookworm");
        let expected = "drift  mirror::creates: 3 of 4 as they should be\n  seed 2, run 2: the recording of guest 1 differs from the first run's in the machine:";
        assert!(line.starts_with(expected), "{line}");
        // Another number of them, once the first failure is known, is only counted.
        tally.count(Some(2), 2, Ran::Well(vec![recording("6.2"); 2])).unwrap();
        assert_eq!(tally.line(&scenario, "--kernel debian:bookworm"), line.replace("3 of 4", "3 of 5"));
        let panic = Ran::Badly(Class::Kernel, "kernel: it panicked".into(), Remains::make().unwrap());
        tally.count(Some(3), 1, panic).unwrap();
        let both = tally.line(&scenario, "--kernel debian:bookworm");
        let told = both
            .starts_with("kernel mirror::creates: 3 of 6 as they should be\n  seed 3, run 1: kernel: it panicked\n");
        assert!(told && both.contains("\n  drift, seed 2, run 2: the recording"), "{both}");
        tally.count(Some(4), 1, Ran::Skipped("it lacks something".into())).unwrap();
        assert!(!tally.was_skipped());
        let evidence = line.lines().find_map(|line| line.strip_prefix("  evidence: ")).map(Path::new).unwrap();
        for (name, kernel) in [("first", "6.2"), ("other", "6.1")] {
            let path = evidence.join(format!("guest-1-{name}.json"));
            assert_eq!(std::fs::read(path).unwrap(), recording(kernel));
        }
        std::fs::remove_dir_all(evidence).unwrap();
        let panic = both.lines().find_map(|line| line.strip_prefix("  evidence: ")).unwrap();
        std::fs::remove_dir_all(panic).unwrap();
    }
}
