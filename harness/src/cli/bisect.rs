//! `mdlab bisect`: the commit of a kernel tree with which scenarios began to do something else.

mod history;
mod judge;

use std::path::{Path, PathBuf};
use std::process::exit;

use clap::Args;
use mdlab_vm::Cache;

use super::interrupt::Interrupts;
use super::kernel::BuildOptions;
use super::scenarios::Workspace;
use super::{channel, complain, notice, print};
use crate::channel::Channel;
use crate::failure::{Class, Failure};
use crate::tool::ToolSource;
use history::{History, Next, Worktree};
use judge::{Judge, Tried};

/// Finds the commit of a kernel tree from which on scenarios do something else than at a good one.
///
/// A revision is good if the scenarios do there what they do at the good one, in the channels that count; it is skipped if
/// it does not build or boot. The tree itself stays as it is: revisions are checked out and built in the cache.
///
/// Without `--bad` it judges the tree as it stands, for `git bisect run`: its exit status is 0 for good, 1 for bad, 125 for a
/// revision to skip, and 255 where it cannot tell.
///
/// Example: mdlab bisect --scenarios ~/mdlab --good v6.12 --bad v6.13 members::
#[derive(Args)]
pub(super) struct Bisect {
    /// Run only scenarios whose names contain this.
    filter: Option<String>,
    /// A revision at which the scenarios do what they should.
    #[arg(long, value_name = "REV")]
    good: String,
    /// A revision at which they do not.
    #[arg(long, value_name = "REV")]
    bad: Option<String>,
    /// The kernel tree, a git repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    #[command(flatten)]
    options: BuildOptions,
    /// The mdadm: `debian:SUITE`, or `file:PATH` [default: debian:bookworm].
    #[arg(long, env = "MDLAB_MDADM")]
    mdadm: Option<ToolSource>,
    /// Only this channel counts; may be named several times [default: all].
    #[arg(long, value_parser = channel)]
    channel: Vec<Channel>,
    #[command(flatten)]
    workspace: Workspace,
}

/// What `git bisect run` takes for a revision that cannot be tested, and for a reason to end.
const SKIP: i32 = 125;
const ABORT: i32 = 255;

impl Bisect {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let cache = Cache::open()?;
        let history = History::of(&self.tree)?;
        let good = history.commit(&self.good)?;
        let bad = self.bad.as_deref().map(|bad| history.commit(bad)).transpose()?;
        let channels = if self.channel.is_empty() { Channel::ALL.to_vec() } else { self.channel.clone() };
        let judge =
            Judge::new(&self.workspace, self.filter.as_deref(), &self.options, self.mdadm.clone(), channels, &cache)?;
        let interrupts = Interrupts::heed()?;
        let worktree = Interrupts::let_through(|| history.worktree(&cache, &mut notice))?;
        match bad {
            Some(bad) => self.search(&judge, &worktree, [&good, &bad], &interrupts),
            None => {
                let outcome = self.judge_as_it_stands(&judge, &worktree, &good, &interrupts);
                drop(worktree);
                exit(outcome.unwrap_or_else(|failure| {
                    complain(&failure.to_string());
                    ABORT
                }))
            }
        }
    }

    /// Goes from revision to revision until one is left.
    fn search(
        &self,
        judge: &Judge,
        worktree: &Worktree,
        [good, bad]: [&str; 2],
        interrupts: &Interrupts,
    ) -> Result<(), Failure> {
        let reference = self.reference(judge, worktree, good, interrupts)?;
        let mut last = match self.at(judge, worktree, bad, interrupts)? {
            Tried::Unfit(why) => return Err(Failure::usage(format!("try the bad revision {bad}: {why}"))),
            tried => tried.differences(&reference, judge),
        };
        if last.is_empty() {
            let text = format!("nothing differs between {} and {}: there is nothing to find", self.good, bad);
            return Err(Failure::usage(text));
        }
        let mut next = worktree.begin(good, bad)?;
        loop {
            let commit = match next {
                Next::Try(commit) => commit,
                Next::Found(first) => {
                    print(&format!("\nthe first bad commit:\n\n{}\n{last}", worktree.show(&first)?))?;
                    return Ok(());
                }
                Next::Ambiguous(commits) => {
                    let text = format!("the first bad commit is one of these, which cannot be told apart:\n{commits}");
                    return Err(Failure::new(Class::Boot, text));
                }
            };
            let title = worktree.title(&commit)?;
            next = match judge.try_tree(worktree.folder(), interrupts)? {
                Tried::Unfit(why) => {
                    print(&format!("skip {title}: {why}\n"))?;
                    worktree.mark("skip")?
                }
                tried => match tried.differences(&reference, judge) {
                    none if none.is_empty() => {
                        print(&format!("good {title}\n"))?;
                        worktree.mark("good")?
                    }
                    text => {
                        print(&format!("bad  {title}\n"))?;
                        last = text;
                        worktree.mark("bad")?
                    }
                },
            };
        }
    }

    /// What `git bisect run` asks: how this tree, as it was checked out, compares with the good revision.
    fn judge_as_it_stands(
        &self,
        judge: &Judge,
        worktree: &Worktree,
        good: &str,
        interrupts: &Interrupts,
    ) -> Result<i32, Failure> {
        let reference = match judge.remembered(good)? {
            Some(reference) => reference,
            None => self.reference(judge, worktree, good, interrupts)?,
        };
        judge.remember(good, &reference)?;
        match judge.try_tree(Path::new(&self.tree), interrupts)? {
            Tried::Unfit(why) => {
                notice(&format!("skipped: {why}"));
                Ok(SKIP)
            }
            tried => {
                let differences = tried.differences(&reference, judge);
                print(&differences)?;
                Ok(if differences.is_empty() { 0 } else { Class::Drift.exit_status().into() })
            }
        }
    }

    /// What the scenarios do at the good revision.
    fn reference(
        &self,
        judge: &Judge,
        worktree: &Worktree,
        good: &str,
        interrupts: &Interrupts,
    ) -> Result<Tried, Failure> {
        match self.at(judge, worktree, good, interrupts)? {
            Tried::Unfit(why) => Err(Failure::usage(format!("try the good revision {good}: {why}"))),
            tried => Ok(tried),
        }
    }

    fn at(&self, judge: &Judge, worktree: &Worktree, commit: &str, interrupts: &Interrupts) -> Result<Tried, Failure> {
        worktree.check_out(commit)?;
        judge.try_tree(worktree.folder(), interrupts)
    }
}
