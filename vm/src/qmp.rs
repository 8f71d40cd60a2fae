//! QEMU's monitor protocol: the few commands that keeping a machine takes, and the events that end one.
//!
//! Own code rather than a library, because its socket is polled together with the guest's bell, and because a fork must
//! not wait for an answer: while a guest waits at its bell, QMP does not answer.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};

use crate::error::{Context, Error, Result};

/// The longest line that is accepted. QEMU's greeting and events are some hundred bytes.
const MAX_LINE: usize = 1 << 20;

pub(crate) struct Qmp {
    stream: UnixStream,
    pending: Vec<u8>,
    events: VecDeque<Value>,
    /// QEMU has closed its end; what it said before still counts.
    closed: bool,
}

impl Qmp {
    /// Takes over QEMU's socket, and asks for events. Nothing waits for the answer.
    pub(crate) fn new(stream: UnixStream) -> Result<Self> {
        let mut qmp = Self { stream, pending: Vec::new(), events: VecDeque::new(), closed: false };
        qmp.send("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// The next event, if one has come; reads what the socket has, and does not wait.
    pub(crate) fn event(&mut self) -> Result<Option<Value>> {
        if self.events.is_empty() {
            self.receive()?;
            while let Some(line) = self.line()? {
                self.sort(line)?;
            }
        }
        match self.events.pop_front() {
            None if self.closed => Err(Error::infra("read from QMP: QEMU has closed it")),
            event => Ok(event),
        }
    }

    /// Runs a command and waits until it is done; returns its answer.
    pub(crate) fn command(&mut self, name: &str, arguments: Value, deadline: Instant) -> Result<Value> {
        self.send(name, arguments)?;
        loop {
            self.receive()?;
            while let Some(mut line) = self.line()? {
                if line["id"] != name {
                    self.sort(line)?;
                } else {
                    return refused(&line).map_or_else(|| Ok(line["return"].take()), Err);
                }
            }
            if self.closed {
                return Err(Error::infra(format!("run QMP's `{name}`: QEMU has closed it")));
            }
            self.wait(deadline, name)?;
        }
    }

    /// Sends a command under its name as identifier, so that the answers can be told apart.
    fn send(&mut self, name: &str, arguments: Value) -> Result<()> {
        let line = format!("{}\n", json!({ "execute": name, "arguments": arguments, "id": name }));
        self.stream.write_all(line.as_bytes()).doing("write to QMP")
    }

    fn wait(&self, deadline: Instant, what: &str) -> Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => Err(Error::infra(format!("wait for QMP's `{what}`: QEMU did not answer in time"))),
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error).doing("wait for QMP"),
        }
    }

    /// Reads what there is. The end of the stream is left to whoever watches the process.
    fn receive(&mut self) -> Result<()> {
        self.stream.set_nonblocking(true).doing("set up QMP")?;
        let mut chunk = [0; 4096];
        let outcome = loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.closed = true;
                    break Ok(());
                }
                Ok(count) => self.pending.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break Ok(()),
                // It went with an answer unread.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    self.closed = true;
                    break Ok(());
                }
                Err(error) => break Err(error).doing("read from QMP"),
            }
            if self.pending.len() > MAX_LINE {
                break Err(Error::infra(format!("read from QMP: more than {MAX_LINE} bytes without an end")));
            }
        };
        self.stream.set_nonblocking(false).doing("set up QMP")?;
        outcome
    }

    fn line(&mut self) -> Result<Option<Value>> {
        let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        serde_json::from_slice(&line).doing("decode what QMP said").map(Some)
    }

    /// Keeps events; the greeting and the answers that nobody waits for have served their purpose.
    fn sort(&mut self, line: Value) -> Result<()> {
        if let Some(error) = refused(&line) {
            return Err(error);
        }
        if line.get("event").is_some() {
            self.events.push_back(line);
        }
        Ok(())
    }
}

/// The error in an answer.
fn refused(line: &Value) -> Option<Error> {
    let error = line.get("error")?;
    Some(Error::infra(format!("run QMP's `{}`: {}", line["id"].as_str().unwrap_or("command"), error["desc"])))
}
