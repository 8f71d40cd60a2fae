//! The guest's monotonic clock. Under a clock that counts instructions, a wait on it costs no wall time: the machine
//! jumps to the next timer.

use std::time::Duration;

use nix::poll::PollTimeout;
use nix::time::{ClockId, clock_gettime};

/// Time since the kernel's boot.
pub(crate) fn now() -> Duration {
    // A kernel without CLOCK_MONOTONIC does not exist; zero keeps the event in order at least.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

/// The end of a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// So much later than now.
    pub(crate) fn after(wait: Duration) -> Self {
        Self(now().saturating_add(wait))
    }

    /// The one that comes first.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Whether it lies behind.
    pub(crate) fn passed(self) -> bool {
        now() >= self.0
    }

    /// What is left, for poll; rounded up, so that the deadline has passed when poll times out.
    pub(crate) fn timeout(self) -> PollTimeout {
        let left = self.0.saturating_sub(now()).as_nanos().div_ceil(1_000_000);
        i32::try_from(left).ok().and_then(|ms| PollTimeout::try_from(ms).ok()).unwrap_or(PollTimeout::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_rounded_up() {
        assert_eq!(Deadline(Duration::ZERO).timeout(), PollTimeout::ZERO);
        assert!(Deadline::after(Duration::from_micros(10)).timeout() > PollTimeout::ZERO);
        assert_eq!(Deadline::after(Duration::MAX).timeout(), PollTimeout::MAX);
    }
}
