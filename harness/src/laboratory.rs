//! A kept machine with an mdadm in it, ready to be forked.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use mdlab_protocol::{Reply, decode};
use mdlab_vm::{
    AccelChoice, Cache, Digest, Error, Fork, Kept, Kernel, KernelSource, Limits, Made, News, Notice, Qemu, Recipe,
    Report,
};

use crate::choice::Choice;
use crate::conversation::Conversation;
use crate::failure::{Class, Evidence, Failure};
use crate::folder;
use crate::recording::MachineId;
use crate::session::Session;
use crate::userland::Userland;
use crate::watch;

/// A kept machine, made of what a [`Choice`] names.
pub struct Laboratory {
    kept: Kept,
    machine: MachineId,
    /// The kernel and the mdadm, as they were named.
    names: [String; 2],
    recipe: String,
    seed: Option<u64>,
}

impl Laboratory {
    /// Finds the machine, or fetches and boots it; that takes seconds the first time, and nothing later.
    ///
    /// `notice` is told what takes time, and what the user should know.
    pub fn open(choice: &Choice, notice: Notice) -> Result<Self, Failure> {
        Self::open_in(&Cache::open()?, choice, notice)
    }

    /// Like [`Laboratory::open`], in another cache than the user's.
    pub fn open_in(cache: &Cache, choice: &Choice, notice: Notice) -> Result<Self, Failure> {
        let (kernel, userland) = Self::fetch(cache, choice, notice)?;
        Self::of_parts(cache, choice, (&kernel, &userland), notice)
    }

    /// Likewise, of what is at hand.
    pub(crate) fn of_parts(
        cache: &Cache,
        choice: &Choice,
        (kernel, userland): (&Kernel, &Userland),
        notice: Notice,
    ) -> Result<Self, Failure> {
        let ram_disk = || userland.ram_disk(cache, kernel)?.build();
        let ingredients = userland.ingredients()?;
        let title = format!("{} with mdadm {}", kernel.name(), choice.tool);
        let (qemu, limits) = (Qemu::find()?, limits()?);
        let recipe = Recipe { qemu, kernel, title, ingredients, ram_disk: &ram_disk, limits };
        let kept = recipe.keep(cache, choice.accel, notice);
        let kept = kept.map_err(|error| unfit(error, choice)).and_then(|kept| healthy(kept, choice));
        let kept = kept.map_err(|failure| with_console(failure, choice, notice))?;
        let (recipe, accel) = (recipe.text(kept.accel()), kept.accel().to_string());
        let machine = MachineId { kernel: kernel.release().into(), mdadm: userland.version().into(), accel };
        let names = [choice.kernel.to_string(), choice.tool.to_string()];
        Ok(Self { kept, machine, names, recipe, seed: choice.seed })
    }

    /// Finds the machine that is made of a kernel's image and a RAM disk, or boots it.
    pub(crate) fn of_files(
        cache: &Cache,
        machine: MachineId,
        image: &Path,
        ram_disk: &[u8],
        notice: Notice,
    ) -> Result<Self, Failure> {
        let kernel = Kernel::find(&KernelSource::File { image: image.into(), modules: None }, cache, notice)?;
        // The image is its identity, wherever it lies.
        let ingredients = format!("RAM disk {}", Digest::of(ram_disk));
        let (qemu, limits, title) = (Qemu::find()?, limits()?, machine.to_string());
        let ram_disk = || Ok(ram_disk.to_vec());
        let recipe = Recipe { qemu, kernel: &kernel, title, ingredients, ram_disk: &ram_disk, limits };
        let kept = recipe.keep(cache, AccelChoice::Tcg, notice)?;
        let recipe = recipe.text(kept.accel());
        Ok(Self { kept, machine, names: Default::default(), recipe, seed: None })
    }

    /// The kernel and the mdadm, as they were named.
    pub(crate) fn names(&self) -> &[String; 2] {
        &self.names
    }

    /// What the machine is made of, a line each.
    pub(crate) fn recipe(&self) -> &str {
        &self.recipe
    }

    /// Starts a fork that nobody has spoken to.
    pub(crate) fn fork_alone(&self) -> Result<Fork, Failure> {
        Ok(self.kept.fork()?)
    }

    /// Finds what the machine is made of, or fetches it.
    pub(crate) fn fetch(cache: &Cache, choice: &Choice, notice: Notice) -> mdlab_vm::Result<(Kernel, Userland)> {
        Ok((Kernel::find(&choice.kernel, cache, notice)?, Userland::find(&choice.tool, cache, notice)?))
    }

    /// Starts a fork.
    pub fn fork(&self) -> Result<Session, Failure> {
        self.begin(self.kept.fork()?)
    }

    fn begin(&self, fork: Fork) -> Result<Session, Failure> {
        let mut session = Session::begin(fork, self.machine.clone(), Conversation::wanted(self))?;
        if let Some(seed) = self.seed {
            session.seed(seed)?;
        }
        Ok(session)
    }

    /// Starts a fork to which gdb can come by this socket.
    pub(crate) fn fork_for_debugger(&self, socket: UnixListener) -> Result<Session, Failure> {
        self.begin(self.kept.fork_for_debugger(socket)?)
    }

    /// The machine.
    pub fn machine(&self) -> &MachineId {
        &self.machine
    }

    /// How long it took to boot and to keep; nothing where the machine was found in the cache.
    pub fn made(&self) -> Option<Made> {
        self.kept.made()
    }

    /// What the kernel printed while it booted.
    pub fn boot_console(&self) -> &str {
        self.kept.boot_console()
    }
}

/// The variable that says for how many seconds of wall time a machine may keep silent, booting or at work.
const PATIENCE: &str = "MDLAB_PATIENCE";

fn limits() -> Result<Limits, Failure> {
    let Ok(text) = std::env::var(PATIENCE) else { return Ok(Limits::default()) };
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let patience = seconds
        .ok_or_else(|| Failure::usage(format!("read the variable {PATIENCE}: expected seconds, got `{text}`")))?;
    Ok(Limits { boot: patience, call: patience, ..Limits::default() })
}

/// Refuses a kernel that reported something wrong with itself before any scenario began: what it does then proves nothing.
fn healthy(kept: Kept, choice: &Choice) -> Result<Kept, Failure> {
    let reports = Report::on_console(kept.boot_console());
    let Some(sentence) = watch::of_reports(&reports) else { return Ok(kept) };
    let reports = reports.into_iter().map(|report| report.text).collect();
    let evidence = Evidence { reports, console: Some(kept.boot_console().to_owned()), ..Evidence::default() };
    Err(Failure::with(Class::Kernel, format!("boot {}: {sentence}", choice.kernel), evidence))
}

/// Writes down what a kernel printed that did not boot, or not well, or the end of it if it was a lot.
fn with_console(mut failure: Failure, choice: &Choice, notice: Notice) -> Failure {
    if let Some(console) = &failure.evidence.console {
        let title = format!("boot-{}", &Digest::of(choice.options().as_bytes()).short()[..8]);
        // The failure itself matters more than a failure to write down its evidence.
        let folder = folder::boot(&title, console).inspect_err(|failure| notice(News::Note(&failure.to_string())));
        failure.evidence.folder = folder.ok();
    }
    failure
}

/// Puts into words what the agent said instead of asking to be kept.
fn unfit(error: Error, choice: &Choice) -> Failure {
    let reply = error.refusal.as_deref().map(decode::<Reply>);
    let message = match reply {
        None => return error.into(),
        Some(Ok(Reply::Unfit(missing))) => {
            let lines = missing.iter().map(|missing| format!("\n  add {} ({})", missing.option, missing.why));
            let modules = match choice.kernel {
                KernelSource::File { modules: None, .. } => {
                    "\n  or, if it has them as modules, name these: `file:PATH,modules:DIR`"
                }
                _ => "",
            };
            format!("{}: its configuration lacks what mdlab needs{}{modules}", error.message, lines.collect::<String>())
        }
        Some(Ok(Reply::Failed(text))) => format!("{}: {text}", error.message),
        Some(other) => format!("{}: the agent said {other:?}", error.message),
    };
    Failure::with(Class::Boot, message, Evidence { console: error.console, ..Evidence::default() })
}
