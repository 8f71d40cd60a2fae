//! Answers the host's requests, one after the other, for ever.

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::Duration;

use mdlab_protocol::{Reply, Request};

use crate::failure::Failure;
use crate::machine::Machine;
use crate::{boot, command, disturb, observe, rest, settle};

/// How long udev may take for attached devices.
const SETTLE: Duration = Duration::from_secs(60);

/// Serves. Returns only when the host cannot be reached or breaks the protocol.
pub(crate) fn serve(machine: &mut Machine) -> Result<Infallible, Failure> {
    // What happened before the first request is nobody's doing.
    machine.recorder.forget();
    let mut reply = ready()?;
    loop {
        machine.send_recording()?;
        reply = match machine.link.exchange(&reply)? {
            Ok(request) => answer(machine, request).unwrap_or_else(Failure::into_reply),
            Err(error) => Reply::Failed(format!("decode a request: {error}")),
        };
    }
}

fn answer(machine: &mut Machine, request: Request) -> Result<Reply, Failure> {
    match request {
        Request::Seed(seed) => differ(seed),
        Request::Attach { count, bytes } => {
            let nodes = machine.loops.attach(count, bytes)?;
            settled(machine, &nodes)?;
            Ok(Reply::Attached(nodes))
        }
        Request::PlugIn { path, bytes } => plug_in(machine, &path, bytes),
        Request::Run(command) => command::run(machine, &command),
        Request::Start(command) => command::start(machine, &command),
        Request::Finish { job, terminate, limit_ms } => {
            command::finish(machine, job, terminate, Duration::from_millis(limit_ms))
        }
        Request::Settle(settle) => settle::settle(machine, &settle),
        Request::Await { path, text, limit_ms } => {
            settle::wait_for(machine, &path, text.trim(), Duration::from_millis(limit_ms))
        }
        Request::Empty { path } => Ok(Reply::Written(empty(&path))),
        Request::Put { path, offset, bytes } => Ok(Reply::Written(put(&path, offset, &bytes))),
        Request::Write { path, text } => Ok(Reply::Written(write(&path, &text))),
        Request::Read { path, offset, length } => observe::read(&path, offset, length).map(Reply::Read),
        Request::Observe => observe::observe(&machine.loops).map(Reply::Observed),
        Request::Rest { hanging } => rest::rest(machine, hanging.as_deref()),
        Request::Stop => {
            machine.link.keep()?;
            ready()
        }
        Request::Continue => Err(Failure::new("go on", "no part of a recording was sent")),
    }
}

fn differ(seed: u64) -> Result<Reply, Failure> {
    boot::seed(&seed.to_le_bytes())?;
    disturb::start(seed)?;
    ready()
}

fn ready() -> Result<Reply, Failure> {
    observe::taint().map(|taint| Reply::Ready { taint })
}

/// Makes a file that holds nothing; a program may come into it.
fn empty(path: &str) -> Result<(), i32> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(path);
    file.map(drop).map_err(errno)
}

/// Writes into a file, which is made if need be; a program may be run.
fn put(path: &str, offset: u64, bytes: &[u8]) -> Result<(), i32> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o755).open(path);
    let outcome = file.and_then(|file| file.write_all_at(bytes, offset));
    outcome.map_err(errno)
}

/// Writes as a shell's `echo` does, but never makes a file: an attribute that is not there is an error.
fn write(path: &str, text: &str) -> Result<(), i32> {
    let file = OpenOptions::new().write(true).open(path);
    let outcome = file.and_then(|mut file| file.write_all(text.as_bytes()));
    outcome.map_err(errno)
}

fn errno(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn plug_in(machine: &mut Machine, path: &str, bytes: u64) -> Result<Reply, Failure> {
    let (node, device) = machine.loops.plug_in(path, bytes)?;
    let nodes = vec![node];
    settled(machine, &nodes)?;
    // Closed any earlier, it would be luck whether udev looks at it three times or twice.
    drop(device);
    settled(machine, &nodes)?;
    Ok(Reply::Attached(nodes))
}

/// Waits until udev is done with these.
fn settled(machine: &mut Machine, nodes: &[String]) -> Result<(), Failure> {
    match settle::wait(machine, false, SETTLE)? {
        None => Ok(()),
        Some(unsettled) => Err(Failure::new(format!("attach {}", nodes.join(", ")), unsettled.udev)),
    }
}
