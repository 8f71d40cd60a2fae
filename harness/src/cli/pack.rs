//! `mdlab pack`: a run in one file.

use std::path::{Path, PathBuf};

use clap::Args;
use mdlab_vm::{AccelChoice, Cache, Digest};

use super::attempt::{Attempt, Ran, first_line};
use super::interrupt::Interrupts;
use super::progress::telling;
use super::scenarios::{Workspace, environment, only, part};
use super::{Machine, print};
use crate::choice::Choice;
use crate::conversation::{CONVERSATIONS, Conversation};
use crate::failure::Failure;
use crate::folder;
use crate::laboratory::Laboratory;
use crate::outcome::Outcome;
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
        if let Some(folder) = self.output.as_deref().and_then(Path::parent)
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            return Err(Failure::usage(format!("write into the folder `{}`: it is none", folder.display())));
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
                drop(folder);
                interrupt.end("nothing was packed");
            }
            return Err(Failure::infra("nothing was packed: a signal came"));
        };
        // Where its evidence lies is no use to others.
        outcome.evidence.clear();
        outcome.message = outcome.message.as_deref().map(without_evidence);
        // Nobody has to be waited for any more.
        Interrupts::let_through(|| self.write(&scenario.name, &outcome, ran, Conversation::all(folder.path())?))
    }

    /// Writes what a run came to.
    fn write(&self, name: &str, outcome: &Outcome, ran: Ran, guests: Vec<Conversation>) -> Result<(), Failure> {
        let ended = match ran {
            Ran::Skipped(reason) => return Err(Failure::usage(format!("`{name}` is skipped: {reason}"))),
            Ran::Badly(class, text, _) if guests.is_empty() => {
                return Err(Failure::new(class, format!("`{name}` left nothing to pack: {text}")));
            }
            _ if guests.is_empty() => return Err(Failure::usage(format!("`{name}` has no guest"))),
            Ran::Well(_) => "it passes".to_owned(),
            Ran::Badly(class, text, _) => format!("{class}: {}", first_line(class, &text)),
        };
        let said: usize = guests.iter().map(Conversation::bytes).sum();
        let guests = guests.into_iter().map(|guest| self.packed(guest)).collect::<Result<_, _>>()?;
        let bytes = Pack::new(outcome, AGENT, guests)?.bytes()?;
        let path = self.output.clone().unwrap_or_else(|| format!("{}.mdlab", name.replace("::", ".")).into());
        folder::write_whole(&path, &bytes)?;
        let (size, said) = (bytes.len() as f64 / 1024.0, said / 1024);
        print(&format!("{}: {size:.0} KiB, {said} KiB of conversation; {ended}\n", path.display()))
    }

    fn packed(&self, conversation: Conversation) -> Result<Packed, Failure> {
        ran_with(&conversation.recipe, &format!("agent {}", Digest::of(AGENT)))?;
        if conversation.kernel.starts_with("debian:") && !self.whole {
            let own = conversation.mdadm.strip_prefix("file:");
            let own =
                own.map(|path| std::fs::read(path).map_err(|error| Failure::usage(format!("read `{path}`: {error}"))));
            let mdadm = own.transpose()?;
            if let Some(bytes) = &mdadm {
                ran_with(&conversation.recipe, &format!("mdadm {}", Digest::of(bytes)))?;
            }
            return Ok(Packed { mdadm, conversation, whole: None });
        }
        let refuse = |error: String| Failure::usage(error);
        let kernel = conversation.kernel.parse().map_err(refuse)?;
        let mdadm = conversation.mdadm.parse().map_err(refuse)?;
        let choice = Choice::new(Some(kernel), Some(mdadm), None, None)?;
        let cache = Cache::open()?;
        let (kernel, userland) = Laboratory::fetch(&cache, &choice, &mut telling())?;
        ran_with(&conversation.recipe, &format!("kernel {}\n{}", kernel.identity(), userland.ingredients()?))?;
        let whole = Some((kernel.image()?, userland.ram_disk(&cache, &kernel)?.build()?));
        Ok(Packed { conversation, mdadm: None, whole })
    }
}

/// Refuses to pack what is not what ran: something was built anew since, or this mdlab is not the scenarios' own.
fn ran_with(recipe: &str, here: &str) -> Result<(), Failure> {
    let Some(other) = here.lines().find(|line| !recipe.lines().any(|known| known == *line)) else {
        return Ok(());
    };
    let what = other.split(' ').next().unwrap_or_default();
    let text = "pack it again once nothing is built anew, with the mdlab that its workspace builds";
    Err(Failure::usage(format!("it ran with another {what} than would be packed now: {text}")))
}

fn without_evidence(message: &str) -> String {
    // Nor is how to run it again here: they have the pack.
    let is_here = |line: &&str| ["  evidence: ", "  rerun: "].iter().any(|key| line.starts_with(key));
    message.lines().filter(|line| !is_here(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_is_not_packed() {
        let recipe = "qemu 7.2\nkernel a\nagent b\nmdadm c";
        assert!(ran_with(recipe, "kernel a\nagent b").is_ok());
        let refused = ran_with(recipe, "kernel a\nagent x").unwrap_err().to_string();
        assert!(refused.contains("it ran with another agent than would be packed now"), "{refused}");
    }
}
