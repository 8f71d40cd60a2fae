//! What a machine is made of.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::accel::{Accel, AccelChoice, KvmRefusal};
use crate::arguments;
use crate::cache::Cache;
use crate::digest::Digest;
use crate::error::{Class, Context, Error, Result};
use crate::kept::{self, Kept};
use crate::kernel::Kernel;
use crate::machine::{Call, Machine, memory_file};
use crate::news::{News, Notice};
use crate::process;
use crate::qemu::Qemu;
use crate::stored::{Image, Stored};

/// Bounds of wall time. Virtual time is the guest's to bound.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the start of QEMU until PID 1 asks to be kept. It takes nine seconds on two idle cores.
    pub boot: Duration,
    /// From an answer to the guest's next call.
    pub call: Duration,
    /// For QEMU to write the device state, a third of a megabyte.
    pub keep: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { boot: Duration::from_secs(300), call: Duration::from_secs(120), keep: Duration::from_secs(60) }
    }
}

/// Most boots until one is kept; each of them is another one with a chance of about one in three.
const MAX_BOOTS: u32 = 40;

/// Most ticks of the time-stamp counter between the instruction that stops the machine and the next one, where the clock
/// stood still: 14 were measured, and more than two million where it advanced.
const STILL: u64 = 10_000;

/// What a machine is made of: a kernel, and a RAM disk that is built only when no kept machine can be found.
pub struct Recipe<'a> {
    /// The QEMU that runs it.
    pub qemu: Qemu,
    /// The kernel.
    pub kernel: &'a Kernel,
    /// What it is called while it boots.
    pub title: String,
    /// Names everything that goes into the RAM disk: versions of packages, hashes of files. Two recipes with the same
    /// kernel and the same ingredients make the same machine.
    pub ingredients: String,
    /// Builds the RAM disk.
    pub ram_disk: &'a dyn Fn() -> Result<Vec<u8>>,
    /// Bounds of wall time.
    pub limits: Limits,
}

impl Recipe<'_> {
    /// Finds this machine in the cache, or boots it there. However many processes ask, it is booted once.
    ///
    /// `notice` is told what takes time, and what the user should know.
    pub fn keep(&self, cache: &Cache, choice: AccelChoice, notice: Notice) -> Result<Kept> {
        match choice {
            AccelChoice::Tcg => self.find_or_boot(cache, Accel::Tcg, notice),
            AccelChoice::Kvm => self.find_or_boot(cache, Accel::Kvm, notice).map_err(|error| Error {
                message: format!("boot under KVM, as was insisted on: {}; `tcg` needs no KVM", error.message),
                ..error
            }),
            AccelChoice::Auto => {
                let reason = match KvmRefusal::remembered(cache, &self.qemu.version) {
                    Some(reason) => reason,
                    None => match self.find_or_boot(cache, Accel::Kvm, notice) {
                        Ok(kept) => return Ok(kept),
                        Err(error) => {
                            KvmRefusal::remember(cache, &self.qemu.version, &error)?;
                            error.message
                        }
                    },
                };
                let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
                notice(News::Note(&format!("KVM does not work on this host: emulating instead ({reason})")));
                self.find_or_boot(cache, Accel::Tcg, notice)
            }
        }
    }

    fn find_or_boot(&self, cache: &Cache, accel: Accel, notice: Notice) -> Result<Kept> {
        let text = self.text(accel);
        let name = format!("kept/{}", Digest::of(text.as_bytes()).short());
        let kept = Stored::find_or_make(cache, &name, &text, notice, &|notice| {
            notice(News::Begins(&format!("booting {} under {accel}, once", self.title)));
            let image = match accel {
                Accel::Tcg => self.boot_alike(),
                Accel::Kvm => self.boot(accel),
            }?;
            notice(News::Ends);
            Ok(image)
        })?;
        if accel == Accel::Kvm {
            KvmRefusal::forget(cache);
        }
        Ok(Kept::new(kept, self.qemu.clone(), accel, self.limits.call))
    }

    /// Boots until the clock advanced while the machine was stopped, so that every kept machine is the same.
    ///
    /// Between the instant the processor stops and the instant QEMU knows that the machine has stopped, QEMU's main loop may
    /// take the processor for idle and advance the clock to the next timer (`icount_start_warp_timer` in
    /// softmmu/icount.c of QEMU 7.2): a race between its threads. Either machine would be sound, but recordings of the two
    /// differ, by milliseconds. [`process::prefer_processor`] decides the race nearly always; the clock, if it advances, always
    /// does so to the same timer.
    fn boot_alike(&self) -> Result<Image> {
        for _ in 0..MAX_BOOTS {
            let image = self.boot(Accel::Tcg)?;
            let files = [&image.memory, &image.mailbox, &image.state];
            let mut fork = kept::start(&self.qemu, &arguments::fork(Accel::Tcg), files, image.sequence, None)?;
            fork.wait(self.limits.call)?;
            if fork.ring_ticks() > STILL {
                return Ok(image);
            }
        }
        Err(Error::infra(format!(
            "stop the machine {MAX_BOOTS} times: expected QEMU to advance its clock once, it stood still each time"
        )))
    }

    /// Everything that makes this machine what it is, a line each.
    pub fn text(&self, accel: Accel) -> String {
        let mut lines = vec![
            format!("qemu {}", self.qemu.version),
            format!("arguments {:?}", arguments::boot(accel)),
            format!("mailbox {}", mdlab_mailbox::VERSION),
            format!("kernel {}", self.kernel.identity()),
            self.ingredients.clone(),
        ];
        if accel == Accel::Kvm {
            // The guest sees the host's processor.
            lines.push(format!("processor {}", processor()));
        }
        lines.join("\n")
    }

    fn boot(&self, accel: Accel) -> Result<Image> {
        let memory = memory_file("memory")?;
        memory.set_len(arguments::MEMORY_SIZE).doing("size the guest's memory")?;
        let mailbox = memory_file("mailbox")?;
        mailbox.set_len(arguments::MAILBOX_SIZE).doing("size the guest's mailbox")?;
        let kernel = in_memory("kernel", &self.kernel.image()?)?;
        let ram_disk = in_memory("ram-disk", &(self.ram_disk)()?)?;
        let state = memory_file("state")?;
        let started = Instant::now();
        let mut machine = Machine::start(
            &self.qemu,
            &arguments::boot(accel),
            process::share(&memory)?,
            &mailbox,
            vec![kernel.into(), ram_disk.into(), process::share(&state)?],
            (0, Class::Boot),
        )?;
        if accel == Accel::Tcg {
            // Answered once QEMU has all its threads.
            machine.qmp().command("query-status", json!({}), started + self.limits.boot)?;
            process::prefer_processor(machine.process_id());
        }
        match machine.wait(self.limits.boot).map_err(|error| self.never_booted(error))? {
            Call::Keep => {}
            Call::Message(refusal) => {
                let mut error = Error::new(Class::Boot, format!("{} is unfit", self.kernel.name()));
                error.console = Some(machine.console());
                error.refusal = Some(refusal);
                return Err(error);
            }
        }
        let asked = Instant::now();
        save(&mut machine, asked + self.limits.keep)?;
        let (sequence, console) = (machine.sequence(), machine.console());
        // QEMU must be gone before its memory is read, or it is not known that it has stopped writing.
        drop(machine);
        Ok(Image { memory, mailbox, state, sequence, console, boot: asked - started, asked })
    }

    fn never_booted(&self, error: Error) -> Error {
        let message = format!("boot {}: {}", self.kernel.name(), error.message);
        Error { message, ..error }
    }
}

/// Has QEMU write the state of a stopped machine's devices, and nothing of its memory. Named after its first user, it is for
/// every machine; what QEMU's migration does in a thread of its own is not allowed where it records (`IN_TURN` in
/// `arguments.rs`).
fn save(machine: &mut Machine, deadline: Instant) -> Result<()> {
    let file = json!({ "filename": format!("/proc/self/fd/{}", arguments::SAVED) });
    machine.qmp().command("xen-save-devices-state", file, deadline).map(drop)
}

fn in_memory(name: &str, bytes: &[u8]) -> Result<File> {
    let mut file = memory_file(name)?;
    file.write_all(bytes).doing("copy a file into memory")?;
    Ok(file)
}

/// The host's processor, as the kernel describes it, without what changes from moment to moment.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let stable = |line: &&str| ["model name", "stepping", "microcode", "flags"].iter().any(|key| line.starts_with(key));
    text.lines().take_while(|line| !line.is_empty()).filter(stable).collect::<Vec<_>>().join("\n")
}
