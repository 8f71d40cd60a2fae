//! `mdlab bisect`: the commit of a kernel tree with which scenarios began to do something else.

mod history;
mod judge;

use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::exit;
use std::time::Instant;

use clap::Args;
use mdlab_vm::Cache;

use super::interrupt::Interrupts;
use super::kernel::BuildOptions;
use super::progress::{complain, notice, telling};
use super::scenarios::Workspace;
use super::{channel, print};
use crate::channel::Channel;
use crate::failure::{Class, Failure};
use crate::tool::ToolSource;
use history::{History, Next, Worktree};
use judge::{Judge, Seen, Verdict};

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
    #[arg(value_parser = super::scenarios::part)]
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

/// What `git bisect run` takes for a revision that cannot be tested.
const SKIP: i32 = 125;

/// What it takes for a reason to end.
pub(super) const ABORT: i32 = 255;

impl Bisect {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.bad {
            Some(bad) => interruptible(|interrupts| self.search(bad, interrupts)),
            None => {
                // Most statuses would tell `git bisect run` that the revision is bad, also that of a panic.
                let judged = catch_unwind(|| interruptible(|interrupts| self.judge_as_it_stands(interrupts)));
                let judged = judged.unwrap_or_else(|_| Err(Failure::infra("mdlab panicked, see above")));
                exit(judged.unwrap_or_else(|failure| {
                    complain(&failure.to_string());
                    ABORT
                }))
            }
        }
    }

    /// Goes from revision to revision until one is left.
    fn search(&self, bad: &str, interrupts: &Interrupts) -> Result<(), Failure> {
        let cache = Cache::open()?;
        let history = History::of(&self.tree)?;
        let (good, bad) = (history.commit(&self.good)?, history.commit(bad)?);
        history.refuse_swapped(&good, &bad)?;
        let judge = Judge::of(self, &cache, interrupts)?;
        let worktree = history.worktree(&cache, interrupts, &mut telling())?;
        let reference = self.reference(&judge, &worktree, &good)?;
        worktree.check_out(&bad)?;
        let mut last = match judge.judge(worktree.folder(), &reference)? {
            Verdict::Bad(differences) => differences,
            Verdict::Skip(why) => return Err(Failure::usage(format!("try the bad revision {bad}: {why}"))),
            Verdict::Good => {
                let text = format!("nothing differs between {good} and {bad}: there is nothing to find");
                return Err(Failure::usage(text));
            }
        };
        print(&format!("bad  {}\n", worktree.title(&bad)?))?;
        let mut next = worktree.begin(&good, &bad)?;
        let (began, mut tried) = (Instant::now(), 0);
        loop {
            let commit = match next {
                Next::Try(commit, left) => {
                    let each = began.elapsed().checked_div(tried);
                    let each = each.map_or(String::new(), |each| format!(", {} s each", each.as_secs()));
                    notice(&format!("trying {}, {left}{each}", worktree.title(&commit)?));
                    tried += 1;
                    commit
                }
                Next::Found(first) => {
                    return print(&format!("\nthe first bad commit:\n\n{}\n{last}", worktree.show(&first)?));
                }
                Next::Ambiguous(commits) => {
                    let text = format!("the first bad commit is one of these, which cannot be told apart:\n{commits}");
                    return Err(Failure::new(Class::Boot, text));
                }
            };
            worktree.check_out(&commit)?;
            let verdict = judge.judge(worktree.folder(), &reference)?;
            let title = worktree.title(&commit)?;
            next = worktree.mark(&verdict)?;
            match verdict {
                Verdict::Good => print(&format!("good {title}\n"))?,
                Verdict::Skip(why) => print(&format!("skip {title}: {why}\n"))?,
                Verdict::Bad(differences) => {
                    print(&format!("bad  {title}\n"))?;
                    last = differences;
                }
            }
        }
    }

    /// What `git bisect run` asks: how this tree, as it was checked out, compares with the good revision.
    fn judge_as_it_stands(&self, interrupts: &Interrupts) -> Result<i32, Failure> {
        let cache = Cache::open()?;
        let history = History::of(&self.tree)?;
        let good = history.commit(&self.good)?;
        let judge = Judge::of(self, &cache, interrupts)?;
        let reference = match judge.remembered(&good) {
            Some(reference) => reference,
            None => {
                let worktree = history.worktree(&cache, interrupts, &mut telling())?;
                let reference = self.reference(&judge, &worktree, &good)?;
                judge.remember(&good, &reference)?;
                reference
            }
        };
        match judge.judge(&self.tree, &reference)? {
            Verdict::Good => Ok(0),
            Verdict::Bad(differences) => print(&differences).map(|()| Class::Drift.exit_status().into()),
            Verdict::Skip(why) => {
                complain(&format!("skipped: {why}"));
                Ok(SKIP)
            }
        }
    }

    /// What the scenarios do at the good revision.
    fn reference(&self, judge: &Judge, worktree: &Worktree, good: &str) -> Result<Seen, Failure> {
        worktree.check_out(good)?;
        let seen = judge.see(worktree.folder())?;
        let seen = seen.map_err(|why| Failure::usage(format!("try the good revision {good}: {why}")))?;
        print(&format!("good {}\n", worktree.title(good)?))?;
        Ok(seen)
    }
}

/// Does what a signal ends, but not before it has put things in order: a worktree belongs to the user's repository.
fn interruptible<T>(work: impl FnOnce(&Interrupts) -> Result<T, Failure>) -> Result<T, Failure> {
    let interrupts = Interrupts::heed()?;
    let outcome = work(&interrupts);
    match interrupts.next() {
        Some(interrupt) => interrupt.end("the search did not come to its end"),
        None => outcome,
    }
}
