//! Answers the host's requests, one after the other, for ever.

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use mdlab_protocol::{Reply, Request};

use crate::failure::Failure;
use crate::machine::Machine;
use crate::{boot, command, observe, settle};

/// How long udev may take for attached devices.
const SETTLE: Duration = Duration::from_secs(60);

/// Serves. Returns only when the host cannot be reached or breaks the protocol.
pub(crate) fn serve(machine: &mut Machine) -> Result<Infallible, Failure> {
    // What happened before the first request is nobody's doing.
    machine.recorder.forget();
    let mut reply = Reply::Ready;
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
        Request::Seed(bytes) => boot::seed(&bytes).map(|()| Reply::Ready),
        Request::Attach { count, bytes } => attach(machine, count, bytes),
        Request::Run(command) => command::run(machine, &command),
        Request::Start(command) => command::start(machine, &command),
        Request::Finish { job, terminate, limit_ms } => {
            command::finish(machine, job, terminate, Duration::from_millis(limit_ms))
        }
        Request::Settle(settle) => settle::settle(machine, &settle),
        Request::Await { path, text, limit_ms } => {
            settle::wait_for(machine, &path, text.trim(), Duration::from_millis(limit_ms))
        }
        Request::Write { path, text } => Ok(Reply::Written(write(&path, &text))),
        Request::Read { path, offset, length } => observe::read(&path, offset, length).map(Reply::Read),
        Request::Observe => observe::observe(&machine.loops).map(Reply::Observed),
        Request::Continue => Err(Failure::new("go on", "no part of a recording was sent")),
    }
}

/// Writes as a shell's `echo` does, but never makes a file: an attribute that is not there is an error.
fn write(path: &str, text: &str) -> Result<(), i32> {
    let file = OpenOptions::new().write(true).open(path);
    let outcome = file.and_then(|mut file| file.write_all(text.as_bytes()));
    outcome.map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}

fn attach(machine: &mut Machine, count: u32, bytes: u64) -> Result<Reply, Failure> {
    let nodes = machine.loops.attach(count, bytes)?;
    match settle::wait(machine, false, SETTLE)? {
        None => Ok(Reply::Attached(nodes)),
        Some(unsettled) => Err(Failure::new(format!("attach {}", nodes.join(", ")), unsettled.udev)),
    }
}
