//! The scenarios of a workspace: which packages have some, what they are told, and where each of them is.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;
use mdlab_vm::child;
use serde_json::Value;
use xshell::{Shell, cmd};

use super::progress::patiently;
use crate::choice::Choice;
use crate::failure::Failure;
use crate::folder;
use crate::snapshot::INSTA_OUTPUT;

/// Where scenarios are.
#[derive(Args)]
pub(super) struct Workspace {
    /// The workspace that has the scenarios [default: the one around the current folder].
    #[arg(long, env = "MDLAB_SCENARIOS", value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

impl Workspace {
    /// The folder that was named, or the current one.
    pub(super) fn folder(&self) -> &Path {
        self.scenarios.as_deref().unwrap_or(Path::new("."))
    }

    /// Where they are, if not around the current folder.
    pub(super) fn elsewhere(&self) -> Option<&Path> {
        self.scenarios.as_deref()
    }

    /// A shell in it.
    pub(super) fn shell(&self) -> Result<Shell, Failure> {
        let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
        if let Some(folder) = &self.scenarios {
            if !folder.is_dir() {
                return Err(Failure::usage(format!("find the scenarios in `{}`: it is no folder", folder.display())));
            }
            shell.change_dir(folder);
        }
        Ok(shell)
    }
}

/// A part of a scenario's name, as it is named on a command line: cargo-nextest would take others for options of its own.
pub(super) fn part(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('-') {
        true => Err("expected a part of a scenario's name, such as `members::`".into()),
        false => Ok(text.to_owned()),
    }
}

/// One scenario, as cargo-nextest lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scenario {
    /// The test's name.
    pub(super) name: String,
    /// The package that has it.
    pub(super) package: String,
    /// Its program, as cargo-nextest names it: `package::program`.
    pub(super) id: String,
    /// Where that is.
    pub(super) program: PathBuf,
    /// The folder of its package, in which it runs.
    pub(super) folder: PathBuf,
}

/// Builds the scenarios whose names contain a text, and lists them.
pub(super) fn list(shell: &Shell, filter: Option<&str>) -> Result<Vec<Scenario>, Failure> {
    let members = Members::of(shell)?;
    let scenarios = read(&listed(shell, &members, filter.as_slice())?);
    match scenarios.is_empty() {
        true => Err(members.none_named(filter.as_slice())),
        false => Ok(scenarios),
    }
}

/// The one scenario that this names: all of its name, or a part that no other has.
pub(super) fn only(shell: &Shell, name: &str) -> Result<Scenario, Failure> {
    let mut found = list(shell, Some(name))?;
    if let Some(exact) = found.iter().position(|scenario| scenario.name == name) {
        return Ok(found.swap_remove(exact));
    }
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        count => {
            let names = found.iter().take(8).map(|scenario| format!("\n  {}", scenario.name));
            let (names, more) = (names.collect::<String>(), if count > 8 { "\n  ..." } else { "" });
            Err(Failure::usage(format!("expected the name of one scenario, got a part of {count}:{names}{more}")))
        }
    }
}

/// Builds the scenarios, and lists all of them: also those that are not run unless they are asked for.
pub(super) fn list_all(shell: &Shell) -> Result<Vec<Scenario>, Failure> {
    listed(shell, &Members::of(shell)?, &["--run-ignored", "all", "--ignore-default-filter"]).map(|list| read(&list))
}

/// What cargo-nextest lists with these options.
fn listed(shell: &Shell, members: &Members, options: &[&str]) -> Result<Value, Failure> {
    let selected = members.selected();
    let command = cmd!(shell, "cargo nextest list --message-format json {selected...} {options...}");
    let output = patiently("building the scenarios", || child::output(command));
    let output = output.map_err(|error| Failure::infra(format!("run `cargo nextest list`: {error}")))?;
    if !output.status.success() {
        let cause = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::usage(format!("the scenarios do not build: {cause}")));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::infra(format!("read what cargo-nextest says: {error}")))
}

/// Reads the list (the crate nextest-metadata documents it).
fn read(list: &Value) -> Vec<Scenario> {
    let path = |value: &Value| PathBuf::from(value.as_str().unwrap_or_default());
    let suites = list["rust-suites"].as_object().into_iter().flatten();
    let of_suite = |(id, suite): (&String, &Value)| {
        let (program, folder) = (path(&suite["binary-path"]), path(&suite["cwd"]));
        let package = suite["package-name"].as_str().unwrap_or_default().to_owned();
        let cases = suite["testcases"].as_object().cloned().unwrap_or_default().into_iter();
        let cases = cases.filter(|(_, case)| case["filter-match"]["status"] == "matches");
        let one = Scenario { name: String::new(), package, id: id.clone(), program, folder };
        let scenario = move |name| Scenario { name, ..one.clone() };
        cases.map(move |(name, _)| scenario(name))
    };
    suites.flat_map(of_suite).collect()
}

/// Variables that scenarios are told by.
pub(super) type Environment = Vec<(&'static str, OsString)>;

/// What tells scenarios which machine to run on. They run in the folders of their packages: nothing of it must depend on the
/// current one.
pub(super) fn environment(choice: &Choice) -> Result<Environment, Failure> {
    let mut variables: Environment = vec![
        ("MDLAB_CACHE", mdlab_vm::Cache::open()?.path("").into()),
        ("MDLAB_KERNEL", choice.kernel.to_string().into()),
        ("MDLAB_MDADM", choice.tool.to_string().into()),
        ("MDLAB_ACCEL", choice.accel.to_string().into()),
    ];
    // Scenarios show what differs themselves: insta knows no version before the one that runs, and shows all of it as new.
    if std::env::var_os(INSTA_OUTPUT).is_none() {
        variables.push((INSTA_OUTPUT, "none".into()));
    }
    for name in ["CARGO_TARGET_DIR", folder::EVIDENCE] {
        if let Some(named) = std::env::var_os(name) {
            let named = std::path::absolute(named).map_err(|error| Failure::usage(format!("read {name}: {error}")))?;
            variables.push((name, named.into()));
        }
    }
    if let Some(seed) = choice.seed {
        variables.push(("MDLAB_SEED", seed.to_string().into()));
    }
    Ok(variables)
}

/// What a workspace has of scenarios.
pub(super) struct Members {
    root: PathBuf,
    /// The packages that depend on mdlab: their names, and their folders.
    packages: Vec<(String, PathBuf)>,
}

impl Members {
    /// Those of the workspace around a shell's folder.
    pub(super) fn of(shell: &Shell) -> Result<Self, Failure> {
        let output = child::output(cmd!(shell, "cargo metadata --no-deps --format-version 1"));
        let output = output.map_err(|error| Failure::infra(format!("run `cargo metadata`: {error}")))?;
        if !output.status.success() {
            let cause = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::usage(format!(
                "find a workspace around `{}`: {cause}; change to one that has scenarios, or name it: `--scenarios DIR`",
                shell.current_dir().display()
            )));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::infra(format!("read what cargo says: {error}")))?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let uses_mdlab = |package: &Value| list(&package["dependencies"]).iter().any(|need| need["name"] == "mdlab");
        let packages = list(&metadata["packages"]).into_iter().filter(uses_mdlab).filter_map(|package| {
            let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
            Some((package["name"].as_str()?.to_owned(), folder.to_owned()))
        });
        let packages: Vec<_> = packages.collect();
        if packages.is_empty() {
            return Err(Failure::usage("find scenarios: no package of this workspace depends on mdlab"));
        }
        Ok(Self { root: metadata["workspace_root"].as_str().unwrap_or_default().into(), packages })
    }

    /// Options for cargo that select them.
    pub(super) fn selected(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().flat_map(|(name, _)| ["--package", name])
    }

    /// Their folders.
    pub(super) fn folders(self) -> impl Iterator<Item = PathBuf> {
        self.packages.into_iter().map(|(_, folder)| folder)
    }

    /// Says that no scenario has such a name, and where names are to be had.
    pub(super) fn none_named(&self, filters: &[impl Display]) -> Failure {
        if filters.is_empty() {
            return Failure::usage("there are no scenarios: no test was listed");
        }
        let filters = filters.iter().map(|filter| format!("`{filter}`")).collect::<Vec<_>>().join(" or ");
        let packages = self.selected().map(|word| format!(" {word}")).collect::<String>();
        let manifest = self.root.join("Cargo.toml");
        let manifest = shell_words::quote(&manifest.to_string_lossy()).into_owned();
        let list = format!("cargo nextest list --manifest-path {manifest}{packages}");
        Failure::usage(format!("no scenario's name contains {filters}; `{list}` has the names"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_filter_leaves_out_is_not_listed() {
        let case = |status: &str| serde_json::json!({ "ignored": false, "filter-match": { "status": status } });
        let list = serde_json::json!({ "rust-suites": { "scenarios::all": {
            "package-name": "scenarios",
            "binary-path": "/target/scenarios",
            "cwd": "/scenarios",
            "testcases": { "mirror::creates": case("matches"), "stop::stops": case("mismatch") },
        } } });
        let (name, package, id) = ("mirror::creates".into(), "scenarios".into(), "scenarios::all".into());
        let (program, folder) = ("/target/scenarios".into(), "/scenarios".into());
        assert_eq!(read(&list), [Scenario { name, package, id, program, folder }]);
    }
}
