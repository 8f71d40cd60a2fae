//! The processes of the guest, as /proc shows them.
//!
//! A command's family is all that descends from it and all of its session, so also what it left behind.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process in /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    session: i32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It runs, or would if a processor were free.
    Running,
    /// It waits for something.
    Waiting,
    /// It waits for something and cannot be interrupted.
    Blocked,
    /// It has ended, and nobody has asked how.
    Dead,
}

/// Whether something of a command's family runs, and does not just wait.
pub(crate) fn runs(root: Pid) -> bool {
    one_runs(&all(), root.as_raw())
}

fn one_runs(all: &[Process], root: i32) -> bool {
    let family = family(all, root);
    all.iter().any(|process| family.contains(&process.pid) && process.state == State::Running)
}

/// Kills all of a command's family; returns how many there were.
pub(crate) fn kill_family(root: Pid) -> usize {
    let all = all();
    let family = family(&all, root.as_raw());
    for pid in &family {
        // It may have ended meanwhile.
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    family.len()
}

/// A task that waits uninterruptibly, the kernel's own among them.
pub(crate) struct Blocked {
    folder: PathBuf,
    /// `mdadm (process 140)`.
    pub(crate) name: String,
    switches: u64,
}

impl Blocked {
    fn at(folder: PathBuf) -> Option<Self> {
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        let name = stat.split_once(" (")?.1.rsplit_once(") ")?.0;
        let Process { pid, state: State::Blocked, .. } = parse(&stat)? else { return None };
        let name = format!("{name} (process {pid})");
        Some(Self { switches: switches(&folder), folder, name })
    }

    /// Whether it is in the same wait as before: it has not run meanwhile, as the kernel's own watchdog tells
    /// (`check_hung_task` in kernel/hung_task.c). A resync that is slowed down sleeps so again and again.
    pub(crate) fn waits_on(&self) -> bool {
        Self::at(self.folder.clone()).is_some_and(|now| now.switches == self.switches)
    }
}

/// How often a task has been switched away from.
fn switches(folder: &Path) -> u64 {
    let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
    let counts = status.lines().filter_map(|line| line.split_once("_ctxt_switches:"));
    counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

/// The tasks that wait uninterruptibly.
pub(crate) fn blocked() -> Vec<Blocked> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path().join("task"));
    let tasks = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    tasks.filter_map(|task| Blocked::at(task.path())).collect()
}

/// Has the kernel log the stacks of the tasks that wait uninterruptibly: `w` of Documentation/admin-guide/sysrq.rst. Not
/// every kernel has it.
pub(crate) fn log_blocked() {
    let _ = fs::write("/proc/sysrq-trigger", "w");
}

/// Logs the stacks of what is left of a command's family, and is not [`log_blocked`]'s: it sleeps and wakes, or runs, and
/// never comes to an end. As the kernel shows tasks; not every kernel says where they are (CONFIG_STACKTRACE).
pub(crate) fn log_left(root: Pid) {
    let tasks = family(&all(), root.as_raw()).into_iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")));
    for task in tasks.flatten().flatten().map(|entry| entry.path()) {
        let read = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
        let Some(Process { pid, state: State::Running | State::Waiting, .. }) = parse(&read("stat")) else { continue };
        let stack = read("stack");
        // `[<0>] msleep+0x26/0x30`; the last line may be `[<0>] 0xffffffffffffffff`.
        let frames = stack.lines().filter_map(|line| line.split_once("] ")).map(|(_, frame)| format!(" {frame}"));
        let title = format!("task:{} pid:{pid} left by SIGKILL", read("comm").trim_end());
        for line in [title, "Call Trace:".to_owned()].into_iter().chain(frames) {
            // Each write is a message of its own (Documentation/ABI/testing/dev-kmsg).
            let _ = fs::write("/dev/kmsg", line);
        }
    }
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| parse(&fs::read_to_string(entry.path().join("stat")).ok()?)).collect()
}

fn family(all: &[Process], root: i32) -> HashSet<i32> {
    let mut family = HashSet::from([root]);
    let belongs = |process: &Process, family: &HashSet<i32>| {
        process.pid == root || process.session == root || family.contains(&process.parent)
    };
    // A child may be listed before its parent, so until nothing is found any more.
    let mut before = 0;
    while before != family.len() {
        before = family.len();
        family.extend(
            all.iter().filter(|process| belongs(process, &family)).map(|process| process.pid).collect::<Vec<_>>(),
        );
    }
    family.retain(|pid| all.iter().any(|process| process.pid == *pid && process.state != State::Dead));
    family
}

/// Where `num_threads` stands in /proc/PID/stat, counted from the state.
const THREADS: usize = 17;

/// `pid (comm) state ppid pgrp session ...`; comm may hold anything, spaces and brackets too.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    // As long as another of its threads lives, so does the process.
    let alone = || rest.split(' ').nth(THREADS).is_none_or(|count| count.parse::<u64>().is_ok_and(|count| count <= 1));
    let state = match fields.next()? {
        "R" => State::Running,
        "Z" | "X" if alone() => State::Dead,
        "D" => State::Blocked,
        _ => State::Waiting,
    };
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, parent, session, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_parsed() {
        let process = parse("42 (a) b (c) S 7 41 40 0 -1 4194560").unwrap();
        assert_eq!(process, Process { pid: 42, parent: 7, session: 40, state: State::Waiting });
        assert_eq!(parse("42 (x) Z 1 2 3 0").unwrap().state, State::Dead);
        assert_eq!(parse("42 (x) D 1 2 3 0").unwrap().state, State::Blocked);
        let threads =
            |count: u32| parse(&format!("42 (x) Z 1 2 3 0 -1 4 0 0 0 0 1 1 0 0 20 0 {count} 0")).unwrap().state;
        assert_eq!([threads(1), threads(2)], [State::Dead, State::Waiting]);
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn a_family_is_descendants_and_session_alike() {
        let process = |pid, parent, session| Process { pid, parent, session, state: State::Waiting };
        let all = [
            process(5, 4, 1),
            process(1, 0, 1),
            process(2, 1, 2),
            process(4, 2, 9),
            process(6, 1, 2),
            process(7, 1, 1),
        ];
        let mut pids: Vec<_> = family(&all, 2).into_iter().collect();
        pids.sort_unstable();
        assert_eq!(pids, [2, 4, 5, 6]);
    }

    #[test]
    fn a_family_runs_if_one_of_it_does() {
        let process = |pid, session, state| Process { pid, parent: 1, session, state };
        let all = [
            process(2, 2, State::Waiting),
            process(3, 2, State::Dead),
            process(4, 4, State::Waiting),
            process(5, 4, State::Running),
        ];
        assert!(!one_runs(&all, 2));
        assert!(one_runs(&all, 4));
    }
}
