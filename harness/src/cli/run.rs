//! `mdlab run`: the scenarios, by cargo-nextest.

use clap::Args;
use xshell::{Shell, cmd};

use super::{Machine, notice};
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::folder;
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
    #[arg(long, value_name = "N")]
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
        let failures = tempfile::tempdir_in(make_base()?);
        let failures = failures.map_err(|error| Failure::infra(format!("make a folder for failures: {error}")))?;
        set_environment(&shell, &choice);
        shell.set_var(folder::FAILURES, failures.path());
        let selected = packages.iter().flat_map(|package| ["--package", package]);
        let jobs = self.jobs.map(|jobs| jobs.to_string());
        let jobs = jobs.iter().flat_map(|jobs| ["--test-threads", jobs]);
        let filter = &self.filter;
        match cmd!(shell, "cargo nextest run {selected...} {jobs...} {filter...}").quiet().run() {
            Ok(()) => Ok(()),
            Err(_) => Err(verdict(&folder::noted_failures(failures.path()))),
        }
    }
}

fn make_base() -> Result<std::path::PathBuf, Failure> {
    let base = folder::base()?;
    match std::fs::create_dir_all(&base) {
        Ok(()) => Ok(base),
        Err(error) => Err(Failure::infra(format!("make the folder `{}`: {error}", base.display()))),
    }
}

fn set_environment(shell: &Shell, choice: &Choice) {
    shell.set_var("MDLAB_KERNEL", choice.kernel.to_string());
    shell.set_var("MDLAB_MDADM", choice.tool.to_string());
    shell.set_var("MDLAB_ACCEL", choice.accel.to_string());
    if let Some(seed) = choice.seed {
        shell.set_var("MDLAB_SEED", seed.to_string());
    }
}

/// The packages of the workspace that depend on mdlab, other than mdlab itself.
fn packages(shell: &Shell) -> Result<Vec<String>, Failure> {
    let text = cmd!(shell, "cargo metadata --no-deps --format-version 1").quiet().ignore_stderr().read();
    let text = text.map_err(|error| {
        Failure::usage(format!("find a workspace around the current folder: {error}; change to one that has scenarios"))
    })?;
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Failure::infra(format!("read what cargo says: {error}")))?;
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

/// The failure of a run. Where scenarios failed in several ways, the one farthest from md's own behaviour counts: while
/// the laboratory is broken, what it says of md is worth nothing.
fn verdict(classes: &[Class]) -> Failure {
    match classes.iter().max() {
        Some(class) => Failure::new(*class, format!("{} of the scenarios failed, as shown above", classes.len())),
        None => Failure::infra("cargo-nextest failed, and no scenario did: see above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_farthest_from_md_counts() {
        assert_eq!(verdict(&[Class::Drift, Class::Boot, Class::Kernel]).class, Class::Boot);
        assert_eq!(verdict(&[]).class, Class::Infra);
    }
}
