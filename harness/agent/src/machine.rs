//! The guest at work: one loop that waits for children, kernel messages and uevents, and nothing else that waits.

use std::fs::File;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::children::{Change, next_change};
use crate::clock::Deadline;
use crate::command::Job;
use crate::failure::{Attempt, Failure};
use crate::link::Link;
use crate::loops::Loops;
use crate::recorder::Recorder;
use crate::trace::Tracer;

/// Everything that lives as long as the guest.
pub(crate) struct Machine {
    pub(crate) link: Link,
    pub(crate) recorder: Recorder,
    pub(crate) tracer: Tracer,
    pub(crate) loops: Loops,
    /// All commands that were ever started; one's number is its place.
    pub(crate) jobs: Vec<Job>,
    children: SignalFd,
}

impl Machine {
    pub(crate) fn new(link: Link, recorder: Recorder) -> Result<Self, Failure> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.thread_block().attempt(|| "block `SIGCHLD`".into())?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let children = SignalFd::with_flags(&mask, flags).attempt(|| "open a signalfd".into())?;
        Ok(Self { link, recorder, tracer: Tracer::default(), loops: Loops::default(), jobs: Vec::new(), children })
    }

    /// Waits until something happens, deals with it, and records it. `attributes` are files of sysfs and /proc whose
    /// change, as the kernel notifies it, counts as something. Returns whether nothing happened at all until the deadline.
    pub(crate) fn advance(&mut self, attributes: &[File], deadline: Deadline) -> Result<bool, Failure> {
        let before = self.recorder.count();
        loop {
            let nothing = self.turn(attributes, deadline.min(self.link.word()))?;
            if self.link.word().passed() {
                self.send_recording()?;
            }
            // What has been recorded was a word, if there was any.
            if self.link.word().passed() {
                self.link.record(Vec::new())?;
            }
            let quiet = nothing && self.recorder.count() == before;
            if !quiet || deadline.passed() {
                return Ok(quiet);
            }
        }
    }

    /// Waits until something happens, and deals with it; returns whether nothing did until the deadline.
    fn turn(&mut self, attributes: &[File], deadline: Deadline) -> Result<bool, Failure> {
        let mut quiet = !self.wait(attributes, deadline)?;
        // Pending signals of one kind are merged, so that one stands for any number of children, and there is no other.
        self.children.read_signal().attempt(|| "read the signalfd".into())?;
        while let Some((child, change)) = next_change() {
            quiet = false;
            if let Some(stop) = self.tracer.handle(child, change, &mut self.recorder) {
                // If this is what the kernel dies of, nothing that came before is lost.
                if stop.matters {
                    self.send_recording()?;
                }
                stop.resume();
            }
            if let Change::Ended(exit) = change {
                self.jobs.iter_mut().for_each(|job| job.note(child, exit));
            }
            self.send_full_parts()?;
            // A traced process may stop again before it is asked what happened next, for ever.
            if deadline.passed() {
                break;
            }
        }
        self.recorder.drain_if_ready();
        self.send_full_parts()?;
        Ok(quiet)
    }

    /// Sends everything that has been recorded, so that the reply to a request can follow.
    pub(crate) fn send_recording(&mut self) -> Result<(), Failure> {
        self.recorder.drain();
        while let Some(part) = self.recorder.part() {
            self.link.record(part)?;
        }
        Ok(())
    }

    fn send_full_parts(&mut self) -> Result<(), Failure> {
        while self.recorder.is_full()
            && let Some(part) = self.recorder.part()
        {
            self.link.record(part)?;
        }
        Ok(())
    }

    /// Waits until something happens; `false` if nothing did until the deadline.
    fn wait(&self, attributes: &[File], deadline: Deadline) -> Result<bool, Failure> {
        let sources = std::iter::once(self.children.as_fd()).chain(self.recorder.descriptors());
        let mut polled: Vec<_> = sources.map(|source| PollFd::new(source, PollFlags::POLLIN)).collect();
        let notified = PollFlags::POLLPRI | PollFlags::POLLERR;
        polled.extend(attributes.iter().map(|file| PollFd::new(file.as_fd(), notified)));
        loop {
            match poll(&mut polled, deadline.timeout()) {
                Ok(count) => return Ok(count > 0),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error).attempt(|| "poll".into()),
            }
        }
    }
}
