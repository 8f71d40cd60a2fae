//! How every run of a matrix went, and what is kept of those that passed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::sheet::{Booted, Cell};
use crate::cli::progress::complain;
use crate::failure::Failure;
use crate::folder;
use crate::outcome::{Outcome, Verdict};

/// All outcomes, each with its machine's number in the grid.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Vec<(usize, Outcome)>>);

impl Ledger {
    /// Takes note of a run. Of those that passed one of each scenario is kept, on the newest machine: all of a grid would be a
    /// gigabyte.
    pub(super) fn enter(&self, cell: usize, mut outcome: Outcome, recordings: &[Vec<u8>]) -> Result<(), Failure> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.verdict == Some(Verdict::Pass) {
            let same = |other: &Outcome| (&other.program, &other.scenario) == (&outcome.program, &outcome.scenario);
            let passed = |(_, other): &&mut (usize, Outcome)| {
                other.verdict == Some(Verdict::Pass) && !other.evidence.is_empty() && same(other)
            };
            match all.iter_mut().find(passed) {
                Some((newest, _)) if *newest > cell => outcome.evidence.clear(),
                other => {
                    let older = other.map(|(_, other)| std::mem::take(&mut other.evidence));
                    older.into_iter().flatten().for_each(|folder| remove(&folder));
                    outcome.evidence = keep(&outcome.evidence, recordings)?;
                }
            }
        }
        all.push((cell, outcome));
        Ok(())
    }

    /// They in the order of the grid, and machines that could not be had or did not boot as runs of nothing.
    pub(super) fn outcomes(self, cells: &[Cell]) -> Vec<Outcome> {
        let mut all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.extend(cells.iter().enumerate().filter_map(|(number, cell)| Some((number, of_machine(cell)?))));
        all.sort_by(|(one, a), (other, b)| (one, &a.program, &a.scenario).cmp(&(other, &b.program, &b.scenario)));
        all.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

fn of_machine(cell: &Cell) -> Option<Outcome> {
    let (failure, verdict) = match cell.machine()? {
        Booted::Ready(_) => return None,
        Booted::Unavailable(failure) if !cell.required => (failure, Verdict::Skip),
        Booted::Unavailable(failure) | Booted::Failed(failure) => (failure, Verdict::Fail(failure.class)),
    };
    Some(Outcome::no_machine(cell.choice.options(), verdict, failure))
}

/// Writes recordings where single runs leave theirs; says where.
fn keep(folders: &[PathBuf], recordings: &[Vec<u8>]) -> Result<Vec<PathBuf>, Failure> {
    let base = folder::base()?;
    folders
        .iter()
        .zip(recordings)
        .map(|(folder, recording)| {
            let parts: Vec<_> = folder.components().rev().take(2).collect();
            let place = folder::make(parts.iter().rev().fold(base.clone(), |place, part| place.join(part)))?;
            folder::write_recorded(&place, recording)?;
            Ok(place)
        })
        .collect()
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        complain(&format!("remove `{}`: {error}", folder.display()));
    }
}
