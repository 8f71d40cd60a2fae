//! How long a scenario takes, and what recording it costs.

use std::time::{Duration, Instant};

use mdlab::{Class, Failure, Laboratory, Session, mib};

use crate::figure::Figure;

const CREATE: &str = "mdadm --create /dev/md0 --level 1 --raid-devices 2 /dev/loop0 /dev/loop1";
const STOP: &str = "mdadm --stop /dev/md0";

/// How much of a scenario is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Everything.
    Fully,
    /// As little as can be: commands are not traced, arrays and members are not observed. Kernel messages and uevents are
    /// read in any case, because whoever waits for udev has to.
    Barely,
}

/// Prints how long the scenario takes with and without recording, taken in turns so that a busy host slows both alike,
/// and the ratio of each pair.
pub(crate) fn measure(laboratory: &Laboratory, times: u32) -> Result<(), Failure> {
    let pair = || Ok((time(laboratory, Recorded::Fully)?, time(laboratory, Recorded::Barely)?));
    let pairs: Vec<(Duration, Duration)> = (0..times).map(|_| pair()).collect::<Result<_, Failure>>()?;
    Figure::durations("scenario (fork, attach, create, resync, stop), recorded", pairs.iter().map(|(with, _)| *with))
        .print();
    Figure::durations("the same, neither traced nor observed", pairs.iter().map(|(_, without)| *without)).print();
    Figure::ratios("ratio of the two", pairs.iter().map(|(with, without)| with.as_secs_f64() / without.as_secs_f64()))
        .print();
    Ok(())
}

/// From the decision to fork until the guest has answered the last request.
fn time(laboratory: &Laboratory, recorded: Recorded) -> Result<Duration, Failure> {
    let start = Instant::now();
    let mut session = laboratory.fork()?;
    if recorded == Recorded::Barely {
        session = session.without_tracing();
    }
    run(&mut session, recorded)?;
    Ok(start.elapsed())
}

/// Creates a mirror on two loop devices, waits for its resync, and stops it: the same commands and the same waits,
/// however much is recorded.
pub(crate) fn run(session: &mut Session, recorded: Recorded) -> Result<(), Failure> {
    session.attach(2, mib(10))?;
    succeed(session, CREATE, Some("y"))?;
    session.settle(true)?;
    end_step(session, "create", recorded)?;
    succeed(session, STOP, None)?;
    end_step(session, "stop", recorded)
}

fn end_step(session: &mut Session, label: &str, recorded: Recorded) -> Result<(), Failure> {
    match recorded {
        Recorded::Fully => session.end_step(label).map(drop),
        Recorded::Barely => Ok(()),
    }
}

fn succeed(session: &mut Session, line: &str, answer: Option<&str>) -> Result<(), Failure> {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let command = session.run(&words, answer)?;
    match command.ending().as_str() {
        "exit 0" => Ok(()),
        ending => Err(Failure::new(Class::Tool, format!("expected `{line}` to end with status 0, got {ending}"))),
    }
}
