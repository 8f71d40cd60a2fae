//! Waits until nothing happens any more, in udev, in md, and in commands that run beside.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use mdlab_protocol::{Reply, Settle, Unsettled};

use crate::arrays::{self, Activity};
use crate::clock::Deadline;
use crate::failure::{Attempt, Failure};
use crate::machine::Machine;
use crate::{processes, rest};

/// Counts the kernel's uevents.
const SEQNUM: &str = "/sys/kernel/uevent_seqnum";

/// There as long as udevd works on events.
const QUEUE: &str = "/run/udev/queue";

/// How long nothing must have happened once nothing is known to be under way. It covers what has no number yet: a
/// closed device that udevd is about to announce as changed (it watches by inotify), md's thread before its first turn.
const QUIET: Duration = Duration::from_millis(20);

/// How long udev may leave an event unannounced that is not in its queue, before it counts as one that never comes.
const NEVER: Duration = Duration::from_secs(1);

/// How often md is looked at although it has not notified anything. A safety net; in virtual time it costs nothing.
const AGAIN: Duration = Duration::from_secs(1);

/// How often commands are looked at that are not at rest.
const REST: Duration = Duration::from_millis(100);

/// How often a file is read whose change may not be notified.
const LOOK: Duration = Duration::from_millis(10);

/// Most reasons that are given.
const REASONS: usize = 8;

/// Waits as the host asks.
pub(crate) fn settle(machine: &mut Machine, settle: &Settle) -> Result<Reply, Failure> {
    let limit = Duration::from_millis(settle.limit_ms);
    Ok(match wait(machine, settle.md, limit)? {
        None => Reply::Settled,
        // What is still going on may wait for something that never comes.
        Some(reasons) => {
            Reply::Unsettled(Unsettled { blocked: rest::accuse(machine, processes::blocked())?.join(", "), ..reasons })
        }
    })
}

/// Waits for udev and for commands that run beside; if asked for md too, and for what commands left behind. Returns what is
/// still going on when the time is over.
pub(crate) fn wait(machine: &mut Machine, md: bool, limit: Duration) -> Result<Option<Unsettled>, Failure> {
    let deadline = Deadline::after(limit);
    loop {
        let Activity { watched, reasons } = if md { arrays::activity()? } else { Activity::default() };
        let commands = unrest(machine, md);
        // The count is read before the socket: everything that was counted has been sent.
        let sequence = sequence()?;
        machine.recorder.drain();
        let announcements = machine.recorder.announcements();
        let missing = announcements.missing(sequence);

        if deadline.passed() {
            let join = |mut reasons: Vec<String>| {
                reasons.truncate(REASONS);
                reasons.join("; ")
            };
            let (md, commands) = (join(reasons), join(commands));
            let known = !md.is_empty() || !commands.is_empty();
            let endless = || if known { String::new() } else { "events do not cease".to_owned() };
            let gone = || if udevd_runs() { "" } else { "udevd has been killed: " };
            let udev = missing.map_or_else(endless, |missing| format!("{}{missing}", gone()));
            return Ok(Some(Unsettled { md, udev, commands, blocked: String::new() }));
        }
        if !reasons.is_empty() {
            machine.advance(&watched, deadline.min(Deadline::after(AGAIN)))?;
        } else if !commands.is_empty() {
            machine.advance(&watched, deadline.min(Deadline::after(REST)))?;
        } else if missing.is_none() {
            if machine.advance(&watched, Deadline::after(QUIET))? && unrest(machine, md).is_empty() {
                return Ok(None);
            }
        } else if machine.advance(&watched, deadline.min(Deadline::after(NEVER)))? && udev_has_nothing_to_do() {
            machine.recorder.announcements().give_up(sequence);
        }
    }
}

/// Waits until a file reads a text.
pub(crate) fn wait_for(machine: &mut Machine, path: &str, text: &str, limit: Duration) -> Result<Reply, Failure> {
    let deadline = Deadline::after(limit);
    loop {
        let mut file = fs::File::open(path);
        // Read before it is polled, so that a change after the reading ends the wait.
        let found = file.as_mut().map_err(|error| error.to_string()).and_then(|file| {
            let mut found = String::new();
            file.read_to_string(&mut found).map(|_| found).map_err(|error| error.to_string())
        });
        match &found {
            Ok(found) if found.trim() == text => return Ok(Reply::Settled),
            Ok(found) if deadline.passed() => {
                let md = format!("`{path}` reads `{}` instead of `{text}`", found.trim());
                return Ok(Reply::Unsettled(Unsettled { md, ..Unsettled::default() }));
            }
            Err(_) if deadline.passed() && !Path::new(path).exists() => {
                return Ok(Reply::Unsettled(Unsettled {
                    md: format!("`{path}` is not there"),
                    ..Unsettled::default()
                }));
            }
            Err(error) if deadline.passed() => {
                let md = format!("`{path}` cannot be read: {error}");
                return Ok(Reply::Unsettled(Unsettled { md, ..Unsettled::default() }));
            }
            _ => {}
        }
        let watched: Vec<_> = file.into_iter().collect();
        machine.advance(&watched, deadline.min(Deadline::after(LOOK)))?;
    }
}

/// Why commands are not at rest.
fn unrest(machine: &Machine, left_behind: bool) -> Vec<String> {
    machine.jobs.iter().filter_map(|job| job.unrest(left_behind)).collect()
}

fn sequence() -> Result<u64, Failure> {
    let text = fs::read_to_string(SEQNUM).attempt(|| format!("read `{SEQNUM}`"))?;
    text.trim().parse().map_err(|_| Failure::new(format!("read `{SEQNUM}`"), format!("`{text}` is no number")))
}

/// Whether udevd lives and its queue is empty, so that what it has not announced it never will.
fn udev_has_nothing_to_do() -> bool {
    udevd_runs() && !Path::new(QUEUE).exists()
}

fn udevd_runs() -> bool {
    fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
        fs::read_to_string(entry.path().join("comm"))
            .is_ok_and(|name| ["systemd-udevd", "(udev-worker)", "udevd"].contains(&name.trim()))
    })
}
