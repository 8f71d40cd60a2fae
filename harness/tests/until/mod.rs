//! Waits for what another process does.

use std::time::{Duration, Instant};

/// Bound of the waits; a loaded machine may take seconds for what takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again, within the bound, for what no event tells another process.
pub(crate) fn until<T>(look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {LIMIT:?}");
        std::thread::yield_now();
    }
}
