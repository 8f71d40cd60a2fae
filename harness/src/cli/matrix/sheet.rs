//! What is known of every machine and every scenario so far.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::choice::Choice;
use crate::cli::grid::Grid;
use crate::cli::scenarios::Scenario;
use crate::failure::{Class, Failure};
use crate::recording::MachineId;

/// A kernel with a tool.
pub(super) struct Cell {
    pub(super) choice: Choice,
    /// Whether it is a failure if it cannot be had.
    pub(super) required: bool,
    booted: OnceLock<Booted>,
    /// How each scenario ended; nothing where it has not, or is not planned.
    ended: Mutex<Vec<Option<Ended>>>,
    /// Scenarios that are planned on it.
    pub(super) planned: Vec<usize>,
}

/// What came of a machine's boot.
pub(super) enum Booted {
    Ready(MachineId),
    /// Debian does not have its kernel or its tool.
    Unavailable(Failure),
    Failed(Failure),
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Passed,
    Skipped(String),
    Failed(Class),
}

/// The whole grid.
pub(super) struct Sheet {
    grid: Grid,
    pub(super) cells: Vec<Cell>,
    pub(super) scenarios: Vec<String>,
}

impl Cell {
    pub(super) fn machine(&self) -> Option<&Booted> {
        self.booted.get()
    }

    fn results(&self) -> MutexGuard<'_, Vec<Option<Ended>>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a scenario ended, if it has.
    pub(super) fn of(&self, scenario: usize) -> Option<Ended> {
        self.results()[scenario].clone()
    }

    /// Whether anything went wrong with it.
    /// Why the machine is not there, though it should be.
    fn loss(&self) -> Option<Class> {
        match self.machine()? {
            Booted::Failed(failure) => Some(failure.class),
            Booted::Unavailable(failure) if self.required => Some(failure.class),
            _ => None,
        }
    }

    pub(super) fn is_bad(&self) -> bool {
        match self.machine() {
            Some(Booted::Failed(_)) => true,
            Some(Booted::Unavailable(_)) => self.required,
            _ => self.results().iter().flatten().any(|ended| matches!(ended, Ended::Failed(_))),
        }
    }

    /// What came of it, in a few words.
    pub(super) fn text(&self) -> String {
        match self.machine() {
            None => return "...".into(),
            Some(Booted::Unavailable(_)) => return "unavailable".into(),
            Some(Booted::Failed(failure)) => return failure.class.to_string(),
            Some(Booted::Ready(_)) => {}
        }
        let results = self.results();
        let count = |wanted: &dyn Fn(&Ended) -> bool| results.iter().flatten().filter(|ended| wanted(ended)).count();
        let done = count(&|_| true);
        let mut parts: Vec<(usize, String)> = Class::PRECEDENCE
            .iter()
            .map(|class| (count(&|ended| *ended == Ended::Failed(*class)), class.to_string()))
            .collect();
        parts.push((count(&|ended| *ended == Ended::Passed), "pass".into()));
        parts.push((count(&|ended| matches!(ended, Ended::Skipped(_))), "skip".into()));
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let text = parts.collect::<Vec<_>>().join(", ");
        match self.planned.len() - done {
            0 => text,
            left => format!("{text}{}{left} to go", if done > 0 { ", " } else { "" }),
        }
    }
}

impl Sheet {
    /// An empty one. On each machine one of `one_in` scenarios is planned: others than with the next tool, and than on the next
    /// kernel.
    pub(super) fn new(grid: Grid, cells: Vec<(Choice, bool)>, scenarios: &[Scenario], one_in: usize) -> Self {
        let tools = grid.tools.len().max(1);
        // A whole row of tools would come to where the row before it began.
        let row = if tools.is_multiple_of(one_in) { tools + 1 } else { tools };
        let shift = |number: usize| number / tools * row + number % tools;
        let cells = cells.into_iter().enumerate().map(|(number, (choice, required))| Cell {
            choice,
            required,
            booted: OnceLock::new(),
            ended: Mutex::new(vec![None; scenarios.len()]),
            planned: (0..scenarios.len())
                .filter(|scenario| (scenario + shift(number)).is_multiple_of(one_in))
                .collect(),
        });
        let scenarios = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
        Self { grid, cells: cells.collect(), scenarios }
    }

    /// Takes note of a machine.
    pub(super) fn booted(&self, cell: &Cell, booted: Booted) {
        // Each is booted once.
        let _ = cell.booted.set(booted);
    }

    /// Takes note of how a scenario ended; once it was its machine's last, a line says what came of all.
    pub(super) fn ended(&self, cell: &Cell, scenario: usize, ended: Ended) -> Option<String> {
        let left = {
            let mut results = cell.results();
            results[scenario] = Some(ended);
            cell.planned.len() - results.iter().flatten().count()
        };
        let (kernel, tool) = (&cell.choice.kernel, &cell.choice.tool);
        (left == 0).then(|| format!("{kernel} with mdadm {tool}: {}\n", cell.text()))
    }

    /// What can be run: a machine's number, and a scenario's.
    pub(super) fn plan(&self) -> Vec<(usize, usize)> {
        let ready = self.cells.iter().enumerate().filter(|(_, cell)| matches!(cell.machine(), Some(Booted::Ready(_))));
        ready.flat_map(|(number, cell)| cell.planned.iter().map(move |scenario| (number, *scenario))).collect()
    }

    pub(super) fn planned(&self) -> usize {
        self.cells.iter().map(|cell| cell.planned.len()).sum()
    }

    pub(super) fn done(&self) -> usize {
        self.cells.iter().map(|cell| cell.results().iter().flatten().count()).sum()
    }

    /// Rows of the grid: a tool's name, and its machines, kernel by kernel.
    pub(super) fn rows(&self) -> Vec<(String, Vec<&Cell>)> {
        let of_tool =
            |number: usize| -> Vec<&Cell> { self.cells.iter().skip(number).step_by(self.grid.tools.len()).collect() };
        let name = |number: usize, cells: &[&Cell]| {
            let version = cells.iter().find_map(|cell| match cell.machine() {
                Some(Booted::Ready(machine)) => Some(machine.mdadm.clone()),
                _ => None,
            });
            format!("mdadm {} ({})", version.unwrap_or_else(|| "?".into()), self.grid.tools[number])
        };
        (0..self.grid.tools.len()).map(|number| (name(number, &of_tool(number)), of_tool(number))).collect()
    }

    /// The kernels, as far as they are known by their numbers.
    pub(super) fn columns(&self) -> Vec<String> {
        let kernels = self.grid.kernels.iter().enumerate();
        let of_kernel =
            |number: usize| self.cells.iter().skip(number * self.grid.tools.len()).take(self.grid.tools.len());
        let name = |(number, kernel): (usize, &crate::cli::grid::Listed)| {
            let version = of_kernel(number).find_map(|cell| match cell.machine() {
                Some(Booted::Ready(machine)) => machine.kernel.split('-').next().map(str::to_owned),
                _ => None,
            });
            format!("Linux {} ({})", version.unwrap_or_else(|| "?".into()), kernel.source)
        };
        kernels.map(name).collect()
    }

    /// Machines that should have been there and were not.
    pub(super) fn lost(&self) -> usize {
        self.cells.iter().filter_map(Cell::loss).count()
    }

    /// The classes of all that failed, machines among them.
    pub(super) fn classes(&self) -> Vec<Class> {
        let of_cell = |cell: &Cell| -> Vec<Class> {
            let failed = |ended: &Ended| if let Ended::Failed(class) = ended { Some(*class) } else { None };
            match cell.loss() {
                Some(class) => vec![class],
                None => cell.results().iter().flatten().filter_map(failed).collect(),
            }
        };
        self.cells.iter().flat_map(of_cell).collect()
    }
}
