//! `mdlab run`: the scenarios, by cargo-nextest.

use clap::Args;
use xshell::{Shell, cmd};

use super::{Machine, notice, print};
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::folder::{self, Outcome};
use crate::laboratory::Laboratory;

/// Runs the scenarios of the workspace around the current folder: the tests of every package that depends on mdlab.
///
/// Example: mdlab run creates_and_stops --kernel debian:bullseye
#[derive(Args)]
pub(super) struct Run {
    /// Run only scenarios whose names contain this.
    filter: Option<String>,
    #[command(flatten)]
    machine: Machine,
    /// Scenarios to run at the same time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let choice = self.machine.choice()?;
        let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
        let packages = packages(&shell)?;
        if cmd!(shell, "cargo nextest --version").quiet().ignore_stderr().read().is_err() {
            return Err(Failure::infra(
                "run `cargo nextest --version`: it is not installed; `cargo install --locked cargo-nextest`",
            ));
        }
        // Booted here, once and with a word to the user; the scenarios find it in the cache.
        Laboratory::open(&choice, &mut notice)?;
        let outcomes = tempfile::tempdir_in(make_base()?);
        let outcomes = outcomes.map_err(|error| Failure::infra(format!("make a folder for outcomes: {error}")))?;
        set_environment(&shell, &choice)?;
        shell.set_var(folder::OUTCOMES, outcomes.path());
        let selected = packages.iter().flat_map(|package| ["--package", package]);
        let jobs = self.jobs.map(|jobs| jobs.to_string());
        let jobs = jobs.iter().flat_map(|jobs| ["--test-threads", jobs]);
        let filter = &self.filter;
        let command =
            cmd!(shell, "cargo nextest run --no-fail-fast {selected...} {jobs...} {filter...}").quiet().ignore_status();
        // Its output goes straight to the user; only the status is of interest here.
        let mut command = std::process::Command::from(command);
        let status = command.status().map_err(|error| Failure::infra(format!("run cargo-nextest: {error}")))?;
        let noted = folder::noted(outcomes.path());
        skipped(&noted)?;
        let failed = |(_, outcome)| if let Outcome::Failed(class) = outcome { Some(class) } else { None };
        match status.code() {
            Some(0) => Ok(()),
            code => Err(verdict(code, &noted.into_iter().filter_map(failed).collect::<Vec<_>>())),
        }
    }
}

/// Says which scenarios were skipped, and why: the test runner counts them among those that passed.
fn skipped(noted: &[(String, Outcome)]) -> Result<(), Failure> {
    let reasons = noted.iter().filter_map(|(title, outcome)| match outcome {
        Outcome::Skipped(reason) => Some(format!("  {title}: {reason}\n")),
        Outcome::Failed(_) => None,
    });
    let reasons: Vec<String> = reasons.collect();
    match reasons.len() {
        0 => Ok(()),
        count => print(&format!("{count} of the scenarios that passed were skipped:\n{}", reasons.concat())),
    }
}

fn make_base() -> Result<std::path::PathBuf, Failure> {
    let base = folder::base()?;
    match std::fs::create_dir_all(&base) {
        Ok(()) => Ok(base),
        Err(error) => Err(Failure::infra(format!("make the folder `{}`: {error}", base.display()))),
    }
}

/// Scenarios run in the folders of their packages: what they are told must not depend on the current one.
fn set_environment(shell: &Shell, choice: &Choice) -> Result<(), Failure> {
    shell.set_var("MDLAB_CACHE", mdlab_vm::Cache::open()?.path(""));
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        let target =
            std::path::absolute(target).map_err(|error| Failure::usage(format!("read CARGO_TARGET_DIR: {error}")))?;
        shell.set_var("CARGO_TARGET_DIR", target);
    }
    shell.set_var("MDLAB_KERNEL", choice.kernel.to_string());
    shell.set_var("MDLAB_MDADM", choice.tool.to_string());
    shell.set_var("MDLAB_ACCEL", choice.accel.to_string());
    if let Some(seed) = choice.seed {
        shell.set_var("MDLAB_SEED", seed.to_string());
    }
    Ok(())
}

/// The packages of the workspace that depend on mdlab, other than mdlab itself.
fn packages(shell: &Shell) -> Result<Vec<String>, Failure> {
    let output = cmd!(shell, "cargo metadata --no-deps --format-version 1").quiet().ignore_status().output();
    let output = output.map_err(|error| Failure::infra(format!("run `cargo metadata`: {error}")))?;
    if !output.status.success() {
        let cause = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::usage(format!(
            "find a workspace around the current folder: {cause}; change to one that has scenarios"
        )));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::infra(format!("read what cargo says: {error}")))?;
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let uses_mdlab =
        |package: &serde_json::Value| list(&package["dependencies"]).iter().any(|need| need["name"] == "mdlab");
    let packages = list(&metadata["packages"]).into_iter().filter(uses_mdlab);
    let names: Vec<String> = packages.filter_map(|package| package["name"].as_str().map(str::to_owned)).collect();
    match names.is_empty() {
        true => Err(Failure::usage("find scenarios: no package of this workspace depends on mdlab")),
        false => Ok(names),
    }
}

/// The order in which classes count: while the laboratory is broken, what it says of md is worth nothing, and a kernel that
/// fails takes its tools with it.
const PRECEDENCE: [Class; 6] = [Class::Infra, Class::Boot, Class::Usage, Class::Kernel, Class::Tool, Class::Drift];

/// Exit statuses of cargo-nextest (its `NextestExitCode`).
const BUILD_FAILED: i32 = 101;
const NO_TESTS: i32 = 4;

/// The failure of a run: that of the scenarios' classes which counts most.
fn verdict(status: Option<i32>, classes: &[Class]) -> Failure {
    match (PRECEDENCE.iter().find(|class| classes.contains(class)), status) {
        (Some(worst), _) => {
            let count = |class: &Class| classes.iter().filter(|other| *other == class).count();
            let counts =
                PRECEDENCE.iter().filter(|class| count(class) > 0).map(|class| format!("{} {class}", count(class)));
            Failure::new(*worst, format!("scenarios failed, as shown above: {}", counts.collect::<Vec<_>>().join(", ")))
        }
        (None, Some(NO_TESTS)) => Failure::usage("no scenario has a name like that"),
        (None, Some(BUILD_FAILED)) => Failure::usage("the scenarios do not build, see above"),
        // An assertion of the scenario's own.
        (None, _) => Failure::new(Class::Drift, "a scenario failed, see above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_that_counts_most_is_the_run_s() {
        let failure = verdict(Some(100), &[Class::Drift, Class::Tool, Class::Kernel, Class::Drift]);
        assert_eq!(failure.class, Class::Kernel);
        assert!(failure.message.ends_with("1 kernel, 1 tool, 2 drift"), "{failure}");
        assert_eq!(verdict(Some(100), &[]).class, Class::Drift);
        assert_eq!(verdict(Some(NO_TESTS), &[]).class, Class::Usage);
    }
}
