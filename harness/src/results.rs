//! What a run of scenarios came to, `run.json`: every report is made of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::failure::{Class, Failure};
use crate::folder;
use crate::outcome::{Outcome, Verdict};

/// The file, among what runs leave behind.
pub(crate) const FILE: &str = "run.json";

/// The one format that there is so far.
const FORMAT: u32 = 1;

/// A run, or several that were put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// [`FORMAT`].
    format: u32,
    /// The version of mdlab.
    pub(crate) mdlab: String,
    /// When it began, in seconds since 1970.
    pub(crate) began: u64,
    /// Wall time.
    pub(crate) seconds: f64,
    /// How each scenario went.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Results {
    /// Of a run that began so long ago.
    pub(crate) fn new(took: Duration, outcomes: Vec<Outcome>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            format: FORMAT,
            mdlab: env!("CARGO_PKG_VERSION").to_owned(),
            began: now.saturating_sub(took).as_secs(),
            seconds: took.as_secs_f64(),
            outcomes,
        }
    }

    /// Writes the file among what runs leave behind; evidence below that folder is named from there, so that it may move.
    pub(crate) fn write(mut self) -> Result<PathBuf, Failure> {
        let folder = folder::make(folder::base()?)?;
        for evidence in self.outcomes.iter_mut().flat_map(|outcome| &mut outcome.evidence) {
            if let Ok(inside) = evidence.strip_prefix(&folder) {
                *evidence = inside.to_owned();
            }
        }
        let path = folder.join(FILE);
        folder::write_whole(&path, self.text()?.as_bytes())?;
        Ok(path)
    }

    /// The file's text.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let text = serde_json::to_string_pretty(self).map(|text| text + "\n");
        text.map_err(|error| Failure::infra(format!("write what a run came to: {error}")))
    }

    /// Reads one, and where its evidence is.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let refuse = |what: &dyn std::fmt::Display| {
            Failure::usage(format!("read `{}`: {what}; `mdlab run` and `mdlab matrix` write it", path.display()))
        };
        let text = fs::read(path).map_err(|error| refuse(&error))?;
        let mut results: Self = serde_json::from_slice(&text).map_err(|error| refuse(&error))?;
        if results.format != FORMAT {
            return Err(refuse(&format!("expected format {FORMAT}, got {}", results.format)));
        }
        // Written again elsewhere, it names the same.
        let folder = std::path::absolute(path).map_err(|error| refuse(&error))?;
        let folder = folder.parent().unwrap_or(Path::new("/"));
        for evidence in results.outcomes.iter_mut().flat_map(|outcome| &mut outcome.evidence) {
            *evidence = folder.join(&*evidence);
        }
        Ok(results)
    }

    /// The class that counts most; a scenario that was ended before its time is one that the laboratory failed.
    pub(crate) fn class(&self) -> Option<Class> {
        let classes = self.outcomes.iter().map(|outcome| outcome.verdict.map_or(Some(Class::Infra), Verdict::class));
        Class::worst(&classes.flatten().collect::<Vec<_>>())
    }

    /// Several as one: they ran side by side.
    pub(crate) fn together(all: Vec<Self>) -> Option<Self> {
        all.into_iter().reduce(|mut one, other| {
            let end = (one.began as f64 + one.seconds).max(other.began as f64 + other.seconds);
            one.began = one.began.min(other.began);
            one.seconds = end - one.began as f64;
            one.outcomes.extend(other.outcomes);
            one
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(began: u64, seconds: f64, scenario: &str) -> Results {
        let outcomes = vec![Outcome { evidence: vec!["guest".into()], ..Outcome::none("scenarios", scenario) }];
        Results { began, seconds, ..Results::new(Duration::ZERO, outcomes) }
    }

    #[test]
    fn evidence_is_found_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, ran(1, 2.0, "mirror::creates").text().unwrap()).unwrap();
        let read = Results::read(&path).unwrap();
        assert_eq!(read.outcomes[0].evidence, [folder.path().join("guest")]);
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let refused = |text: &str| {
            fs::write(&path, text).unwrap();
            Results::read(&path).unwrap_err().to_string()
        };
        let newer = ran(1, 2.0, "mirror::creates").text().unwrap().replace("\"format\": 1", "\"format\": 2");
        assert!(refused(&newer).contains("expected format 1, got 2"));
        assert!(refused("{").contains("`mdlab run` and `mdlab matrix` write it"));
        fs::remove_file(&path).unwrap();
        assert!(Results::read(&path).unwrap_err().to_string().contains("No such file"));
    }

    #[test]
    fn what_did_not_come_to_its_end_has_not_passed() {
        let pass = Outcome { verdict: Some(Verdict::Pass), ..Outcome::none("scenarios", "mirror") };
        let of = |other: Outcome| Results::new(Duration::ZERO, vec![pass.clone(), other]).class();
        assert_eq!(of(pass.clone()), None);
        assert_eq!(of(Outcome::none("scenarios", "stop")), Some(Class::Infra));
        assert_eq!(of(Outcome::not_run(&Failure::usage("they do not build"))), Some(Class::Usage));
    }

    #[test]
    fn parts_that_ran_side_by_side_are_one_run() {
        let both = Results::together(vec![ran(100, 60.0, "one"), ran(90, 20.0, "other")]).unwrap();
        assert_eq!((both.began, both.seconds, both.outcomes.len()), (90, 70.0, 2));
        assert!(Results::together(Vec::new()).is_none());
    }
}
