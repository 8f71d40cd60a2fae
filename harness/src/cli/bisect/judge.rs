//! What scenarios do on the kernel that a tree makes.

use std::path::{Path, PathBuf};

use mdlab_vm::{Cache, Digest, KernelSource};
use serde::{Deserialize, Serialize};

use super::Bisect;
use crate::channel::Channel;
use crate::choice::Choice;
use crate::cli::compare::observe;
use crate::cli::compare::observed::Observed;
use crate::cli::interrupt::Interrupts;
use crate::cli::kernel::BuildOptions;
use crate::cli::notice;
use crate::cli::pool;
use crate::cli::scenarios::{self, Scenario};
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
    interrupts: Interrupts,
}

/// What scenarios did on a tree's kernel.
#[derive(Serialize, Deserialize)]
pub(super) struct Seen {
    machine: String,
    scenarios: Vec<Observed>,
}

/// What a tree is, beside one that is good.
pub(super) enum Verdict {
    Good,
    /// This differs, as a patch shows it.
    Bad(String),
    /// It cannot be tried, for this reason: it does not build, or does not boot.
    Skip(String),
}

impl<'a> Judge<'a> {
    /// One as it was asked for.
    pub(super) fn of(asked: &'a Bisect, cache: &'a Cache) -> Result<Self, Failure> {
        let channels = if asked.channel.is_empty() { Channel::ALL.to_vec() } else { asked.channel.clone() };
        Ok(Self {
            scenarios: scenarios::list(&asked.workspace.shell()?, asked.filter.as_deref())?,
            options: &asked.options,
            tool: asked.mdadm.clone(),
            channels,
            cache,
            interrupts: Interrupts::heed()?,
        })
    }

    /// Builds a tree, boots it, and runs the scenarios; or says why it cannot be tried.
    pub(super) fn see(&self, tree: &Path) -> Result<Result<Seen, String>, Failure> {
        let unfit = |failure: Failure| match failure.class {
            Class::Boot | Class::Kernel => Ok(Err(failure.message)),
            // Not the revision's fault, and so no reason to skip it.
            _ => Err(failure),
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
        let [scenarios] = observe(&self.scenarios, &[choice], pool::jobs(None), &self.interrupts)?;
        match scenarios.iter().find(|one| one.failed() == Some(Class::Infra)) {
            Some(_) => Err(Failure::infra("a run was no run of its scenario: `mdlab run` says why")),
            None => Ok(Ok(Seen { machine, scenarios })),
        }
    }

    /// Compares what scenarios do on a tree's kernel with what they did on a good one.
    pub(super) fn judge(&self, tree: &Path, good: &Seen) -> Result<Verdict, Failure> {
        Ok(match self.see(tree)? {
            Err(why) => Verdict::Skip(why),
            Ok(seen) => match self.differences(good, &seen) {
                none if none.is_empty() => Verdict::Good,
                text => Verdict::Bad(text),
            },
        })
    }

    fn differences(&self, good: &Seen, now: &Seen) -> String {
        // One version in most cases.
        let machines = [format!("{}, good", good.machine), format!("{}, bad", now.machine)];
        let pairs = self.scenarios.iter().zip(good.scenarios.iter().zip(&now.scenarios));
        let text = pairs.filter_map(|(scenario, (good, now))| {
            good.differences(now, &self.channels).text(&scenario.name, machines.each_ref().map(String::as_str))
        });
        text.collect()
    }

    /// Keeps what the scenarios do at a commit, for the next call.
    pub(super) fn remember(&self, commit: &str, seen: &Seen) -> Result<(), Failure> {
        let path = self.memory(commit);
        let failed = |error: std::io::Error| Failure::infra(format!("write `{}`: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let bytes = serde_json::to_vec(seen).map_err(|error| failed(error.into()))?;
        std::fs::write(&path, bytes).map_err(failed)
    }

    /// What they do there, if it was kept by the same mdlab with the same scenarios.
    pub(super) fn remembered(&self, commit: &str) -> Option<Seen> {
        let bytes = std::fs::read(self.memory(commit)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn memory(&self, commit: &str) -> PathBuf {
        // Whatever changes what is recorded, or how: the scenarios' programs have all of it in them.
        let programs =
            self.scenarios.iter().map(|one| (&one.name, Digest::of_file(&one.program).map(|d| d.to_string()).ok()));
        let all = format!("{commit} {:?} {:?} {:?}", self.options, self.tool, programs.collect::<Vec<_>>());
        self.cache.path("bisect").join(format!("{}.json", Digest::of(all.as_bytes()).short()))
    }
}
