//! `mdlab bisect`, on a history whose builds take no time: its Makefile hands out Debian's kernels. `ci/bisect` has one of
//! Linux's own.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mdlab_vm::Cache;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

mod built;
mod until;
mod workspace;

use built::tree;
use until::until;
use workspace::{mdlab, said};

/// What is run on each revision.
const JUDGED: &str = "mirror::creates_and_stops::tool_2_Tool__Ioctl";

/// A repository, what its commits hand out, and a cache for what is made of them.
struct History(TempDir);

impl History {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for suite in ["bookworm", "bullseye"] {
            tree(&folder.path().join(suite), suite, suite);
        }
        let history = Self(folder);
        // What was fetched is not fetched again.
        let cache = history.0.path().join("cache");
        fs::create_dir(&cache).unwrap();
        symlink(Cache::open().unwrap().path("packages"), cache.join("packages")).unwrap();
        let repository = history.repository();
        fs::create_dir_all(repository.join("arch/x86")).unwrap();
        fs::write(repository.join("arch/x86/Kconfig"), "").unwrap();
        fs::write(repository.join("Kconfig"), "").unwrap();
        history.git(&["init", "--quiet"]);
        history
    }

    fn repository(&self) -> PathBuf {
        self.0.path().join("linux")
    }

    fn git(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        command.env("MDLAB_SCENARIOS", scenarios).env("MDLAB_CACHE", self.0.path().join("cache"));
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("NEXTEST");
        command.args(["-c", "user.name=mdlab", "-c", "user.email=mdlab@example.org"]).args(arguments);
        let output = command.current_dir(self.repository()).env_remove("GIT_DIR").output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        output
    }

    /// A commit whose build does this.
    fn commit(&self, title: &str, build: &str) {
        let makefile =
            format!("# {title}\nallnoconfig:\n\ttouch $(O)/.config\nbzImage:\n\t{build}\nmodules: bzImage\n");
        fs::write(self.repository().join("Makefile"), makefile).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", title]);
        self.git(&["tag", title]);
    }

    /// A build that hands out a suite's kernel.
    fn kernel(&self, suite: &str) -> String {
        format!("cp -a --remove-destination {}/. $(O)/", self.0.path().join(suite).display())
    }

    fn bisect(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let tree = self.repository();
        let tree = ["--tree", tree.to_str().unwrap()];
        let mut command = mdlab(&[&["bisect", JUDGED], &tree[..], arguments].concat());
        let output = command.env("MDLAB_CACHE", self.0.path().join("cache")).output().unwrap();
        (output.status.code(), said(&output))
    }
}

/// What was said of which commit.
fn verdicts(text: &str) -> Vec<String> {
    let marked = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let verdict = words.next().filter(|word| ["good", "bad", "skip"].contains(word))?;
        Some(format!("{verdict} {}", words.nth(1)?.trim_end_matches(':')))
    });
    marked.collect()
}

const BROKEN: &str = "echo raid1.c:1: error: no >&2; exit 1";

#[test]
fn the_first_bad_commit_is_found() {
    let history = History::new();
    let (good, bad) = (history.kernel("bookworm"), history.kernel("bullseye"));
    let builds = [&good, &good, &good, BROKEN, &good, &bad, &bad, &bad];
    for (number, build) in builds.into_iter().enumerate() {
        history.commit(&format!("v{}", number + 1), build);
    }
    let (status, text) = history.bisect(&["--good", "v1", "--bad", "v8"]);
    assert_eq!(status, Some(0), "{text}");
    // Which is tried after one that was skipped, git decides by their names (`skip_away` of its bisect.c).
    let (tried, right) = (verdicts(&text), "good v1, good v5, skip v4, bad v6, bad v7, bad v8");
    assert!(tried.iter().all(|verdict| right.contains(verdict)), "{text}");
    assert!(
        ["good v1", "skip v4", "bad v6", "bad v8"].iter().all(|verdict| tried.iter().any(|t| t == verdict)),
        "{text}"
    );
    assert!(text.contains("exit status: 2:\n  raid1.c:1: error: no\n"), "{text}");
    let (_, found) = text.split_once("\nthe first bad commit:\n\ncommit ").unwrap();
    assert!(found.contains("\n    v6\n") && found.contains(" Makefile | "), "{text}");
    assert!(found.contains(&format!("--- {JUDGED}, dmesg\tLinux 6.1.")), "{text}");
    assert!(found.contains("\n+info   md0: detected capacity change from 0 to 9437184\n"), "{text}");
    // The tree is as it was, and nothing hangs on to it.
    let worktrees = history.git(&["worktree", "list"]);
    assert_eq!((said(&worktrees).lines().count(), said(&history.git(&["status", "--short"]))), (1, String::new()));

    let (status, text) = history.bisect(&["--good", "v1", "--bad", "v3"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("nothing differs between "), "{text}");
    for (good, bad, reason) in
        [("v3", "v1", "name them the other way round"), ("v3", "v3", "cannot be both good and bad")]
    {
        let (status, text) = history.bisect(&["--good", good, "--bad", bad]);
        assert_eq!((status, text.contains(reason), text.contains("checking")), (Some(2), true, false), "{text}");
    }

    // The same, asked by git itself, which names the repository to what it runs in a linked worktree.
    let linked = ["-C", "../linked"];
    history.git(&["worktree", "add", "--quiet", "../linked", "v8"]);
    history.git(&[&linked[..], &["bisect", "start", "v8", "v1"]].concat());
    let run = ["bisect", "run", env!("CARGO_BIN_EXE_mdlab"), "bisect", "--good", "v1", JUDGED];
    let found = history.git(&[&linked[..], &run].concat());
    assert!(said(&found).contains("is the first bad commit\n"), "{}", said(&found));
    let first = history.git(&[&linked[..], &["show", "--format=%s", "--no-patch", "bisect/bad"]].concat());
    assert_eq!(said(&first), "v6\n");
    assert_eq!(said(&history.git(&["worktree", "list"])).lines().count(), 2);
    history.git(&["worktree", "remove", "--force", "../linked"]);
    for (revision, expected) in [("v3", 0), ("v4", 125), ("v7", 1)] {
        history.git(&["checkout", "--quiet", revision]);
        let (status, text) = history.bisect(&["--good", "v1"]);
        assert_eq!(status, Some(expected), "{revision}: {text}");
    }
    // Whatever is not the revision's doing ends the search: skipped or bad, it would lead it astray.
    let aborts = |arguments: &[&str], reason: &str| {
        let (status, text) = history.bisect(arguments);
        assert_eq!(status, Some(255), "{text}");
        assert!(text.contains(reason), "{text}");
    };
    aborts(&["--good", "v0"], "`: there is none of that name");
    let empty = said(&history.git(&["hash-object", "-t", "tree", "/dev/null"]));
    let bare = said(&history.git(&["commit-tree", "-m", "no kernel", empty.trim()]));
    aborts(&["--good", bare.trim()], "`: it has no `Kconfig`");
    aborts(&["--good", "v1", "--variant", "kasn"], "expected `plain`, `debug` or `kasan`, got `kasn`");
    aborts(&["--good", "v1", "--mdadm", "file:/etc/hostname"], "`/etc/hostname` is no program for x86-64 Linux");
    fs::write(history.repository().join(".config"), "").unwrap();
    aborts(&["--good", "v1"], "it was configured in its own one");
}

#[test]
fn what_cannot_be_told_apart_is_said() {
    let history = History::new();
    for (title, build) in
        [("v1", history.kernel("bookworm").as_str()), ("v2", BROKEN), ("v3", &history.kernel("bullseye"))]
    {
        history.commit(title, build);
    }
    let (status, text) = history.bisect(&["--good", "v1", "--bad", "v3"]);
    assert_eq!(status, Some(4), "{text}");
    let (_, left) = text.split_once("the first bad commit is one of these, which cannot be told apart:\n").unwrap();
    assert_eq!(left.lines().filter(|line| line.starts_with("  ")).count(), 2, "{text}");
    // Somebody else is at it.
    let searches = history.0.path().join("cache/bisect");
    let locks = searches.read_dir().unwrap().flatten().map(|file| file.path());
    let path = locks.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "lock")).unwrap();
    let lock = fs::File::open(path).unwrap();
    lock.lock().unwrap();
    let (status, text) = history.bisect(&["--good", "v1", "--bad", "v3"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("another search is at work with it; wait for it, or search in a clone"), "{text}");
    drop(lock);

    // A tree that is checked out can be built by itself.
    history.git(&["checkout", "--quiet", "v1"]);
    let build = |options: &[&str]| {
        let tree = history.repository();
        let mut command = mdlab(&[&["kernel", "build", tree.to_str().unwrap()], options].concat());
        let output = command.env("MDLAB_CACHE", history.0.path().join("cache")).output().unwrap();
        (output.status.code(), said(&output))
    };
    let (status, text) = build(&["--variant", "debug", "--md", "built-in"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("built Linux 6.1.") && text.contains(" s; to run it:\n  --kernel tree:"), "{text}");
    history.git(&["checkout", "--quiet", "v2"]);
    let unfinished = || {
        let builds = history.0.path().join("cache/builds").read_dir().unwrap().flatten();
        builds.filter(|build| build.path().join("mdlab.unfinished").is_file()).count()
    };
    let before = unfinished();
    let (status, text) = build(&[]);
    assert_eq!(status, Some(4), "{text}");
    assert!(text.contains("raid1.c:1: error"), "{text}");
    // The kernel that was built there before is not taken for this one.
    assert_eq!(unfinished(), before + 1);
    // No revision is to blame for a full disk.
    history.commit("v4", "echo 'ld: vmlinux: No space left on device' >&2; exit 1");
    let (status, text) = history.bisect(&["--good", "v1"]);
    assert_eq!(status, Some(255), "{text}");
    assert!(text.contains("it is not the tree's fault: ld: vmlinux: No space left on device"), "{text}");

    for end in [["--good", "v2", "--bad", "v3"], ["--good", "v1", "--bad", "v2"]] {
        let (status, text) = history.bisect(&end);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains("raid1.c:1: error"), "{text}");
    }
}

/// A worktree belongs to the user's repository, and a compiler to nobody once make has been killed.
#[test]
fn a_search_that_is_interrupted_leaves_nothing() {
    let history = History::new();
    let begun = history.0.path().join("begun");
    let long = |shell: &str, sleep: &str| format!("echo {shell} > {}.new; mv {0}.new {0}; {sleep}", begun.display());
    history.commit("v1", &long("$$$$", "sleep 1000; true"));
    history.commit("v2", "true");
    let search = |signal: Signal| {
        let tree = history.repository();
        let mut command = mdlab(&["bisect", JUDGED, "--tree", tree.to_str().unwrap(), "--good", "v1", "--bad", "v2"]);
        command.env("MDLAB_CACHE", history.0.path().join("cache")).stderr(Stdio::piped());
        let mut search = command.spawn().unwrap();
        let busy = until(|| fs::read_to_string(&begun).ok()?.trim().parse().ok().map(Pid::from_raw));
        assert_eq!(said(&history.git(&["worktree", "list"])).lines().count(), 2);
        kill(Pid::from_raw(search.id().try_into().unwrap()), signal).unwrap();
        // Long before what it waits for would have come to its end.
        until(|| search.try_wait().unwrap());
        let ended = search.wait_with_output().unwrap();
        assert_eq!(ended.status.signal(), Some(signal as i32), "{}", said(&ended));
        fs::remove_file(&begun).unwrap();
        (busy, said(&ended))
    };
    let interrupted = || {
        let (busy, text) = search(Signal::SIGTERM);
        assert!(text.contains("a signal came: removing `"), "{text}");
        assert!(text.contains("the search did not come to its end: SIGTERM came"), "{text}");
        assert_eq!(said(&history.git(&["worktree", "list"])).lines().count(), 1);
        until(|| (kill(busy, None) == Err(Errno::ESRCH)).then_some(()));
    };
    interrupted();
    // A checkout takes its time as well.
    let hook = history.repository().join(".git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\n{}\n", long("$$", "exec sleep 1000"))).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    interrupted();
    // Killed, it leaves the worktree as git left it; the next search begins anew.
    let (hook, _) = search(Signal::SIGKILL);
    kill(hook, Signal::SIGKILL).unwrap();
    let left = said(&history.git(&["worktree", "list", "--porcelain"]));
    let worktree = left.lines().filter_map(|line| line.strip_prefix("worktree ")).next_back().unwrap();
    let lock = said(&history.git(&["-C", worktree, "rev-parse", "--git-path", "index.lock"]));
    fs::write(Path::new(worktree).join(lock.trim()), "").unwrap();
    // As git has it while it makes one.
    history.git(&["worktree", "lock", worktree]);
    interrupted();
}
