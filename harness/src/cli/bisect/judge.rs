//! What scenarios do on the kernel that a tree makes.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use mdlab_vm::{Cache, Digest, KernelSource, Qemu, child};
use serde::{Deserialize, Serialize};

use super::Bisect;
use crate::channel::Channel;
use crate::choice::Choice;
use crate::cli::compare::observe;
use crate::cli::compare::observed::Observed;
use crate::cli::interrupt::Interrupts;
use crate::cli::kernel::BuildOptions;
use crate::cli::pool;
use crate::cli::progress::telling;
use crate::cli::scenarios::{self, Scenario};
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;
use crate::tool::ToolSource;
use crate::userland::Userland;

/// Where what scenarios do at a good revision is kept, in which file, and for how many of them.
const MEMORIES: &str = "good";
const MEMORY: &str = "seen.json";
const MOST_MEMORIES: usize = 16;

/// Builds kernels and runs scenarios on them, always the same ones.
pub(super) struct Judge<'a> {
    scenarios: Vec<Scenario>,
    options: &'a BuildOptions,
    tool: ToolSource,
    channels: Vec<Channel>,
    cache: &'a Cache,
    interrupts: &'a Interrupts,
    /// All but the kernel on which it depends what is recorded.
    surroundings: String,
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
    pub(super) fn of(asked: &'a Bisect, cache: &'a Cache, interrupts: &'a Interrupts) -> Result<Self, Failure> {
        let channels = if asked.channel.is_empty() { Channel::ALL.to_vec() } else { asked.channel.clone() };
        let tree = KernelSource::Tree(asked.tree.clone());
        let tool = Choice::new(Some(tree), asked.mdadm.clone(), None, None)?.tool;
        // A tool that cannot be had is no revision's fault.
        let userland = Interrupts::let_through(|| Userland::find(&tool, cache, &mut telling()))?;
        let scenarios =
            Interrupts::let_through(|| scenarios::list(&asked.workspace.shell()?, asked.filter.as_deref()))?;
        let surroundings = surroundings(&scenarios, &userland)?;
        Ok(Self { scenarios, options: &asked.options, tool, channels, cache, interrupts, surroundings })
    }

    /// Builds a tree, boots it, and runs the scenarios; or says why it cannot be tried.
    pub(super) fn see(&self, tree: &Path) -> Result<Result<Seen, String>, Failure> {
        let unfit = |failure: Failure| match failure.class {
            Class::Boot | Class::Kernel => Ok(Err(failure.message)),
            // Not the revision's fault, and so no reason to skip it.
            _ => Err(failure),
        };
        // It is held until all is done: nobody else builds another kernel there meanwhile.
        let built =
            match self.options.of(tree.to_owned()).run(self.cache, Some(self.interrupts.as_fd()), &mut telling()) {
                Ok(built) => built,
                Err(error) => return unfit(error.into()),
            };
        let kernel = KernelSource::Tree(built.folder.clone());
        let choice = Choice::new(Some(kernel), Some(self.tool.clone()), None, None)?;
        // A boot is bounded; a signal waits for it, for a worktree belongs to the user's repository.
        let machine = match Laboratory::open_in(self.cache, &choice, &mut telling()) {
            Ok(laboratory) => laboratory.machine().to_string(),
            Err(failure) => return unfit(failure),
        };
        let rerun = choice.options();
        let [scenarios] = observe(&self.scenarios, &[choice], pool::jobs(None), self.interrupts, false)?;
        let mut ran = self.scenarios.iter().zip(&scenarios);
        match ran.find_map(|(scenario, observed)| Some((&scenario.name, observed.was_none()?))) {
            Some((name, Failure { class, message, .. })) => {
                Err(Failure::new(class, format!("`{name}` {message}; to see it: mdlab run {name} {rerun}")))
            }
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
        std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed)?;
        let bytes = serde_json::to_vec(seen).map_err(|error| failed(error.into()))?;
        std::fs::write(&path, bytes).map_err(failed)?;
        self.cache.discard_oldest(MEMORIES, MEMORY, MOST_MEMORIES, &mut telling());
        Ok(())
    }

    /// What they do there, if it was kept by the same mdlab with the same scenarios.
    pub(super) fn remembered(&self, commit: &str) -> Option<Seen> {
        let path = self.memory(commit);
        let bytes = std::fs::read(&path).ok()?;
        Cache::use_entry(&path);
        serde_json::from_slice(&bytes).ok()
    }

    fn memory(&self, commit: &str) -> PathBuf {
        let all = format!("{commit} {:?}\n{}", self.options, self.surroundings);
        self.cache.path(MEMORIES).join(Digest::of(all.as_bytes()).short()).join(MEMORY)
    }
}

/// The scenarios' programs and this one, for each has a part of mdlab in it; the user space, what runs the guest, and what builds
/// its kernel.
fn surroundings(scenarios: &[Scenario], userland: &Userland) -> Result<String, Failure> {
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let mut programs: BTreeSet<&Path> = scenarios.iter().map(|scenario| scenario.program.as_path()).collect();
    programs.insert(Path::new("/proc/self/exe"));
    let digests = programs.into_iter().map(Digest::of_file).collect::<mdlab_vm::Result<Vec<_>>>()?;
    let qemu = Qemu::find()?;
    let mut compiler = Command::new("gcc");
    compiler.arg("--version");
    // Without one the build says so.
    let compiler = child::output(compiler).map(|output| output.stdout).unwrap_or_default();
    let compiler = String::from_utf8_lossy(&compiler);
    Ok(format!("{names:?}\n{digests:?}\n{}\n{qemu:?}\n{compiler}", userland.ingredients()?))
}
