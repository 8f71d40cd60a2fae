//! Tasks that wait uninterruptibly, and for how long the kernel lets them.

use std::fs;
use std::time::Duration;

use mdlab_protocol::Reply;

use crate::clock::Deadline;
use crate::failure::Failure;
use crate::machine::{Machine, WORD};
use crate::{observe, processes};

/// How long a task may wait uninterruptibly before the kernel reports it, in seconds: kernel/hung_task.c. Debian's is 120.
const PATIENCE: &str = "/proc/sys/kernel/hung_task_timeout_secs";

/// The longest patience that is waited for.
const LONGEST: u64 = 600;

/// How often tasks are looked at that wait.
const AGAIN: Duration = Duration::from_millis(100);

/// Waits until no task waits uninterruptibly. At the bound the kernel has said of those that do where they are.
pub(crate) fn rest(machine: &mut Machine, limit: Duration) -> Result<Reply, Failure> {
    let deadline = Deadline::after(limit);
    let mut word = Deadline::after(WORD);
    let mut blocked = processes::blocked();
    while !blocked.is_empty() && !deadline.passed() {
        machine.advance(&[], deadline.min(Deadline::after(AGAIN)))?;
        if word.passed() {
            machine.send_word()?;
            word = Deadline::after(WORD);
        }
        blocked = processes::blocked();
    }
    if !blocked.is_empty() {
        accuse(machine)?;
    }
    Ok(Reply::Rested { taint: observe::taint()?, blocked })
}

/// Gives the kernel the time to report tasks that hang; one that does not watch them is asked where they are.
///
/// Its watchdog looks every so many seconds for tasks that it found waiting the last time already, so it speaks after twice
/// as many at the latest. Under a clock that jumps to the next timer they cost next to nothing.
pub(crate) fn accuse(machine: &mut Machine) -> Result<(), Failure> {
    let patience = fs::read_to_string(PATIENCE).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let Some(patience) = patience.filter(|seconds| (1..=LONGEST).contains(seconds)) else {
        processes::log_blocked();
        return Ok(());
    };
    let deadline = Deadline::after(Duration::from_secs(2 * patience) + WORD);
    while !deadline.passed() {
        let word = Deadline::after(WORD);
        while !word.passed() {
            machine.advance(&[], word)?;
        }
        machine.send_word()?;
    }
    Ok(())
}
