//! A kept machine with an mdadm in it, ready to be forked.

use mdlab_protocol::{Reply, decode};
use mdlab_vm::{Cache, Digest, Error, Kept, Kernel, Limits, Made, Notice, Qemu, Recipe};

use crate::choice::Choice;
use crate::failure::{Class, Evidence, Failure};
use crate::recording::MachineId;
use crate::session::Session;
use crate::userland::Userland;

/// A kept machine, made of what a [`Choice`] names.
pub struct Laboratory {
    kept: Kept,
    machine: MachineId,
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
        let qemu = Qemu::find()?;
        let kernel = Kernel::find(&choice.kernel, cache, notice)?;
        let userland = Userland::find(&choice.tool, cache, notice)?;
        let ram_disk = || userland.ram_disk(cache, &kernel);
        let ingredients = userland.ingredients()?;
        let recipe = Recipe { qemu, kernel: &kernel, ingredients, ram_disk: &ram_disk, limits: Limits::default() };
        let kept = recipe.keep(cache, choice.accel, notice).map_err(unfit)?;
        let accel = kept.accel().to_string();
        let machine = MachineId { kernel: kernel.release().into(), mdadm: userland.version().into(), accel };
        Ok(Self { kept, machine, seed: choice.seed })
    }

    /// Starts a fork.
    pub fn fork(&self) -> Result<Session, Failure> {
        let mut session = Session::begin(self.kept.fork()?, self.machine.clone())?;
        if let Some(seed) = self.seed {
            session.seed(Digest::of(&seed.to_le_bytes()).to_string().as_bytes())?;
        }
        Ok(session)
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

/// Puts into words what the agent said instead of asking to be kept.
fn unfit(error: Error) -> Failure {
    let reply = error.refusal.as_deref().map(decode::<Reply>);
    let message = match reply {
        None => return error.into(),
        Some(Ok(Reply::Unfit(missing))) => {
            let lines = missing.iter().map(|missing| format!("\n  add {} ({})", missing.option, missing.why));
            format!("{}: its configuration lacks what mdlab needs{}", error.message, lines.collect::<String>())
        }
        Some(Ok(Reply::Failed(text))) => format!("{}: {text}", error.message),
        Some(other) => format!("{}: the agent said {other:?}", error.message),
    };
    Failure::with(Class::Boot, message, Evidence { console: error.console, ..Evidence::default() })
}
