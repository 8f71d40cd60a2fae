//! How long a fork takes.

use std::time::{Duration, Instant};

use mdlab::{Failure, Laboratory};

use crate::figure::Figure;

/// Prints how long it takes from the decision to fork until the guest has said that it is ready.
pub(crate) fn measure(laboratory: &Laboratory, times: u32) -> Result<(), Failure> {
    let durations: Vec<Duration> = (0..times).map(|_| fork(laboratory)).collect::<Result<_, _>>()?;
    Figure::durations("fork to the guest's first message", durations).print();
    Ok(())
}

fn fork(laboratory: &Laboratory) -> Result<Duration, Failure> {
    let start = Instant::now();
    let session = laboratory.fork()?;
    let duration = start.elapsed();
    drop(session);
    Ok(duration)
}
