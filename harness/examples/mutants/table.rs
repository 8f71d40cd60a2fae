//! What is printed: a table of mutants in Markdown, and the totals.

use crate::planted::{Kind, Mutant};
use crate::trial::Trial;

/// Failing scenarios that are named; there may be more.
const NAMED: usize = 2;

/// Mutants, and what became of them.
pub(crate) type Outcomes = Vec<(Mutant, Trial)>;

/// The table, with the totals of each kind below it.
pub(crate) fn of(outcomes: &Outcomes) -> String {
    let mut text = "| mutant | what it breaks | caught by |\n| --- | --- | --- |\n".to_owned();
    text.extend(outcomes.iter().map(|(mutant, trial)| row(mutant, trial)));
    text.push('\n');
    text.extend(Kind::ALL.iter().filter_map(|kind| total(*kind, outcomes)));
    text
}

/// One line of the table.
pub(crate) fn row(mutant: &Mutant, trial: &Trial) -> String {
    let real = mutant.reverts.as_ref().map(|commit| format!(" Fixed by {commit}.")).unwrap_or_default();
    let named = trial.failed.iter().take(NAMED).map(|failed| format!("`{}` ({})", short(&failed.scenario), failed.how));
    let caught = match (trial.failed.is_empty(), &mutant.unseen) {
        (false, _) => named.collect::<Vec<_>>().join(", "),
        (true, None) => "**missed**".to_owned(),
        (true, Some(why)) => format!("**missed**: {why}"),
    };
    format!("| {} | {}{real} | {caught} |\n", mutant.name, mutant.breaks)
}

/// A scenario as a reader of the sources knows it: rstest calls its cases `case_1_raid1`, and its values `level_3_Level__Raid1`.
fn short(scenario: &str) -> String {
    let part = |part: &str| match (part.strip_prefix("case_"), part.split_once("__")) {
        (Some(rest), _) => rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('_').to_owned(),
        (None, Some((_, value))) => value.trim_matches('_').to_lowercase(),
        (None, None) => part.to_owned(),
    };
    scenario.split("::").map(part).collect::<Vec<_>>().join("::")
}

fn total(kind: Kind, outcomes: &Outcomes) -> Option<String> {
    let of_kind: Vec<_> = outcomes.iter().filter(|(mutant, _)| mutant.kind == kind).collect();
    let caught = of_kind.iter().filter(|(_, trial)| !trial.failed.is_empty()).count();
    let real = of_kind.iter().filter(|(mutant, _)| mutant.reverts.is_some()).count();
    let (all, name) = (of_kind.len(), kind.name());
    (all > 0).then(|| format!("{name}: {caught} of {all} caught; {real} of them are bugs that were fixed upstream.\n"))
}
