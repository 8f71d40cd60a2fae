//! `mdlab pack`: a run in one file.

use std::path::PathBuf;

use clap::Args;
use mdlab_vm::{AccelChoice, Cache};

use super::attempt::{Attempt, Ran};
use super::interrupt::Interrupts;
use super::progress::telling;
use super::scenarios::{Workspace, environment, only, part};
use super::{Machine, print};
use crate::choice::Choice;
use crate::conversation::{CONVERSATIONS, Conversation};
use crate::failure::Failure;
use crate::folder;
use crate::laboratory::Laboratory;
use crate::pack::{Pack, Packed};
use crate::userland::AGENT;

/// Runs a scenario, and packs all that it takes to see the same again into one file, for somebody else's `mdlab replay`.
///
/// A kernel and an mdadm of Debian's are named with their hashes; any other is in the file itself.
///
/// Example: mdlab pack members::fails_removes_and_adds --kernel tree:linux
#[derive(Args)]
pub(super) struct PackUp {
    /// The scenario: its name, or a part that no other has.
    #[arg(value_parser = part)]
    scenario: String,
    /// The file [default: the scenario's name and `.mdlab`].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Put Debian's kernel and programs into the file as well: Debian does not keep every version.
    #[arg(long)]
    whole: bool,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    workspace: Workspace,
}

impl PackUp {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let choice = self.machine.choice()?;
        if choice.accel != AccelChoice::Tcg {
            return Err(Failure::usage(format!("pack under `{}`: only `tcg` is the same on every run", choice.accel)));
        }
        let scenario = only(&self.workspace.shell()?, &self.scenario)?;
        Laboratory::open(&choice, &mut telling())?;
        let folder = folder::scratch()?;
        let mut environment = environment(&choice)?;
        environment.push((CONVERSATIONS, folder.path().into()));
        let interrupts = Interrupts::heed()?;
        let Some((ran, mut outcome)) = (Attempt { scenario: &scenario, environment: &environment }).run(&interrupts)?
        else {
            if let Some(interrupt) = interrupts.next() {
                interrupt.end("nothing was packed");
            }
            return Err(Failure::infra("nothing was packed: a signal came"));
        };
        // Where its evidence lies is no use to others.
        outcome.evidence.clear();
        outcome.message = outcome.message.as_deref().map(without_evidence);
        let guests = Conversation::all(folder.path())?;
        let ended = match ran {
            Ran::Skipped(reason) => return Err(Failure::usage(format!("`{}` is skipped: {reason}", scenario.name))),
            _ if guests.is_empty() => return Err(Failure::usage(format!("`{}` has no guest", scenario.name))),
            Ran::Well(_) => "it passes".to_owned(),
            Ran::Badly(class, ..) => format!("{class}: {}", first_line(outcome.message.as_deref().unwrap_or_default())),
        };
        let said: usize = guests.iter().map(Conversation::bytes).sum();
        let guests = guests.into_iter().map(|guest| self.packed(guest)).collect::<Result<_, _>>()?;
        let bytes = Pack::new(&outcome, AGENT, guests)?.bytes()?;
        let named = || format!("{}.mdlab", scenario.name.replace("::", ".")).into();
        let path = self.output.clone().unwrap_or_else(named);
        folder::write_whole(&path, &bytes)?;
        let (size, said) = (bytes.len() as f64 / 1024.0, said / 1024);
        print(&format!("{}: {size:.0} KiB, {said} KiB of conversation; {ended}\n", path.display()))
    }

    fn packed(&self, conversation: Conversation) -> Result<Packed, Failure> {
        if conversation.kernel.starts_with("debian:") && !self.whole {
            let own = conversation.mdadm.strip_prefix("file:");
            let own =
                own.map(|path| std::fs::read(path).map_err(|error| Failure::usage(format!("read `{path}`: {error}"))));
            return Ok(Packed { mdadm: own.transpose()?, conversation, whole: None });
        }
        let refuse = |error: String| Failure::usage(error);
        let kernel = conversation.kernel.parse().map_err(refuse)?;
        let mdadm = conversation.mdadm.parse().map_err(refuse)?;
        let choice = Choice::new(Some(kernel), Some(mdadm), None, None)?;
        let cache = Cache::open()?;
        let (kernel, userland) = Laboratory::fetch(&cache, &choice, &mut telling())?;
        let whole = Some((kernel.image()?, userland.ram_disk(&cache, &kernel)?.build()?));
        Ok(Packed { conversation, mdadm: None, whole })
    }
}

fn without_evidence(message: &str) -> String {
    message.lines().filter(|line| !line.starts_with("  evidence: ")).collect::<Vec<_>>().join("\n")
}

fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(": ").map_or(line, |(_, rest)| rest)
}
