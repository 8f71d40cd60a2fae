//! Records the system calls of programs and of all their descendants.
//!
//! A traced program runs under a seccomp filter ([`filter`]) that stops it at the calls of [`calls`] and nowhere else. At
//! such a stop [`decode`] looks whether the call is worth recording; only then is the program also stopped when the
//! call returns. Descendants are traced as long as they live: without a tracer the filter would make their calls fail.
//!
//! [`Tracer::handle`] is a state machine that is fed every change of every traced process; it never waits.

mod arch;
mod calls;
mod decode;
mod filter;
mod places;
mod symbols;
mod tracee;

use std::collections::HashMap;

use mdlab_protocol::{Process, ProcessChange, What};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;

use crate::children::Change;
use crate::recorder::{Place, Recorder};
use calls::Call;
use decode::Pending;
use tracee::Tracee;

pub(crate) use filter::supported;
pub(crate) use symbols::flag_set;

/// What a stop at the end of a call bears besides SIGTRAP, because of PTRACE_O_TRACESYSGOOD.
const CALL_STOP: i32 = libc::SIGTRAP | 0x80;

/// Stop of a thread that was seized: at its start, or of its group. Missing from libc for glibc.
const EVENT_STOP: i32 = 128;

/// Stops of a thread that made another.
const FORKS: [i32; 3] = [libc::PTRACE_EVENT_FORK, libc::PTRACE_EVENT_VFORK, libc::PTRACE_EVENT_CLONE];

/// Results below this and down to -516 (ERESTART_RESTARTBLOCK, include/linux/errno.h) never reach the program: the
/// kernel begins the call anew.
const RESTARTS: std::ops::RangeInclusive<i64> = -516..=-512;

/// All traced threads.
#[derive(Default)]
pub(crate) struct Tracer {
    tracees: HashMap<Pid, State>,
    /// Major numbers of md.
    md: Vec<u32>,
}

struct State {
    tracee: Tracee,
    /// A call that has begun, and its place in the recording.
    pending: Option<(Place, Pending)>,
}

/// The filter, made before the fork: nothing may be allocated after it.
pub(crate) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    pub(crate) fn new() -> Self {
        Self(filter::program())
    }

    /// Puts the calling process under the filter. Its next recorded call needs a tracer.
    pub(crate) fn install(&mut self) -> Result<(), Errno> {
        filter::install(&mut self.0)
    }
}

impl Tracer {
    /// Becomes the tracer of a child that waits to be released and has not installed its filter yet.
    pub(crate) fn attach(&mut self, child: Pid) -> Result<(), Errno> {
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(child, options)?;
        self.md = md_majors();
        self.tracees.insert(child, State { tracee: Tracee::new(child), pending: None });
        Ok(())
    }

    /// Takes a change of a child; one that is not traced is none of its business. One that has stopped waits to be resumed.
    pub(crate) fn handle(&mut self, child: Pid, change: Change, recorder: &mut Recorder) -> Option<Stop> {
        match change {
            Change::Ended(exit) => {
                if let Some(state) = self.tracees.remove(&child)
                    && state.tracee.leads()
                {
                    push_process(recorder, state.tracee.pid, ProcessChange::Exited(exit));
                }
                None
            }
            Change::Stopped { signal, event } => {
                let inherited = match event {
                    libc::PTRACE_EVENT_EXEC => self.take_executing(child),
                    _ => None,
                };
                if FORKS.contains(&event) {
                    self.announce_child(child, recorder);
                }
                let Self { tracees, md } = self;
                let state = tracees.entry(child).or_insert_with(|| State::born(child, None, recorder));
                state.pending = inherited.or(state.pending.take());
                Some(state.stopped(signal, event, md, recorder))
            }
        }
    }
}

/// A thread that has stopped.
#[must_use = "it waits to be resumed"]
pub(crate) struct Stop {
    thread: Pid,
    request: libc::c_uint,
    signal: i32,
    /// It is about to alter something, which may be the last that happens in this kernel.
    pub(crate) matters: bool,
}

impl Stop {
    /// Lets the thread go on. It may have been killed meanwhile; its end will be reported.
    pub(crate) fn resume(self) {
        // SAFETY: none of the requests that are passed here takes a pointer; the last argument is a signal's number.
        let result = unsafe { libc::ptrace(self.request, self.thread.as_raw(), 0usize, self.signal as usize) };
        match Errno::result(result) {
            Ok(_) | Err(Errno::ESRCH) => {}
            Err(error) => crate::console::say(&format!("resume the traced process `{}`: {error}", self.thread)),
        }
    }
}

impl Tracer {
    /// A traced thread made another.
    fn announce_child(&mut self, parent: Pid, recorder: &mut Recorder) {
        let child = ptrace::getevent(parent).ok().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let parent = self.tracees.get(&parent).map(|state| state.tracee.pid);
        // It may have come and gone already: changes of different processes come in no order.
        if let Some(child) = child.filter(|pid| std::fs::exists(format!("/proc/{pid}")).unwrap_or(false)) {
            self.tracees.entry(child).or_insert_with(|| State::born(child, parent, recorder));
        }
    }

    /// A thread that is not the first of its process takes over the number of the first when it executes a program, and
    /// its own number ends without a word.
    fn take_executing(&mut self, leader: Pid) -> Option<(Place, Pending)> {
        let former = Pid::from_raw(i32::try_from(ptrace::getevent(leader).ok()?).ok()?);
        if former == leader { None } else { self.tracees.remove(&former)?.pending }
    }
}

impl State {
    /// A new descendant. It is known by its own first stop or by its parent's, whichever comes first.
    fn born(child: Pid, parent: Option<u32>, recorder: &mut Recorder) -> Self {
        let tracee = Tracee::new(child);
        if tracee.leads() {
            let parent = parent.unwrap_or_else(|| tracee.parent());
            push_process(recorder, tracee.pid, ProcessChange::Forked { parent });
        }
        Self { tracee, pending: None }
    }

    fn stopped(&mut self, signal: i32, event: i32, md: &[u32], recorder: &mut Recorder) -> Stop {
        let (thread, mut deliver) = (self.tracee.tid, 0);
        match (signal, event) {
            (CALL_STOP, 0) => self.call_returns(recorder),
            (_, libc::PTRACE_EVENT_SECCOMP) => self.call_begins(md, recorder),
            (_, libc::PTRACE_EVENT_EXEC) => {
                self.tracee.executed();
                push_process(recorder, self.tracee.pid, ProcessChange::Executed(self.tracee.argv()));
            }
            // A group stop: leave it stopped until SIGCONT.
            (libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU, EVENT_STOP) => {
                return Stop { thread, request: libc::PTRACE_LISTEN, signal: 0, matters: false };
            }
            (signal, 0) => deliver = signal,
            // The start of a new thread, or a fork that was dealt with.
            _ => {}
        }
        let request = if self.pending.is_some() { libc::PTRACE_SYSCALL } else { libc::PTRACE_CONT };
        let matters = event == libc::PTRACE_EVENT_SECCOMP && self.pending.as_ref().is_some_and(|(_, call)| call.alters);
        Stop { thread, request, signal: deliver, matters }
    }

    fn call_begins(&mut self, md: &[u32], recorder: &mut Recorder) {
        // What was said before belongs to the call before.
        recorder.drain_if_ready();
        self.pending = None;
        let Ok(info) = ptrace::syscall_info(self.tracee.tid) else { return };
        if info.op != libc::PTRACE_SYSCALL_INFO_SECCOMP {
            return;
        }
        // SAFETY: `op` says that the union holds `seccomp`.
        let seccomp = unsafe { info.u.seccomp };
        if let Some(call) = Call::by_number(seccomp.nr) {
            let pending = decode::enter(&mut self.tracee, call, &seccomp.args, md);
            self.pending = pending.map(|pending| (recorder.place(), pending));
        }
    }

    fn call_returns(&mut self, recorder: &mut Recorder) {
        let Some((place, pending)) = self.pending.take() else { return };
        let Ok(info) = ptrace::syscall_info(self.tracee.tid) else { return };
        if info.op != libc::PTRACE_SYSCALL_INFO_EXIT {
            return;
        }
        // SAFETY: `op` says that the union holds `exit`.
        let result = unsafe { info.u.exit.sval };
        if !RESTARTS.contains(&result) {
            for what in decode::leave(&mut self.tracee, pending, result) {
                recorder.push_at(place, what);
            }
        }
        recorder.drain_if_ready();
    }
}

fn push_process(recorder: &mut Recorder, pid: u32, change: ProcessChange) {
    recorder.drain_if_ready();
    recorder.push(What::Process(Process { pid, change }));
}

/// 9 is md's forever; mdp, the partitionable arrays of before 2.6.28, has a number of its own at each boot.
fn md_majors() -> Vec<u32> {
    let devices = std::fs::read_to_string("/proc/devices").unwrap_or_default();
    let mdp = devices.lines().filter_map(|line| line.trim().strip_suffix(" mdp")?.parse().ok());
    std::iter::once(9).chain(mdp).collect()
}
