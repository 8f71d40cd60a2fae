//! What scenarios do on the kernel that a tree makes.

use std::path::{Path, PathBuf};

use mdlab_vm::{Cache, Digest, KernelSource};
use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::choice::Choice;
use crate::cli::compare::observe;
use crate::cli::compare::observed::Observed;
use crate::cli::interrupt::Interrupts;
use crate::cli::kernel::BuildOptions;
use crate::cli::notice;
use crate::cli::pool;
use crate::cli::scenarios::{self, Scenario, Workspace};
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;
use crate::tool::ToolSource;

/// Builds kernels and runs scenarios on them, always the same ones.
pub(super) struct Judge<'a> {
    scenarios: Vec<Scenario>,
    options: &'a BuildOptions,
    tool: Option<ToolSource>,
    channels: Vec<Channel>,
    cache: &'a Cache,
}

/// What came of a tree.
#[derive(Serialize, Deserialize)]
pub(super) enum Tried {
    /// It runs: the machine, and what each scenario came to.
    Observed(String, Vec<Observed>),
    /// It cannot be tried, for this reason: it does not build, or does not boot.
    Unfit(String),
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        workspace: &Workspace,
        filter: Option<&str>,
        options: &'a BuildOptions,
        tool: Option<ToolSource>,
        channels: Vec<Channel>,
        cache: &'a Cache,
    ) -> Result<Self, Failure> {
        let scenarios = scenarios::list(&workspace.shell()?, filter)?;
        Ok(Self { scenarios, options, tool, channels, cache })
    }

    /// Builds a tree, boots it, and runs the scenarios.
    pub(super) fn try_tree(&self, tree: &Path, interrupts: &Interrupts) -> Result<Tried, Failure> {
        let unfit = |failure: Failure| match failure.class {
            // Neither the revision's fault, nor a reason to skip it.
            Class::Infra => Err(failure),
            _ => Ok(Tried::Unfit(failure.to_string())),
        };
        let built = match Interrupts::let_through(|| self.options.of(tree.to_owned()).run(self.cache, &mut notice)) {
            Ok(built) => built,
            Err(error) => return unfit(error.into()),
        };
        let choice = Choice::new(Some(KernelSource::Tree(built.folder)), self.tool.clone(), None, None)?;
        let machine = match Interrupts::let_through(|| Laboratory::open_in(self.cache, &choice, &mut notice)) {
            Ok(laboratory) => laboratory.machine().to_string(),
            Err(failure) => return unfit(failure),
        };
        let jobs = pool::jobs(None);
        let [observed] = observe(&self.scenarios, &[choice], jobs, interrupts)?;
        match observed.iter().find(|one| one.failed() == Some(Class::Infra)) {
            Some(_) => Err(Failure::infra("a run was no run of its scenario: `mdlab run` says why")),
            None => Ok(Tried::Observed(machine, observed)),
        }
    }

    /// Keeps what the scenarios do at a commit, for the next call.
    pub(super) fn remember(&self, commit: &str, tried: &Tried) -> Result<(), Failure> {
        let path = self.memory(commit);
        let failed = |error: std::io::Error| Failure::infra(format!("write `{}`: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let bytes = serde_json::to_vec(tried).map_err(|error| failed(error.into()))?;
        std::fs::write(&path, bytes).map_err(failed)
    }

    /// What they do there, if it was kept by the same mdlab with the same scenarios.
    pub(super) fn remembered(&self, commit: &str) -> Result<Option<Tried>, Failure> {
        let bytes = std::fs::read(self.memory(commit)).ok();
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn memory(&self, commit: &str) -> PathBuf {
        // Whatever changes what is recorded, or how: the scenarios' programs have all of it in them.
        let programs =
            self.scenarios.iter().map(|one| (&one.name, Digest::of_file(&one.program).map(|d| d.to_string()).ok()));
        let all = format!("{commit} {:?} {:?} {:?}", self.options, self.tool, programs.collect::<Vec<_>>());
        self.cache.path("bisect").join(format!("{}.json", Digest::of(all.as_bytes()).short()))
    }
}

impl Tried {
    /// How it differs from another, as a patch shows it; nothing if it does not.
    pub(super) fn differences(&self, good: &Self, judge: &Judge) -> String {
        let (Self::Observed(before, good), Self::Observed(after, now)) = (good, self) else { return String::new() };
        let pairs = judge.scenarios.iter().zip(good.iter().zip(now));
        let text = pairs.filter_map(|(scenario, (good, now))| {
            good.differences(now, &judge.channels).text(&scenario.name, [before, after])
        });
        text.collect()
    }
}
