//! Tasks that wait uninterruptibly, and for how long the kernel lets them.

use std::fs;
use std::time::Duration;

use mdlab_protocol::Reply;

use crate::clock::Deadline;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::observe;
use crate::processes::{self, Blocked};

/// How long a task may wait uninterruptibly before the kernel reports it, in seconds: kernel/hung_task.c. Debian's is 120.
const PATIENCE: &str = "/proc/sys/kernel/hung_task_timeout_secs";

/// The longest patience that is waited for, and what is waited where the kernel has no such watchdog.
const LONGEST: u64 = 600;

const DEFAULT: u64 = 120;

/// How often tasks are looked at. One that has run meanwhile does not hang.
const LOOK: Duration = Duration::from_secs(1);

/// How long one that is known to hang is watched, as a part of what the kernel lets pass before it reports it.
const KNOWN: u32 = 48;

/// Waits until no task is left of those that wait uninterruptibly, but for one that is known to hang: it has to go on hanging.
/// At the bound the kernel has said of the others where they are.
pub(crate) fn rest(machine: &mut Machine, hanging: Option<&str>) -> Result<Reply, Failure> {
    let is_known = |task: &Blocked| hanging.is_some_and(|name| task.name.starts_with(name));
    let (mut known, others): (Vec<_>, Vec<_>) = processes::blocked().into_iter().partition(is_known);
    let mut blocked = accuse(machine, others)?;
    outlast(machine, &mut known, patience() / KNOWN)?;
    blocked.extend(known.into_iter().map(|task| task.name));
    Ok(Reply::Rested { taint: observe::taint()?, blocked })
}

/// Gives the kernel the time to report tasks that wait uninterruptibly; returns those that wait all the same, of whom it then
/// says where they are, also if it does not count them as hung: those that could be killed.
pub(crate) fn accuse(machine: &mut Machine, mut blocked: Vec<Blocked>) -> Result<Vec<String>, Failure> {
    outlast(machine, &mut blocked, patience())?;
    if !blocked.is_empty() {
        processes::log_blocked();
    }
    Ok(blocked.into_iter().map(|task| task.name).collect())
}

/// Leaves those that still wait after so much time, if any.
fn outlast(machine: &mut Machine, blocked: &mut Vec<Blocked>, time: Duration) -> Result<(), Failure> {
    let deadline = Deadline::after(time);
    while !blocked.is_empty() && !deadline.passed() {
        let look = Deadline::after(LOOK);
        while !look.passed() {
            machine.advance(&[], look)?;
        }
        blocked.retain(Blocked::waits_on);
    }
    Ok(())
}

/// How long a task may wait uninterruptibly until the kernel has reported it. Its watchdog looks every so many seconds for
/// tasks that it found waiting the last time already, so it speaks after twice as many at the latest. Under a clock that
/// jumps to the next timer they cost next to nothing.
pub(crate) fn patience() -> Duration {
    let seconds = fs::read_to_string(PATIENCE).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds)).unwrap_or(DEFAULT);
    Duration::from_secs(2 * seconds) + LOOK
}
