//! Waits for what another process does.

use std::time::{Duration, Instant};

/// Bound of the waits; a loaded machine may take a minute to boot.
const LIMIT: Duration = Duration::from_secs(300);

/// Looks again and again, within the bound, for what no event tells another process.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {LIMIT:?}");
        std::thread::yield_now();
    }
}
