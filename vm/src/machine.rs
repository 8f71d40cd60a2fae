//! A running machine: QEMU, the guest's mailbox, its bell and its console.

mod silence;

pub use silence::SILENT;

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use mdlab_mailbox::{BELL_BYTES, Direction, Frame, Kind, Mailbox};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::socket::{setsockopt, sockopt};

use crate::console::Console;
use crate::error::{Class, Context, Error, Result};
use crate::process::{Process, share};
use crate::qemu::Qemu;
use crate::qmp::Qmp;

/// What a guest did to be heard.
#[derive(Debug)]
pub(crate) enum Call {
    /// It rang, and is frozen until it is answered.
    Message(Vec<u8>),
    /// It asked to be kept, and has stopped.
    Keep,
}

/// A running machine. Dropping it kills QEMU, and with it everything that the machine had.
pub(crate) struct Machine {
    process: Process,
    qmp: Qmp,
    bell: UnixStream,
    mailbox: Mapping,
    console: Console,
    /// Frames that the guest has sent.
    sequence: u64,
    ring_ticks: u64,
    /// Whose fault it is when the guest fails: it depends on how far it got.
    blame: Class,
    /// QEMU has announced a panic, so that it will stop is no news.
    panicked: bool,
    /// What its processor held when it had fallen silent.
    registers: String,
}

impl Machine {
    /// Starts QEMU. `mailbox` is a file in memory, `others` are the descriptors from [`crate::arguments::STATE`] on.
    pub(crate) fn start(
        qemu: &Qemu,
        arguments: &[String],
        memory: OwnedFd,
        mailbox: &File,
        others: Vec<OwnedFd>,
        (sequence, blame): (u64, Class),
    ) -> Result<Self> {
        let (bell, guest_bell) = UnixStream::pair().doing("make a socket pair")?;
        // The smallest send buffer there is, so that few bytes fit and a ring blocks.
        setsockopt(&guest_bell, sockopt::SndBuf, &1).doing("shrink the bell's buffer")?;
        let (qmp, guest_qmp) = UnixStream::pair().doing("make a socket pair")?;
        let console = memory_file("console")?;
        let mut descriptors = vec![guest_bell.into(), guest_qmp.into(), share(&console)?, memory, share(mailbox)?];
        descriptors.extend(others);
        let mut command = Command::new(&qemu.program);
        command.args(arguments);
        let mut process = Process::start(command, descriptors)?;
        let qmp = Qmp::new(qmp).map_err(|error| silence::gone(&mut process, blame).unwrap_or(error))?;
        let mailbox = Mapping::of(mailbox)?;
        let console = Console::new(console);
        Ok(Self {
            process,
            qmp,
            bell,
            mailbox,
            console,
            sequence,
            ring_ticks: 0,
            blame,
            panicked: false,
            registers: String::new(),
        })
    }

    /// Waits until the guest is heard, or fails.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Call> {
        self.heard(limit).map_err(|error| {
            let console = self.console.tail() + &self.registers;
            error.with_console(console)
        })
    }

    fn heard(&mut self, limit: Duration) -> Result<Call> {
        let began = Instant::now();
        loop {
            let left = (began + limit).saturating_duration_since(Instant::now());
            let mut fds =
                [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN), PollFd::new(self.qmp.fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(left.min(GLANCE)).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if left.is_zero() => return Err(self.silence(limit)),
                Ok(0) if left < limit - limit / PATIENT && self.is_stuck() => return Err(self.silence(began.elapsed())),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error).doing("wait for the guest"),
            }
            let ready = |fd: &PollFd| fd.any().unwrap_or(false);
            let (bell, qmp) = (ready(&fds[0]), ready(&fds[1]));
            // Events first: one of them may say why the bell was closed.
            if qmp && let Some(call) = self.events()? {
                return Ok(call);
            }
            if bell && self.rings()? {
                return Ok(Call::Message(self.frame(Kind::Message)?));
            }
        }
    }

    /// Whether the bell rings; `false` where QEMU has closed it, which the next event explains.
    fn rings(&mut self) -> Result<bool> {
        let mut byte = [0];
        let flags = nix::sys::socket::MsgFlags::MSG_PEEK | nix::sys::socket::MsgFlags::MSG_DONTWAIT;
        match nix::sys::socket::recv(std::os::fd::AsRawFd::as_raw_fd(&self.bell), &mut byte, flags) {
            Ok(0) => Err(self.death()),
            Ok(_) => Ok(true),
            Err(nix::errno::Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error).doing("listen to the bell"),
        }
    }

    /// Attends to all events that have come: several may come at once, and the socket tells of them only once.
    fn events(&mut self) -> Result<Option<Call>> {
        loop {
            let event = match self.qmp.event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(error) => return Err(silence::gone(&mut self.process, self.blame).unwrap_or(error)),
            };
            if let Some(call) = self.attend(&event)? {
                return Ok(Some(call));
            }
        }
    }

    fn attend(&mut self, event: &serde_json::Value) -> Result<Option<Call>> {
        match event["event"].as_str() {
            // A panic raises the same event as a request to be kept, but posts no frame.
            Some("GUEST_PANICKED") => {
                self.panicked = true;
                match self.frame(Kind::Keep) {
                    Ok(_) => Ok(Some(Call::Keep)),
                    Err(_) => Err(Error::new(self.blame, self.panic())),
                }
            }
            Some("SHUTDOWN") => Err(self.shutdown(event["data"]["reason"].as_str().unwrap_or("unknown"))),
            // A request to be kept and a panic are announced before the machine stops. Anything else that stops it is an
            // error of QEMU or KVM ("KVM internal error"), which says so on its standard error, and waits for ever.
            Some("STOP") if !self.panicked => {
                self.process.kill();
                let cause = self.process.obituary().unwrap_or_default();
                Err(Error::infra(format!("QEMU stopped the machine: {cause}")))
            }
            _ => Ok(None),
        }
    }

    /// Whose fault it is that the machine went down, by QEMU's reason (`ShutdownCause` in qapi/run-state.json).
    fn shutdown(&self, reason: &str) -> Error {
        match reason {
            // PID 1 switches the machine off when it cannot go on; before it can be heard, that is a boot that failed.
            "guest-shutdown" if self.blame == Class::Kernel => {
                Error::infra("the guest was switched off: PID 1 gave up, or a command did it; its console says which")
            }
            "guest-shutdown" | "guest-reset" | "guest-panic" => Error::new(self.blame, self.panic()),
            _ => Error::infra(format!("QEMU was told to end ({reason})")),
        }
    }

    /// What a kernel that went down said of it (`panic` in kernel/panic.c).
    fn panic(&self) -> String {
        let console = self.console.tail();
        let words = console.lines().find_map(|line| line.split_once("Kernel panic - ")).map(|(_, words)| words);
        let silent =
            || "the kernel reset the machine, as one that panics does, and its console does not say why".into();
        words.map_or_else(silent, |words| format!("the kernel panicked: {words}"))
    }

    /// Takes the frame that the guest has posted.
    fn frame(&mut self, kind: Kind) -> Result<Vec<u8>> {
        // Whoever writes there as it should not, be it the kernel's memory gone wrong: nothing that follows can be trusted.
        let wrong = |what: String| Error::infra(format!("read the guest's mailbox: {what}"));
        let frame = self.mailbox.0.read(Direction::ToHost).map_err(|error| wrong(error.to_string()))?;
        if frame.sequence != self.sequence + 1 || frame.kind != kind {
            let (expected, got) = (self.sequence + 1, frame.sequence);
            return Err(wrong(format!("expected frame {expected} ({kind:?}), found {got} ({:?})", frame.kind)));
        }
        self.sequence = frame.sequence;
        self.ring_ticks = frame.ring_ticks;
        Ok(frame.payload)
    }

    /// Answers the guest that rang, and lets it go on.
    pub(crate) fn answer(&mut self, payload: Vec<u8>) -> Result<()> {
        let frame = Frame { kind: Kind::Message, sequence: self.sequence, ring_ticks: 0, payload };
        self.mailbox.0.write(Direction::ToGuest, &frame).doing("write to the guest's mailbox")?;
        // The guest writes exactly these bytes, whatever the host does; the bound is for a QEMU that has stopped.
        self.bell.set_read_timeout(Some(DRAIN_LIMIT)).doing("set up the bell")?;
        let drained = self.bell.read_exact(&mut [0; BELL_BYTES]);
        drained.map_err(|error| match self.process.obituary() {
            Some(_) => self.death(),
            None if self.process.is_stopped() => Error::infra(self.stopped()),
            None => Error::infra(format!("drain the guest's bell: {error}")),
        })
    }

    /// Why there is no QEMU any more.
    fn death(&mut self) -> Error {
        let gone =
            silence::gone(&mut self.process, self.blame).unwrap_or_else(|| Error::infra("QEMU has closed its sockets"));
        gone.with_console(self.console.tail())
    }

    pub(crate) fn console(&self) -> String {
        self.console.tail()
    }

    pub(crate) fn qmp(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn ring_ticks(&self) -> u64 {
        self.ring_ticks
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}

/// How often the console of a silent guest is looked at.
const GLANCE: Duration = Duration::from_secs(2);

/// Which part of its time a guest must have been silent before its console is believed: programs write there as well, and who
/// spoke is not said.
const PATIENT: u32 = 4;

/// Draining takes as long as QEMU needs to write 32 bytes; a loaded machine may not run it for seconds.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// Makes a file that lives in memory and goes with its last descriptor.
pub(crate) fn memory_file(name: &str) -> Result<File> {
    Ok(memfd_create(name, MFdFlags::MFD_CLOEXEC).doing("make a file in memory")?.into())
}

/// The mailbox, mapped from its file.
struct Mapping(Mailbox, std::ptr::NonNull<std::ffi::c_void>);

// SAFETY: the mapping is not tied to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn of(file: &File) -> Result<Self> {
        let size = NonZeroUsize::new(mdlab_mailbox::SIZE).unwrap_or(NonZeroUsize::MIN);
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe { mmap(None, size, protection, MapFlags::MAP_SHARED, file, 0) };
        let base = base.doing("map the mailbox")?;
        // SAFETY: the mapping has `SIZE` bytes, and is unmapped only when dropped.
        Ok(Self(unsafe { Mailbox::new(base.as_ptr().cast()) }, base))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing else refers to the mapping, which `of` made with this size.
        let _ = unsafe { munmap(self.1, mdlab_mailbox::SIZE) };
    }
}
