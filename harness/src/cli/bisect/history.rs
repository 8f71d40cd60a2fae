//! A kernel's history: what git knows of it. Revisions are checked out beside the user's tree, which stays as it is.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mdlab_vm::child::{End, bounded};
use mdlab_vm::{Cache, Digest, News, Notice, child};
use nix::sys::signal::Signal;
use xshell::{Shell, cmd};

use super::judge::Verdict;
use crate::cli::interrupt::Interrupts;
use crate::cli::progress::notice;
use crate::failure::Failure;

/// A repository.
pub(super) struct History {
    tree: PathBuf,
    shell: Shell,
}

/// How long a checkout may take: a kernel has some 90,000 files.
const LIMIT: Duration = Duration::from_secs(1800);

/// A tree of it in the cache, in which revisions are checked out one after the other.
pub(super) struct Worktree<'a> {
    folder: PathBuf,
    shell: Shell,
    interrupts: &'a Interrupts,
    /// The repository that it belongs to.
    tree: PathBuf,
    /// Held until nobody works with it any more.
    _lock: File,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This commit is to be tried; and what git says of how many are left.
    Try(String, String),
    /// The first bad one.
    Found(String),
    /// Those among which it is, a line each: the others were skipped.
    Ambiguous(String),
}

impl History {
    /// The repository around a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
        shell.set_var("LC_ALL", "C");
        let top = git(cmd!(shell, "git -C {folder} rev-parse --show-toplevel")).map_err(|failure| {
            Failure::usage(format!("find a git repository in `{}`: {}", folder.display(), failure.message))
        })?;
        Ok(Self { tree: top.trim().into(), shell })
    }

    /// The commit that a revision names; it has a kernel.
    pub(super) fn commit(&self, revision: &str) -> Result<String, Failure> {
        let (tree, commit) = (&self.tree, format!("{revision}^{{commit}}"));
        let unfit = |why: &str| {
            Failure::usage(format!("find the revision `{revision}` of a kernel in `{}`: {why}", tree.display()))
        };
        let found = git(cmd!(self.shell, "git -C {tree} rev-parse --verify --quiet --end-of-options {commit}"));
        let found = found.map_err(|_| unfit("there is none of that name"))?.trim().to_owned();
        for name in KERNEL {
            let object = format!("{found}:{name}");
            let there = git(cmd!(self.shell, "git -C {tree} rev-parse --verify --quiet {object}"));
            there.map_err(|_| unfit(&format!("it has no `{name}`")))?;
        }
        Ok(found)
    }

    /// Refuses a search in which there is nothing to find: what came after the good revision must be among what the bad one has.
    pub(super) fn refuse_swapped(&self, good: &str, bad: &str) -> Result<(), Failure> {
        let tree = &self.tree;
        match git(cmd!(self.shell, "git -C {tree} merge-base --is-ancestor {bad} {good}")) {
            Ok(_) if good == bad => Err(Failure::usage(format!("{good} cannot be both good and bad"))),
            Ok(_) => Err(Failure::usage(format!(
                "the bad revision {bad} comes before the good one, {good}: name them the other way round"
            ))),
            Err(_) => Ok(()),
        }
    }

    /// A tree of this repository's in the cache, for one search at a time.
    pub(super) fn worktree<'a>(
        &self,
        cache: &Cache,
        interrupts: &'a Interrupts,
        notice: Notice,
    ) -> Result<Worktree<'a>, Failure> {
        let (tree, shell) = (self.tree.clone(), self.shell.clone());
        let folder = cache.path("bisect").join(Digest::of(tree.to_string_lossy().as_bytes()).short());
        let lock = lock(&folder.with_extension("lock")).map_err(|cause| {
            Failure::usage(format!("search in `{}`: {cause}; wait for it, or search in a clone", tree.display()))
        })?;
        // A search that was killed left it, in the middle of whatever it did: git may not know it any more, or have it locked
        // (said twice, `--force` is for that).
        if folder.exists() {
            let _ = git(cmd!(shell, "git -C {tree} worktree remove --force --force {folder}"));
        }
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::infra(format!("remove `{}`: {error}", folder.display())));
            }
            _ => {}
        }
        let worktree = Worktree { folder, shell, interrupts, tree, _lock: lock };
        let Worktree { folder, shell, tree, .. } = &worktree;
        notice(News::Note(&format!("checking `{}` out in `{}`", tree.display(), folder.display())));
        // Its files come with the first commit: git would have another git write them, which outlives this process.
        git(cmd!(shell, "git -C {tree} worktree add --force --force --detach --no-checkout --quiet {folder} HEAD"))?;
        Ok(worktree)
    }
}

/// Has a file locked for as long as it is held; says who has it otherwise.
fn lock(path: &Path) -> Result<File, String> {
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| error.to_string())?;
    let file = File::create(path).map_err(|error| format!("make `{}`: {error}", path.display()))?;
    file.try_lock().map_err(|_| "another search is at work with it".to_owned())?;
    Ok(file)
}

impl Worktree<'_> {
    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks a commit out, whatever was there, unless a signal comes.
    pub(super) fn check_out(&self, commit: &str) -> Result<(), Failure> {
        let folder = &self.folder;
        let command = cmd!(self.shell, "git -C {folder} checkout --quiet --force --detach {commit}");
        let name = command.to_string();
        let failed = |cause: String| Failure::infra(format!("run `{name}`: {cause}"));
        let ran = bounded(undirected(command), LIMIT, Some(self.interrupts.as_fd()), Signal::SIGTERM);
        match ran.map_err(|error| failed(error.to_string()))? {
            (End::Itself, status, _) if status.success() => Ok(()),
            (End::Itself, status, said) => Err(failed(format!("{status}\n{}", said.trim_end()))),
            (End::TooLate, ..) => Err(failed(format!("it did not end within {} s", LIMIT.as_secs()))),
            (End::Interrupted, ..) => Err(failed("a signal came".into())),
        }
    }

    /// Begins a search between two commits. It only says what to check out, and leaves that to [`Worktree::check_out`].
    pub(super) fn begin(&self, good: &str, bad: &str) -> Result<Next, Failure> {
        let folder = &self.folder;
        self.next(git(cmd!(self.shell, "git -C {folder} bisect start --no-checkout {bad} {good} --")))
    }

    /// Says what the commit that was to be tried is.
    pub(super) fn mark(&self, verdict: &Verdict) -> Result<Next, Failure> {
        let folder = &self.folder;
        let what = match verdict {
            Verdict::Good => "good",
            Verdict::Bad(_) => "bad",
            Verdict::Skip(_) => "skip",
        };
        self.next(git(cmd!(self.shell, "git -C {folder} bisect {what}")))
    }

    /// Reads what git makes of it.
    fn next(&self, said: Result<String, Failure>) -> Result<Next, Failure> {
        let folder = &self.folder;
        match said {
            Ok(text) => match text.lines().find_map(|line| line.strip_suffix(" is the first bad commit")) {
                Some(first) => Ok(Next::Found(first.to_owned())),
                None => {
                    let head = git(cmd!(self.shell, "git -C {folder} rev-parse --verify BISECT_HEAD"))?;
                    let left = text.lines().find_map(|line| line.strip_prefix("Bisecting: ")).unwrap_or_default();
                    Ok(Next::Try(head.trim().to_owned(), left.to_owned()))
                }
            },
            // Its exit status is 2 then.
            Err(failure) => match failure.message.split_once("The first bad commit could be any of:\n") {
                Some((_, rest)) => {
                    let commits = rest.lines().map(str::trim).take_while(|line| line.len() >= 40);
                    Ok(Next::Ambiguous(commits.map(|commit| format!("  {commit}\n")).collect()))
                }
                None => Err(failure),
            },
        }
    }

    /// A commit in a line.
    pub(super) fn title(&self, commit: &str) -> Result<String, Failure> {
        let (folder, format) = (&self.folder, "--format=%h %s");
        git(cmd!(self.shell, "git -C {folder} show --no-patch {format} {commit}")).map(|text| text.trim().to_owned())
    }

    /// A commit, with who made it and which files it changed.
    pub(super) fn show(&self, commit: &str) -> Result<String, Failure> {
        let folder = &self.folder;
        git(cmd!(self.shell, "git -C {folder} show --stat --format=medium {commit}"))
    }
}

impl Drop for Worktree<'_> {
    fn drop(&mut self) {
        // Its files are git's to make again; what was built of them lies elsewhere.
        let (folder, tree) = (&self.folder, &self.tree);
        if self.interrupts.has_come() {
            notice(&format!("a signal came: removing `{}`", folder.display()));
        }
        let mut command = undirected(cmd!(self.shell, "git -C {tree} worktree remove --force {folder}"));
        // Whoever is impatient, and asks the terminal to end it once more, must not end this.
        command.process_group(0);
        let _ = child::output(command);
    }
}

/// By which a kernel is known.
const KERNEL: [&str; 2] = ["Kconfig", "arch/x86"];

/// By which git names its repository to what it runs, as `git bisect run` does in a linked worktree: `-C` counts for less.
const REPOSITORY: [&str; 4] = ["GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];

/// A command of git's that is told its repository by `-C` alone.
fn undirected(command: xshell::Cmd) -> Command {
    REPOSITORY.into_iter().fold(command, xshell::Cmd::env_remove).into()
}

/// Runs git; a failure has what it said.
fn git(command: xshell::Cmd) -> Result<String, Failure> {
    let name = command.to_string();
    let output =
        child::output(undirected(command)).map_err(|error| Failure::infra(format!("run `{name}`: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => {
            let said = text(&output.stdout) + &text(&output.stderr);
            Err(Failure::infra(format!("run `{name}`: {}\n{}", output.status, said.trim_end())))
        }
    }
}
