//! A machine that goes on where a kept one stopped.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::machine::{Call, Machine};

/// A fork of a kept machine. Dropping it ends it, and leaves nothing behind.
///
/// The guest calls; it is frozen, clock and all, from its call until the host's answer:
///
/// ```no_run
/// # fn example(kept: mdlab_vm::Kept) -> mdlab_vm::Result<()> {
/// let mut fork = kept.fork()?;
/// let hello = fork.receive()?;
/// fork.answer(b"what should be done".to_vec())?;
/// let done = fork.receive()?;
/// # Ok(()) }
/// ```
pub struct Fork {
    machine: Machine,
    limit: Duration,
}

impl Fork {
    pub(crate) fn new(machine: Machine, limit: Duration) -> Self {
        Self { machine, limit }
    }

    /// Waits for the guest's next call, at most for the recipe's limit of wall time.
    pub fn receive(&mut self) -> Result<Vec<u8>> {
        match self.machine.wait(self.limit)? {
            Call::Message(payload) => Ok(payload),
            Call::Keep => Err(Error::infra("the guest asked to be kept, and it is a fork already")),
        }
    }

    /// Answers the guest's call and lets it go on; at most [`mdlab_mailbox::MAX_PAYLOAD`] bytes.
    pub fn answer(&mut self, payload: Vec<u8>) -> Result<()> {
        self.machine.answer(payload)
    }

    /// Answers the guest's call with what makes it stop its machine as if it were to be kept, and returns once it has stopped. A
    /// debugger can have it go on.
    pub fn answer_and_stop(&mut self, payload: Vec<u8>) -> Result<()> {
        self.machine.answer(payload)?;
        match self.machine.wait(self.limit)? {
            Call::Keep => Ok(()),
            Call::Message(_) => Err(Error::infra("the guest was told to stop, and goes on")),
        }
    }

    /// The end of what the kernel has printed on its console since the fork.
    pub fn console(&self) -> String {
        self.machine.console()
    }

    /// Ticks of the guest's time-stamp counter that its ring before the last one took: the same always, or the clock ran
    /// while the guest was frozen.
    pub fn ring_ticks(&self) -> u64 {
        self.machine.ring_ticks()
    }

    /// The process identifier of QEMU.
    pub fn process_id(&self) -> u32 {
        self.machine.process_id()
    }
}
