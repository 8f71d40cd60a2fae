//! From the kernel's first instruction in user space to a machine that is worth keeping.

mod entropy;
mod fitness;
mod kernel_modules;
mod mounts;
mod udev;

use std::time::Duration;

use mdlab_mailbox::guest::Guest;
use mdlab_protocol::{Missing, Reply};
use nix::sys::resource::{Resource, setrlimit};

use crate::console;
use crate::failure::{Attempt, Failure};
use crate::link::Link;
use crate::machine::Machine;
use crate::recorder::{KernelLog, Recorder, Uevents};
use crate::settle;

pub(crate) use entropy::seed;

const HOSTNAME: &str = "mdlab";

/// How long udev may take for what was there at boot.
const SETTLE: Duration = Duration::from_secs(120);

/// How many files the agent may have open: some for each process that it traces, and the guest's memory bounds those.
const OPEN_FILES: u64 = 1 << 16;

/// Sets the machine up and returns it in the state to keep.
pub(crate) fn boot() -> Result<Machine, Failure> {
    let unmounted = mounts::mount_all();
    console::adopt().attempt(|| "open the console".into())?;
    unmounted.iter().for_each(|failure| console::say(&failure.to_string()));
    mounts::link_all()?;
    nix::unistd::sethostname(HOSTNAME).attempt(|| format!("set the host name `{HOSTNAME}`"))?;

    let mut link = open_link()?;
    let refused = kernel_modules::load_all()?;
    refused.iter().for_each(|module| console::say(&module.why));
    refuse_unfit(&mut link, fitness::missing(&refused))?;
    entropy::seed_fixed()?;

    udev::start()?;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES).attempt(|| "raise RLIMIT_NOFILE".into())?;
    // The kernel hands an event first to the socket that was bound last, and udevd may run before the next one has it. Only
    // so does the kernel's announcement come before udev's.
    let recorder = Recorder::new(vec![Box::new(KernelLog::open()?), Box::new(Uevents::open()?)]);
    let mut machine = Machine::new(link, recorder)?;
    udev::coldplug()?;
    if let Some(unsettled) = settle::wait(&mut machine, true, SETTLE)? {
        return Err(Failure::new("wait for udev", format!("after {} s {}", SETTLE.as_secs(), unsettled.udev)));
    }
    Ok(machine)
}

fn open_link() -> Result<Link, Failure> {
    match Guest::open() {
        Ok(guest) => Ok(Link::new(guest)),
        Err(error) => {
            console::say(fitness::mailbox_needs(&error));
            Err(error).attempt(|| "open the mailbox".into())
        }
    }
}

/// Tells the host what the kernel lacks, and ends the agent.
fn refuse_unfit(link: &mut Link, missing: Vec<Missing>) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    for Missing { option, why } in &missing {
        console::say(&format!("the kernel needs {option}: {why}"));
    }
    let count = missing.len();
    // Whatever the answer, there is nothing that the agent could do.
    let _ = link.exchange(&Reply::Unfit(missing))?;
    Err(Failure::new("set up the machine", format!("the kernel lacks {count} options")))
}
