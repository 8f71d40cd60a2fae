//! QEMU as a process: unprivileged, without stray descriptors, and dead when its parent is.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::{Gid, Pid, Uid, User, setgid, setgroups, setuid};

use crate::child::die_with;
use crate::console;
use crate::error::{Context, Error, Result};

/// How long a QEMU that has closed its sockets may take to end.
const OBITUARY_LIMIT: Duration = Duration::from_secs(2);

/// The user that QEMU becomes when it is started by root.
pub(crate) const UNPRIVILEGED: &str = "nobody";

/// A running QEMU. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    /// What it printed as an error until it ended.
    last_words: Option<String>,
}

/// Who QEMU will be.
struct Identity {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Process {
    /// Starts a program with `descriptors` as 3, 4, 5 and so on.
    pub(crate) fn start(mut command: Command, descriptors: Vec<OwnedFd>) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mappings = descriptors.into_iter().zip(3..).map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
        command.fd_mappings(mappings.collect()).doing("hand QEMU its descriptors")?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).env_clear();
        let identity = unprivileged()?;
        let parent = Pid::this();
        // SAFETY: `enter` only makes system calls and touches nothing that another thread could have locked.
        unsafe { command.pre_exec(move || enter(identity.as_ref(), parent)) };
        let child = spawn_from_nursery(command).doing(&format!("start `{name}`"))?;
        Ok(Self { child, last_words: None })
    }

    /// How it ended, if it has: its status and what it printed as an error. Waits a little, because a process closes its
    /// sockets before it can be waited for.
    pub(crate) fn obituary(&mut self) -> Option<String> {
        if let Some(stderr) = self.child.stderr.take() {
            self.last_words = last_words(&stderr);
            if self.last_words.is_none() {
                self.child.stderr = Some(stderr);
                return None;
            }
        }
        let status = self.child.wait().ok()?;
        let words = self.last_words.as_deref().filter(|words| !words.is_empty());
        Some(words.map_or_else(|| status.to_string(), |words| format!("{status}: {words}")))
    }

    /// Kills it, and returns when it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether somebody has stopped it, by SIGSTOP or with a debugger: state `T` or `t` of /proc/PID/stat (proc(5)).
    pub(crate) fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a process has printed, once it has closed the pipe, which it does by ending. The pipe holds at most 64 KiB, and
/// more than that QEMU never says.
fn last_words(stderr: &ChildStderr) -> Option<String> {
    let mut text = Vec::new();
    let deadline = Instant::now() + OBITUARY_LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut closing = [PollFd::new(stderr.as_fd(), PollFlags::POLLIN)];
        if poll(&mut closing, PollTimeout::try_from(left).ok()?).ok()? == 0 {
            return None;
        }
        let mut chunk = [0; 4096];
        match nix::unistd::read(stderr, &mut chunk) {
            Ok(0) => return Some(String::from_utf8_lossy(&text).trim().to_owned()),
            Ok(count) => text.extend_from_slice(&chunk[..count]),
            Err(_) => return None,
        }
    }
}

/// The identity for QEMU: another one only if this process is root.
fn unprivileged() -> Result<Option<Identity>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let user = User::from_name(UNPRIVILEGED).doing("look up the user `nobody`")?;
    let user = user.ok_or_else(|| Error::infra("find the user `nobody`, who runs QEMU for root: there is none"))?;
    // /dev/kvm belongs to a group of its own on most distributions.
    let kvm = std::fs::metadata("/dev/kvm").map(|kvm| std::os::unix::fs::MetadataExt::gid(&kvm)).ok();
    Ok(Some(Identity { uid: user.uid, gid: user.gid, groups: kvm.map(Gid::from_raw).into_iter().collect() }))
}

/// What the child does between fork and exec.
fn enter(identity: Option<&Identity>, parent: Pid) -> std::io::Result<()> {
    // The nursery blocks all signals, which QEMU would inherit.
    SigSet::empty().thread_set_mask()?;
    if let Some(identity) = identity {
        setgroups(&identity.groups)?;
        setgid(identity.gid)?;
        setuid(identity.uid)?;
    }
    // After the change of user, which would clear it.
    die_with(parent, Signal::SIGKILL)?;
    // A file that would grow beyond the limit must not kill QEMU: the write fails and the guest never notices.
    // SAFETY: `SigIgn` runs no code.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn)? };
    setrlimit(Resource::RLIMIT_FSIZE, console::LIMIT, console::LIMIT)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// Spawns from one thread that lives as long as the process: PR_SET_PDEATHSIG goes by the *thread* that forked, and a
/// machine must not die because the test's thread that made it has ended (prctl(2)).
fn spawn_from_nursery(command: Command) -> std::io::Result<Child> {
    static NURSERY: OnceLock<Sender<Order>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (sender, orders) = channel::<Order>();
        std::thread::spawn(move || {
            // No signal may choose this thread that others wait for. Where it fails, all is as it was.
            let _ = SigSet::all().thread_block();
            for (mut command, reply) in orders {
                // The mappings own the parent's ends of the descriptors; they close with the command.
                let child = command.spawn();
                drop(command);
                let _ = reply.send(child);
            }
        });
        sender
    });
    let gone = || std::io::Error::other("the thread that starts QEMU has gone");
    let (reply, child) = channel();
    nursery.send((command, reply)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// Has QEMU's main loop run only while its virtual processor does not: both on one processor of the host, the main loop
/// under SCHED_IDLE. Where the host forbids it, nothing is lost but time.
pub(crate) fn prefer_processor(id: u32) {
    let main = Pid::from_raw(id as i32);
    let Ok(allowed) = sched_getaffinity(main) else { return };
    let processors: Vec<usize> = (0..CpuSet::count()).filter(|at| allowed.is_set(*at) == Ok(true)).collect();
    let mut one = CpuSet::new();
    // Machines that boot at the same time need not share one.
    let chosen = processors.get(id as usize % processors.len().max(1));
    if chosen.is_none_or(|processor| one.set(*processor).is_err()) {
        return;
    }
    for thread in std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
        if let Some(thread) = thread.file_name().to_str().and_then(|name| name.parse().ok()) {
            let _ = sched_setaffinity(Pid::from_raw(thread), &one);
        }
    }
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads one structure, which lives until the call returns.
    let _ = unsafe { libc::sched_setscheduler(main.as_raw(), libc::SCHED_IDLE, &raw const parameters) };
}

/// Copies a descriptor for a child.
pub(crate) fn share(fd: &impl AsFd) -> Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned().doing("copy a descriptor")
}
