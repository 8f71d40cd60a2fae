//! Disturbs the guest's schedule, in a way that a seed decides: what depends on who runs first comes out otherwise.

use std::time::Duration;

use fastrand::Rng;
use nix::unistd::{self, ForkResult};

use crate::clock::Deadline;
use crate::failure::{Attempt, Failure};

/// How long it sleeps, and how long it keeps the processor, in nanoseconds. Lengths of any order of magnitude are as likely:
/// some come between two instructions of md's, some let a whole resync pass.
const SLEEP: (u64, u64) = (100_000, 100_000_000);
const WORK: (u64, u64) = (10_000, 3_000_000);

/// Starts a process that every so often takes the processor from whoever has it. It runs until the guest ends.
pub(crate) fn start(seed: u64) -> Result<(), Failure> {
    let mut random = Rng::with_seed(seed);
    // SAFETY: the agent has one thread, so the child may do what a process may.
    match unsafe { unistd::fork() }.attempt(|| "fork to disturb the schedule".into())? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => {
            let parameters = libc::sched_param { sched_priority: 1 };
            // Without priority it disturbs less, and nobody is left to be told.
            // SAFETY: the kernel reads one structure, which lives until the call returns.
            let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
            loop {
                std::thread::sleep(between(&mut random, SLEEP));
                let end = Deadline::after(between(&mut random, WORK));
                while !end.passed() {}
            }
        }
    }
}

/// A length between two; all orders of magnitude are as likely.
fn between(random: &mut Rng, (shortest, longest): (u64, u64)) -> Duration {
    let octaves = (longest / shortest).ilog2() + 1;
    let low = shortest << random.u32(0..octaves);
    Duration::from_nanos(random.u64(low..2 * low).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_lengths_stay_within_bounds() {
        let lengths = |seed| {
            let mut random = Rng::with_seed(seed);
            (0..1000).map(|_| between(&mut random, SLEEP)).collect::<Vec<_>>()
        };
        assert_eq!(lengths(1), lengths(1));
        assert_ne!(lengths(1), lengths(2));
        let (shortest, longest) = (Duration::from_nanos(SLEEP.0), Duration::from_nanos(SLEEP.1));
        assert!(lengths(1).iter().all(|length| (shortest..=longest).contains(length)));
    }
}
