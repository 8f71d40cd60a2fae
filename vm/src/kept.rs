//! Kept machines, ready to be forked.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crate::accel::Accel;
use crate::arguments;
use crate::error::{Class, Context, Result};
use crate::fork::Fork;
use crate::machine::{Machine, memory_file};
use crate::qemu::Qemu;
use crate::stored::{Made, Stored};

/// A kept machine, ready to be forked.
pub struct Kept {
    stored: Stored,
    qemu: Qemu,
    accel: Accel,
    /// Bound of wall time from an answer to the guest's next call.
    limit: Duration,
}

impl Kept {
    pub(crate) fn new(stored: Stored, qemu: Qemu, accel: Accel, limit: Duration) -> Self {
        Self { stored, qemu, accel, limit }
    }

    /// Starts a fork. No memory is copied: all forks share the pages of the kept one until they write to them.
    pub fn fork(&self) -> Result<Fork> {
        let machine = start(&self.qemu, &arguments::fork(self.accel), self.files(), self.stored.sequence, None)?;
        Ok(Fork::new(machine, self.limit))
    }

    /// Starts a fork to which gdb can come by this socket, `target remote PATH`: it stops then, whatever it does. Who debugs takes
    /// time, so nothing bounds how long its guest may take.
    pub fn fork_for_debugger(&self, socket: UnixListener) -> Result<Fork> {
        let arguments = arguments::debugged_fork(self.accel);
        let machine = start(&self.qemu, &arguments, self.files(), self.stored.sequence, Some(socket.into()))?;
        Ok(Fork::new(machine, DEBUGGING))
    }

    /// Its memory, its mailbox and the state of its devices.
    fn files(&self) -> [&File; 3] {
        [&self.stored.memory, &self.stored.mailbox, &self.stored.state]
    }

    /// How it runs.
    pub fn accel(&self) -> Accel {
        self.accel
    }

    /// How long it took to make; nothing where it was found in the cache.
    pub fn made(&self) -> Option<Made> {
        self.stored.made
    }

    /// What the kernel printed on its console until it was kept.
    pub fn boot_console(&self) -> &str {
        &self.stored.console
    }
}

/// How long somebody may sit before a debugger: for ever, so to speak.
const DEBUGGING: Duration = Duration::from_secs(30 * 24 * 3600);

/// Starts a fork from a kept machine's memory, mailbox and device state; `sequence` frames were sent before it was kept.
pub(crate) fn start(
    qemu: &Qemu,
    arguments: &[String],
    kept: [&File; 3],
    sequence: u64,
    debugger: Option<OwnedFd>,
) -> Result<Machine> {
    let [memory, mailbox, state] = kept;
    let mailbox = copy(mailbox).doing("copy the kept mailbox")?;
    // QEMU reads the state from its descriptor, whose position it would share with other forks.
    let state = copy(state).doing("copy the kept state")?;
    let memory = crate::process::share(memory)?;
    let begin = (sequence, Class::Kernel);
    let others = [Some(state.into()), debugger].into_iter().flatten().collect();
    Machine::start(qemu, arguments, memory, &mailbox, others, begin)
}

/// Copies a file into memory.
fn copy(file: &File) -> std::io::Result<File> {
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    let mut copy = memory_file("copy").map_err(std::io::Error::other)?;
    copy.write_all(&bytes)?;
    copy.rewind()?;
    Ok(copy)
}
