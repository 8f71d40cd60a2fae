//! Runs commands of the host, to their end or beside what follows, traced or not.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use mdlab_protocol::{Command, Exit, Output, Reply};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{self, SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{self, ForkResult, Pid};

use crate::clock::Deadline;
use crate::failure::{Attempt, Failure};
use crate::machine::Machine;
use crate::trace::{Filter, Tracer};
use crate::{processes, program, rest};

/// Most bytes of each stream that are sent.
const OUTPUT: usize = 64 * 1024;

/// How often a killed command's descendants are looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// How many files a process may have open, soft and hard: INR_OPEN_CUR and INR_OPEN_MAX of include/uapi/linux/fs.h.
const OPEN_FILES: [u64; 2] = [1024, 4096];

/// How large a file may become by a process, what it prints among them: all of them lie in the guest's memory, and a tool that
/// prints for ever must not look like a kernel that is short of it.
const FILE: u64 = 32 << 20;

/// Status of a child that could not become the command.
const NOT_EXECUTED: i32 = 127;

/// Runs the command.
pub(crate) fn run(machine: &mut Machine, command: &Command) -> Result<Reply, Failure> {
    let job = start_job(machine, command)?;
    finish_job(machine, job, Duration::from_millis(command.limit_ms))
}

/// Starts the command and lets it run beside what follows.
pub(crate) fn start(machine: &mut Machine, command: &Command) -> Result<Reply, Failure> {
    start_job(machine, command).map(|job| Reply::Started(job as u32))
}

/// Waits for a command that was started, having asked it to end if so told.
pub(crate) fn finish(machine: &mut Machine, job: u32, terminate: bool, limit: Duration) -> Result<Reply, Failure> {
    let job = job as usize;
    match machine.jobs.get(job) {
        None => {
            return Err(Failure::refuse(format!("finish the command `{job}`"), "none was started under this number"));
        }
        Some(Job { child, exit: None }) if terminate => {
            // It may have ended meanwhile, and nobody has been told yet.
            let _ = signal::kill(child.pid, Signal::SIGTERM);
        }
        Some(_) => {}
    }
    finish_job(machine, job, limit)
}

/// A command that was started, and how it ended if it has.
pub(crate) struct Job {
    child: Child,
    exit: Option<Exit>,
}

impl Job {
    /// Takes note of a process that ended.
    pub(crate) fn note(&mut self, pid: Pid, exit: Exit) {
        if self.child.pid == pid && self.exit.is_none() {
            self.exit = Some(exit);
        }
    }

    /// Why things are not at rest because of this command: it runs on, and something of it does more than wait. If it has
    /// ended, what it left behind may take part in what md does: `mdadm --grow` forks a process that watches over a reshape
    /// (Grow.c of mdadm). Who has left the command's process group too is not seen.
    pub(crate) fn unrest(&self, left_behind: bool) -> Option<String> {
        let Child { name, pid, .. } = &self.child;
        match self.exit {
            None => processes::runs(*pid).then(|| format!("`{name}` (process {pid}) runs and does not come to rest")),
            Some(_) => {
                let left = left_behind && signal::killpg(*pid, None).is_ok();
                left.then(|| format!("`{name}` (process {pid}) has ended, and left something behind that does not end"))
            }
        }
    }
}

fn start_job(machine: &mut Machine, command: &Command) -> Result<usize, Failure> {
    let child = Child::start(&mut machine.tracer, command)?;
    machine.jobs.push(Job { child, exit: None });
    Ok(machine.jobs.len() - 1)
}

fn finish_job(machine: &mut Machine, job: usize, limit: Duration) -> Result<Reply, Failure> {
    let deadline = Deadline::after(limit);
    let exit = loop {
        if let Some(exit) = machine.jobs[job].exit {
            break exit;
        }
        if deadline.passed() {
            break kill(machine, job)?;
        }
        machine.advance(&[], deadline)?;
    };
    let child = &mut machine.jobs[job].child;
    child.executed()?;
    Ok(Reply::Exited { exit, output: child.output()? })
}

/// A command under way.
struct Child {
    name: String,
    pid: Pid,
    stdout: File,
    stderr: File,
    /// Bears the error number of a failed exec.
    error: File,
}

/// What the child needs between fork and exec, all made before the fork.
struct Plan {
    path: CString,
    argv: Vec<CString>,
    environment: Vec<CString>,
    stdin: File,
    filter: Option<Filter>,
}

impl Child {
    /// Starts it, traced if asked.
    fn start(tracer: &mut Tracer, command: &Command) -> Result<Self, Failure> {
        let mut plan = Plan::new(command)?;
        let name = &command.argv[0];
        let stdout = memory("stdout")?;
        let stderr = memory("stderr")?;
        let pipe = |flags| unistd::pipe2(OFlag::O_CLOEXEC | flags).attempt(|| "make a pipe".into());
        // A child that hangs in its exec must not make the agent hang.
        let (error, error_of_child) = pipe(OFlag::O_NONBLOCK)?;
        let (gate_of_child, gate) = pipe(OFlag::empty())?;
        // SAFETY: the agent has one thread, so the child may do what a process may.
        match unsafe { unistd::fork() }.attempt(|| format!("fork for `{name}`"))? {
            ForkResult::Child => {
                drop(gate);
                let Err(error) = plan.become_command(gate_of_child, &stdout, &stderr);
                // There is nobody to tell that the pipe is broken.
                let _ = File::from(error_of_child).write_all(&(error as i32).to_ne_bytes());
                // SAFETY: _exit takes no pointers, and runs nothing of the parent's.
                unsafe { libc::_exit(NOT_EXECUTED) }
            }
            ForkResult::Parent { child: pid } => {
                if plan.filter.is_some() {
                    tracer.attach(pid).attempt(|| format!("trace `{name}`"))?;
                }
                // The tracer is there: the child may install its filter.
                File::from(gate).write_all(b".").attempt(|| format!("release `{name}`"))?;
                Ok(Self { name: name.clone(), pid, stdout, stderr, error: error.into() })
            }
        }
    }

    /// Fails if the child never became the command.
    fn executed(&mut self) -> Result<(), Failure> {
        let mut number = [0; 4];
        match self.error.read(&mut number) {
            Ok(4) => {
                let (error, what) = (Errno::from_raw(i32::from_ne_bytes(number)), format!("execute `{}`", self.name));
                match error {
                    // It cannot be run, whoever asks: a script without `#!`, or for an interpreter that is not there.
                    Errno::ENOENT | Errno::ENOEXEC | Errno::EACCES | Errno::ENOTDIR | Errno::ELOOP | Errno::E2BIG => {
                        Err(Failure::refuse(what, error.to_string()))
                    }
                    _ => Err(error).attempt(|| what),
                }
            }
            _ => Ok(()),
        }
    }

    fn output(&self) -> Result<Output, Failure> {
        let (stdout, cut) = head(&self.stdout)?;
        let (stderr, more) = head(&self.stderr)?;
        Ok(Output { stdout, stderr, cut: cut + more })
    }
}

impl Plan {
    fn new(command: &Command) -> Result<Self, Failure> {
        let Some(name) = command.argv.first() else {
            return Err(Failure::refuse("run a command", "its argv is empty"));
        };
        let string = |text: &[u8]| CString::new(text).attempt(|| format!("pass an argument to `{name}`"));
        let path = string(program::find(name)?.as_os_str().as_bytes())?;
        let argv = command.argv.iter().map(|argument| string(argument.as_bytes())).collect::<Result<_, _>>()?;
        let pairs = program::ENVIRONMENT.iter().map(|(key, value)| format!("{key}={value}"));
        let environment = pairs.map(|pair| string(pair.as_bytes())).collect::<Result<_, _>>()?;
        let stdin = if command.stdin.is_empty() {
            File::open("/dev/null").attempt(|| "open `/dev/null`".into())?
        } else {
            let mut file = memory("stdin")?;
            file.write_all(&command.stdin)
                .and_then(|()| file.rewind())
                .attempt(|| format!("write stdin of `{name}`"))?;
            file
        };
        Ok(Self { path, argv, environment, stdin, filter: command.trace.then(Filter::new) })
    }

    /// Becomes the command, once the gate is opened.
    fn become_command(
        &mut self,
        gate: OwnedFd,
        stdout: &File,
        stderr: &File,
    ) -> Result<std::convert::Infallible, Errno> {
        // A session of its own, so that what it leaves behind can be found.
        unistd::setsid()?;
        unistd::dup2_stdin(self.stdin.as_fd())?;
        unistd::dup2_stdout(stdout.as_fd())?;
        unistd::dup2_stderr(stderr.as_fd())?;
        // The agent's own is raised.
        setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES[0], OPEN_FILES[1])?;
        setrlimit(Resource::RLIMIT_FSIZE, FILE, FILE)?;
        // Rust ignores SIGPIPE, the agent blocks SIGCHLD; both would be inherited.
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default action is no handler that could be unsound.
        unsafe { sigaction(Signal::SIGPIPE, &default) }?;
        SigSet::empty().thread_set_mask()?;
        let mut byte = [0];
        if unistd::read(&gate, &mut byte)? == 0 {
            return Err(Errno::EPIPE);
        }
        drop(gate);
        if let Some(filter) = &mut self.filter {
            filter.install()?;
        }
        unistd::execve(&self.path, &self.argv, &self.environment)
    }
}

/// Kills a command and all its descendants, and waits for their end. What cannot be killed for as long as the kernel lets a
/// task wait hangs there, be it that it waits or that it never comes to an end; the kernel then says where.
fn kill(machine: &mut Machine, job: usize) -> Result<Exit, Failure> {
    let deadline = Deadline::after(rest::patience());
    while !deadline.passed() {
        if processes::kill_family(machine.jobs[job].child.pid) == 0 && machine.jobs[job].exit.is_some() {
            return Ok(Exit::TimedOut);
        }
        machine.advance(&[], deadline.min(Deadline::after(AGAIN)))?;
    }
    // First, as not all that follows may be shown.
    processes::log_left(machine.jobs[job].child.pid);
    processes::log_blocked();
    Ok(Exit::Hung)
}

/// A file in memory, shown as `/memfd:NAME (deleted)`.
fn memory(name: &str) -> Result<File, Failure> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC).map(File::from).attempt(|| format!("make a memfd for `{name}`"))
}

/// The start of a file, and how many bytes were cut off.
fn head(file: &File) -> Result<(Vec<u8>, u64), Failure> {
    let read = || -> std::io::Result<_> {
        let length = file.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(OUTPUT).min(OUTPUT)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok((length, bytes))
    };
    let (length, bytes) = read().attempt(|| format!("read the output on descriptor `{}`", file.as_raw_fd()))?;
    let cut = length - bytes.len() as u64;
    Ok((bytes, cut))
}

#[cfg(test)]
mod tests;
