//! `mdlab report`: what a run came to, for people and for programs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::print;
use super::progress::complain;
use crate::failure::Failure;
use crate::printable::printable_json;
use crate::results::{self, Results};
use crate::{folder, report};

/// Writes what the last run came to as one HTML file that opens from disk, or in a format that another program reads.
///
/// Runs of several machines are put together when all their files are named.
///
/// Example: mdlab report; mdlab report shard-*/run.json --format junit
#[derive(Args)]
pub(super) struct Report {
    /// Files that `mdlab run` and `mdlab matrix` wrote [default: that of the last run here].
    #[arg(value_name = "RUN.JSON")]
    runs: Vec<PathBuf>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Where to write it, `-` for the standard output [default: beside the last run].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The system that sends a KCIDB report.
    #[arg(long, default_value = report::kcidb::ORIGIN, value_parser = origin)]
    origin: String,
    /// Show every story whose recording was kept, not only one of each scenario and those that failed.
    #[arg(long)]
    every_story: bool,
    /// End with the status that stands for all of it: 0 only if everything was run and nothing failed.
    #[arg(long)]
    verdict: bool,
}

/// What to write.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One page, with everything in it.
    Html,
    /// JUnit XML.
    Junit,
    /// KTAP 1, as the kernel's own tests print it.
    Ktap,
    /// KCIDB 5.3, for the database of kernel CI.
    Kcidb,
    /// The files put together, as `mdlab run` writes one.
    Json,
    /// The summary of a job of GitHub Actions, in Markdown.
    Markdown,
    /// Annotations for GitHub Actions.
    Github,
}

impl Format {
    /// The name of its file.
    fn file(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Junit => "junit.xml",
            Self::Ktap => "results.ktap",
            Self::Kcidb => "kcidb.json",
            Self::Json => "results.json",
            Self::Markdown => "summary.md",
            Self::Github => "annotations.txt",
        }
    }
}

impl Report {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let base = folder::base()?;
        let last = [base.join(results::FILE)];
        let files = if self.runs.is_empty() { &last[..] } else { &self.runs };
        let all = files.iter().map(|path| Results::read(path)).collect::<Result<Vec<_>, _>>()?;
        let results = Results::together(all).ok_or_else(|| Failure::usage("there is no run to report"))?;
        let text = match self.format {
            Format::Html => report::page(&results, self.every_story)?,
            Format::Junit => report::junit::junit(&results)?,
            Format::Ktap => report::ktap::ktap(&results),
            Format::Kcidb => {
                printable_json(&format!("{:#}\n", report::kcidb::kcidb(&results, &self.origin))).into_owned()
            }
            Format::Json => printable_json(&results.text()?).into_owned(),
            Format::Markdown => report::github::summary(&results),
            Format::Github => report::github::annotations(&results),
        };
        let path = match &self.output {
            Some(path) => path.clone(),
            None => folder::make(base)?.join(self.format.file()),
        };
        if path == Path::new("-") {
            print(&text)?;
        } else {
            let written = std::fs::write(&path, text);
            written.map_err(|error| Failure::usage(format!("write `{}`: {error}", path.display())))?;
            print(&format!("{}\n", path.display()))?;
        }
        match results.class().filter(|_| self.verdict) {
            Some(class) => Err(Failure::new(class, report::summary::counts(&results.outcomes))),
            None => Ok(()),
        }
    }
}

/// Keeps what a run came to, and its page; says what counts of it.
pub(super) fn tell(results: Results, scenarios: Option<&Path>) -> Result<(), Failure> {
    // Where nothing was run, what is said of that is all.
    let ran = results.outcomes.iter().any(|outcome| !outcome.is_not_run() && !outcome.is_boot());
    let summary = ran.then(|| report::summary::summary(&results));
    let next = report::summary::next(&results, scenarios);
    // First of all: where a disk is full, this is all that there is.
    if let Some(summary) = &summary {
        print(&format!("\n{summary}"))?;
    }
    // Its evidence is where it is said to be until the file is written.
    let page = report::page(&results, false)?;
    let path = results.write()?.with_file_name(Format::Html.file());
    folder::write_whole(&path, page.as_bytes())?;
    let next = next.map_or_else(String::new, |command| format!("next:   {command}\n"));
    summary.map_or(Ok(()), |_| print(&format!("report: {}\n{next}", path.display())))
}

/// The first of two failures, which counts; the other one is told.
pub(super) fn either(first: Result<(), Failure>, second: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(_), Err(second)) = (&first, &second) {
        complain(&second.to_string());
    }
    first.and(second)
}

/// A name as KCIDB wants it.
fn origin(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !text.is_empty() && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected a-z, 0-9 and _".into())
    }
}
