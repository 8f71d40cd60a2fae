//! The sheet as people read it: in a terminal, and as Markdown.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};

use super::sheet::{Booted, Cell, Ended, Sheet};
use crate::report::github::{fence, plain};

/// The mark of the first bad kernel of a row.
const MARK: &str = " *";

/// Rows of cells; the first names the columns.
type Rows = Vec<Vec<String>>;

/// The grid alone.
pub(super) fn summary(sheet: &Sheet) -> String {
    aligned(&grid(sheet), presets::NOTHING)
}

/// All there is to say, for a terminal.
pub(super) fn text(sheet: &Sheet) -> String {
    let mut text = String::new();
    let details = details(sheet);
    if details.len() > 1 {
        text.push_str(&format!("\n{}\n", aligned(&details, presets::NOTHING)));
    }
    text.push_str(&lines(sheet).concat());
    format!("{text}\n{}\n", summary(sheet))
}

/// All there is to say, as Markdown.
pub(super) fn markdown(sheet: &Sheet) -> String {
    let mut text = format!("{}\n", aligned(&escaped(grid(sheet)), presets::ASCII_MARKDOWN));
    let details = details(sheet);
    if details.len() > 1 {
        text.push_str(&format!("\n{}\n", aligned(&escaped(details), presets::ASCII_MARKDOWN)));
    }
    let lines = lines(sheet);
    if !lines.is_empty() {
        text.push('\n');
        text.extend(lines.iter().map(|line| item(line)));
    }
    text
}

/// Rows whose names are nothing else in Markdown, whatever a kernel calls itself.
fn escaped(mut rows: Rows) -> Rows {
    let names = rows
        .split_first_mut()
        .into_iter()
        .flat_map(|(head, rest)| head.iter_mut().chain(rest.iter_mut().filter_map(|row| row.first_mut())));
    names.for_each(|name| *name = plain(name));
    rows
}

/// A line of a list, and what follows it as it is.
fn item(text: &str) -> String {
    let (first, rest) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    let first = plain(first);
    match rest {
        "" => format!("- {first}\n"),
        _ => {
            let fence = fence(rest);
            let rest: String = rest.lines().map(|line| format!("  {line}\n")).collect();
            format!("- {first}\n\n  {fence}text\n{rest}  {fence}\n")
        }
    }
}

fn aligned(rows: &Rows, preset: &str) -> String {
    let mut table = Table::new();
    table.load_preset(preset);
    if let Some((head, rest)) = rows.split_first() {
        table.set_header(head).add_rows(rest);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect::<String>().trim_end().to_owned()
}

/// What came of each machine: a row for each tool, a column for each kernel.
fn grid(sheet: &Sheet) -> Rows {
    let mut rows = vec![head("", sheet)];
    for (name, cells) in sheet.rows() {
        rows.push(row(name, cells.iter().map(|cell| (cell.text(), cell.is_bad()))));
    }
    rows
}

/// Every scenario that failed anywhere: a row for each tool with which it did, a column for each kernel.
fn details(sheet: &Sheet) -> Rows {
    let mut rows = vec![head("scenario", sheet)];
    for (number, scenario) in sheet.scenarios.iter().enumerate() {
        for (tool, cells) in sheet.rows() {
            let ended: Vec<Option<Ended>> = cells.iter().map(|cell| cell.of(number)).collect();
            let is_bad = |ended: &Option<Ended>| matches!(ended, Some(Ended::Failed(_)));
            if ended.iter().any(is_bad) {
                rows.push(row(format!("{scenario}, {tool}"), ended.iter().map(|ended| (word(ended), is_bad(ended)))));
            }
        }
    }
    rows
}

fn head(first: &str, sheet: &Sheet) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(sheet.columns()).collect()
}

/// A row; of its bad cells the first is marked.
fn row(name: String, cells: impl Iterator<Item = (String, bool)>) -> Vec<String> {
    let mut marked = false;
    let mark = |(text, is_bad): (String, bool)| {
        let first = is_bad && !marked;
        marked |= is_bad;
        if first { text + MARK } else { text }
    };
    std::iter::once(name).chain(cells.map(mark)).collect()
}

fn word(ended: &Option<Ended>) -> String {
    match ended {
        None => "-".into(),
        Some(Ended::Passed) => "pass".into(),
        Some(Ended::Skipped(_)) => "skip".into(),
        Some(Ended::Failed(class)) => class.to_string(),
    }
}

/// What the tables leave out: why scenarios were skipped, and why machines could not be had.
fn lines(sheet: &Sheet) -> Vec<String> {
    let mut skipped: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    let machine = |cell: &Cell| format!("{} with mdadm {}", cell.choice.kernel, cell.choice.tool);
    for cell in &sheet.cells {
        for (number, scenario) in sheet.scenarios.iter().enumerate() {
            if let Some(Ended::Skipped(reason)) = cell.of(number) {
                skipped.entry((scenario, reason)).or_default().push(machine(cell));
            }
        }
    }
    let unusable = sheet.cells.iter().filter_map(|cell| match cell.machine() {
        Some(Booted::Unavailable(failure)) => Some(format!("unavailable {}: {}\n", machine(cell), failure.message)),
        Some(Booted::Failed(failure)) => Some(format!("{}: {failure}\n", machine(cell))),
        _ => None,
    });
    let skips = skipped
        .into_iter()
        .map(|((scenario, reason), machines)| format!("skip {scenario}: {reason} ({})\n", machines.join("; ")));
    unusable.chain(skips).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::grid::Grid;
    use crate::cli::scenarios::Scenario;
    use crate::failure::{Class, Failure};
    use crate::recording::MachineId;

    fn scenario(name: &str) -> Scenario {
        Scenario { name: name.into(), package: "".into(), id: "".into(), program: "".into(), folder: "".into() }
    }

    /// Two tools, on a kernel that is fine, on one on which something fails, on one that does not boot and on one that is gone.
    fn sheet() -> Sheet {
        let [kernels, tools] = [["bullseye", "bookworm", "trixie", "experimental"].as_slice(), &["bullseye", "sid"]]
            .map(|suites| suites.iter().map(|suite| format!("debian:{suite}")).collect::<Vec<_>>());
        let kernels: Vec<_> = kernels.iter().map(|name| name.parse().unwrap()).collect();
        let tools: Vec<_> = tools.iter().map(|name| name.parse().unwrap()).collect();
        let mut grid = Grid { kernels: Vec::new(), tools: Vec::new() }.with(&kernels, &tools);
        grid.kernels[3].required = false;
        let cells = grid.cells(None).unwrap();
        let sheet = Sheet::new(grid, cells, &[scenario("mirror::creates"), scenario("stop::stops")], 1);
        for (number, cell) in sheet.cells.iter().enumerate() {
            let mdadm = ["4.1-11", "4.6-3"][number % 2];
            let ready = |kernel: &str| {
                Booted::Ready(MachineId { kernel: kernel.into(), mdadm: mdadm.into(), accel: "tcg".into() })
            };
            sheet.booted(
                cell,
                match number / 2 {
                    0 => ready("5.10.0-1-amd64"),
                    1 => ready("6.1.0-1-amd64"),
                    2 => Booted::Failed(Failure::new(Class::Boot, "boot debian:trixie: it is unfit")),
                    _ => Booted::Unavailable(Failure::usage("there is none")),
                },
            );
        }
        sheet.ended(&sheet.cells[0], 0, Ended::Passed);
        sheet.ended(&sheet.cells[0], 1, Ended::Skipped("no linear".into()));
        sheet.ended(&sheet.cells[2], 0, Ended::Failed(Class::Drift));
        sheet.ended(&sheet.cells[3], 0, Ended::Passed);
        sheet
    }

    #[test]
    fn the_first_bad_kernel_of_a_row_is_marked() {
        let sheet = sheet();
        insta::assert_snapshot!(text(&sheet));
        assert_eq!(sheet.classes(), [Class::Drift, Class::Boot, Class::Boot]);
        assert_eq!((sheet.done(), sheet.planned(), sheet.lost()), (4, 16, 2));
    }

    #[test]
    fn what_a_kernel_says_is_no_markdown() {
        let text = item("debian:sid: boot: it panicked <TASK> __a\n  <TASK>\n  ```\n");
        assert_eq!(
            text,
            "- debian:sid: boot: it panicked \\<TASK> \\_\\_a\n\n  ````text\n    <TASK>\n    ```\n  ````\n"
        );
    }

    #[test]
    fn markdown_has_the_same_rows() {
        insta::assert_snapshot!(markdown(&sheet()));
    }

    /// Each of them on every kernel and with every tool, as far as there are as many: not always with the same.
    #[test]
    fn of_so_many_scenarios_one_runs_on_each_machine() {
        let planned = |kernels: usize, tools: usize, one_in: usize| {
            let suites = ["debian:bullseye", "debian:bookworm", "debian:trixie", "debian:sid"];
            let named = |count: usize| suites[..count].iter();
            let kernels: Vec<_> = named(kernels).map(|suite| suite.parse().unwrap()).collect();
            let tools: Vec<_> = named(tools).map(|suite| suite.parse().unwrap()).collect();
            let grid = Grid { kernels: Vec::new(), tools: Vec::new() }.with(&kernels, &tools);
            let cells = grid.cells(None).unwrap();
            let sheet = Sheet::new(grid, cells, &["a", "b", "c", "d"].map(scenario), one_in);
            sheet.cells.iter().map(|cell| cell.planned.clone()).collect::<Vec<_>>()
        };
        assert_eq!(planned(3, 1, 3), [vec![0, 3], vec![2], vec![1]]);
        assert_eq!(planned(2, 2, 2), [vec![0, 2], vec![1, 3], vec![1, 3], vec![0, 2]]);
        let rows = planned(4, 4, 4);
        assert_eq!(rows.iter().flatten().count(), 16);
        for scenario in 0..4 {
            let on = |cell: &usize| rows[*cell] == [scenario];
            let cells: Vec<usize> = (0..16).filter(on).collect();
            let unlike =
                |of: fn(&usize) -> usize| cells.iter().map(of).collect::<std::collections::BTreeSet<_>>().len();
            assert_eq!((unlike(|cell| cell / 4), unlike(|cell| cell % 4)), (4, 4), "{cells:?}");
        }
        assert_eq!(planned(2, 2, 4).concat().len(), 4);
    }
}
