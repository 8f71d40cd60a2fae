//! `mdlab matrix`: every scenario on every kernel with every mdadm.

mod ledger;
mod sheet;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use mdlab_vm::{AccelChoice, Cache, KernelSource};

use super::attempt::{Attempt, Ran, first_line};
use super::grid::{Grid, Listed};
use super::interrupt::Interrupts;
use super::pool::{self, Done};
use super::print;
use super::progress::{counting, is_quiet, telling};
use super::report::{either, tell};
use super::scenarios::{self, Scenario, Workspace, environment};
use crate::failure::{Class, Failure};
use crate::folder;
use crate::laboratory::Laboratory;
use crate::outcome::Outcome;
use crate::results::Results;
use crate::tool::ToolSource;
use ledger::Ledger;
use sheet::{Booted, Ended, Sheet};

/// Runs the scenarios on every kernel with every mdadm of a grid, and shows what came of it as a table.
///
/// The grid is that of `ci/matrix.toml`, unless others are named. Each machine boots once. The table is shown while it
/// fills, and kept as Markdown; `*` marks the first bad kernel of a row.
///
/// Example: mdlab matrix assemble; mdlab matrix --kernel tree:. --one-in 4
#[derive(Args)]
pub(super) struct Matrix {
    /// Run only scenarios whose names contain this.
    #[arg(value_parser = scenarios::part)]
    filter: Option<String>,
    #[command(flatten)]
    workspace: Workspace,
    /// The file of the grid [default: `ci/matrix.toml` of the workspace that has the scenarios].
    #[arg(long, value_name = "FILE")]
    grid: Option<PathBuf>,
    /// Kernels to run on instead of the grid's; may be named several times, from the oldest on.
    #[arg(long)]
    kernel: Vec<KernelSource>,
    /// The mdadm to run instead of the grid's; may be named several times, from the oldest on.
    #[arg(long)]
    mdadm: Vec<ToolSource>,
    /// `tcg`, `kvm` or `auto`, as in `mdlab run` [default: tcg].
    #[arg(long, env = "MDLAB_ACCEL")]
    accel: Option<AccelChoice>,
    /// Run on each machine only one of so many scenarios, on each of them others.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    one_in: u32,
    /// Scenarios to run at the same time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: Option<u32>,
}

/// The file of the table, where runs leave their evidence.
const MARKDOWN: &str = "matrix.md";

impl Matrix {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let grid = self.grid()?;
        let shell = self.workspace.shell()?;
        let scenarios = scenarios::list(&shell, self.filter.as_deref())?;
        let jobs = pool::jobs(self.jobs);
        let began = Instant::now();
        let interrupts = Interrupts::heed()?;
        let cells = grid.cells(self.accel)?;
        let sheet = Sheet::new(grid, cells, &scenarios, self.one_in as usize);
        let ledger = Ledger::default();
        let outcome =
            boot(&sheet, jobs, &interrupts).and_then(|()| run(&sheet, &scenarios, jobs, &interrupts, &ledger));
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        // Taken first: let through, it would end this before anything is told.
        let interrupt = interrupts.next();
        let made = format!("{} of {} runs were made", sheet.done(), sheet.planned());
        let mut outcomes = ledger.outcomes(&sheet.cells);
        let cut = |failure: &Failure| Failure::new(failure.class, format!("{made}: {}", failure.message));
        let cut = match &interrupt {
            Some(interrupt) => Some(interrupt.failure(&made)),
            None => outcome.as_ref().err().map(cut),
        };
        outcomes.extend(cut.as_ref().map(Outcome::not_run));
        let results = Results::new(began.elapsed(), outcomes);
        let kept = Interrupts::let_through(|| {
            let shown = self.tell(&sheet, minutes);
            either(tell(results, self.workspace.elsewhere()), shown)
        });
        if let Some(interrupt) = interrupt {
            interrupt.end(&made);
        }
        either(outcome.and_then(|()| verdict(&sheet)), kept)
    }

    fn grid(&self) -> Result<Grid, Failure> {
        if self.kernel.is_empty() || self.mdadm.is_empty() {
            return Ok(Grid::open(self.grid.as_deref(), self.workspace.folder())?.with(&self.kernel, &self.mdadm));
        }
        Ok(Grid { kernels: Vec::<Listed>::new(), tools: Vec::new() }.with(&self.kernel, &self.mdadm))
    }

    /// Prints the table and all that belongs to it, and keeps it as Markdown.
    fn tell(&self, sheet: &Sheet, minutes: f64) -> Result<(), Failure> {
        let path = folder::make(folder::base()?)?.join(MARKDOWN);
        let written = std::fs::write(&path, table::markdown(sheet));
        written.map_err(|error| Failure::infra(format!("write `{}`: {error}", path.display())))?;
        print(&format!("{}\n{minutes:.1} min; as Markdown: {}\n", table::text(sheet), path.display()))
    }
}

/// Fetches and boots every machine.
fn boot(sheet: &Sheet, jobs: usize, interrupts: &Interrupts) -> Result<(), Failure> {
    let cache = Cache::open()?;
    pool::work(sheet.cells.len(), jobs, interrupts, |number| {
        let cell = &sheet.cells[number];
        // A boot ends with this process.
        let booted = Interrupts::let_through(|| match Laboratory::fetch(&cache, &cell.choice, &mut telling()) {
            Err(error) if error.unavailable.is_some() => Booted::Unavailable(error.into()),
            _ => match Laboratory::open_in(&cache, &cell.choice, &mut telling()) {
                Ok(laboratory) => Booted::Ready(laboratory.machine().clone()),
                Err(failure) => Booted::Failed(failure),
            },
        });
        sheet.booted(cell, booted);
        Ok(Done::Yes)
    })
}

/// Runs what is planned, machine by machine, as far as they have booted.
fn run(
    sheet: &Sheet,
    scenarios: &[Scenario],
    jobs: usize,
    interrupts: &Interrupts,
    ledger: &Ledger,
) -> Result<(), Failure> {
    let plan: Vec<(usize, usize)> = sheet.plan();
    let environments: Vec<_> =
        sheet.cells.iter().map(|cell| environment(&cell.choice)).collect::<Result<_, Failure>>()?;
    let board = Board(counting("", plan.len()));
    board.show(sheet);
    let outcome = pool::work(plan.len(), jobs, interrupts, |number| {
        let (cell, scenario) = plan[number];
        let attempt = Attempt { scenario: &scenarios[scenario], environment: &environments[cell] };
        let (ran, outcome) = match attempt.run(interrupts)? {
            Some(ran) if !interrupts.has_come() => ran,
            _ => return Ok(Done::Interrupted),
        };
        let recordings = if let Ran::Well(recordings) = &ran { recordings.as_slice() } else { &[] };
        ledger.enter(cell, outcome, recordings)?;
        let cell = &sheet.cells[cell];
        let ended = match ran {
            Ran::Well(_) => Ended::Passed,
            Ran::Skipped(reason) => Ended::Skipped(reason),
            Ran::Badly(class, said, remains) => {
                let evidence =
                    remains.keep().map_or(String::new(), |place| format!("  evidence: {}\n", place.display()));
                let (name, options, message) =
                    (&scenarios[scenario].name, cell.choice.options(), first_line(class, &said));
                let text = format!("{class:6} {name}: {message}\n{evidence}  rerun:    mdlab run {name} {options}\n");
                Interrupts::let_through(|| print(&text))?;
                Ended::Failed(class)
            }
        };
        let line = sheet.ended(cell, scenario, ended);
        board.show(sheet);
        line.map_or(Ok(()), |line| board.progress(&line)).map(|()| Done::Yes)
    });
    board.0.finish_and_clear();
    outcome
}

fn verdict(sheet: &Sheet) -> Result<(), Failure> {
    let classes = sheet.classes();
    match Class::worst(&classes) {
        None if sheet.done() == 0 => {
            Err(Failure::infra("nothing was run: no machine that has scenarios planned can be had, see above"))
        }
        None => Ok(()),
        Some(class) => {
            let lost = sheet.lost();
            let machines = match lost {
                0 => String::new(),
                _ => format!(", and {lost} of {} machines are not to be had or did not boot", sheet.cells.len()),
            };
            let failed = classes.len() - lost;
            Err(Failure::new(class, format!("{failed} of {} runs failed{machines}, see above", sheet.planned())))
        }
    }
}

/// What is shown meanwhile: the table and how long it will take in a terminal, a line for each machine elsewhere.
struct Board(ProgressBar);

impl Board {
    fn show(&self, sheet: &Sheet) {
        if !self.0.is_hidden() {
            self.0.set_message(table::summary(sheet) + "\n");
            self.0.set_position(sheet.done() as u64);
        }
    }

    /// Says how far it is, where nobody sees the table.
    fn progress(&self, line: &str) -> Result<(), Failure> {
        if self.0.is_hidden() && !is_quiet() { Interrupts::let_through(|| print(line)) } else { Ok(()) }
    }
}
