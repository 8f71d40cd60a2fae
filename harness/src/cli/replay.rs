//! `mdlab replay`: a packed run, seen again.

use std::path::PathBuf;

use clap::Args;
use mdlab_vm::{Cache, Digest, Kernel, KernelSource};

use super::print;
use super::progress::{complain, is_quiet, patiently, telling};
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::folder;
use crate::laboratory::Laboratory;
use crate::outcome::Verdict;
use crate::pack::{Pack, Packed};
use crate::printable::printable;
use crate::story::Story;
use crate::tool::ToolSource;
use crate::userland::Userland;

/// Shows a packed run: boots its machine, says to it what was said, and compares what comes with what came, to the byte.
///
/// Exit status: 1 if anything differs; else that of the run itself, 0 where it passes.
///
/// Example: mdlab replay members.fails_removes_and_adds.mdlab
#[derive(Args)]
pub(super) struct Replay {
    /// What `mdlab pack` wrote.
    file: PathBuf,
}

impl Replay {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let pack = Pack::read(&self.file)?;
        let outcome = pack.outcome()?;
        if !matches!(outcome.verdict, Some(Verdict::Pass | Verdict::Fail(_))) {
            let text = format!("expected `{}` to have passed or failed, it has neither", outcome.scenario);
            return Err(Failure::usage(format!("read `{}`: {text}", self.file.display())));
        }
        if pack.guests.is_empty() || pack.guests.iter().any(|guest| guest.conversation.is_empty()) {
            let text = "expected a guest at least, and each to have said something";
            return Err(Failure::usage(format!("read `{}`: {text}", self.file.display())));
        }
        for (number, guest) in (1..).zip(&pack.guests) {
            let kept = machine(guest, &pack)?;
            if !is_quiet() {
                print(&Story::raw(&guest.conversation.recording()?).text())?;
            }
            let title = if pack.guests.len() > 1 {
                format!("guest {number} of {}: ", pack.guests.len())
            } else {
                String::new()
            };
            let fork = kept.fork_alone()?;
            let again = patiently("saying again what was said", || guest.conversation.hold_again(fork));
            if let Err(difference) = again? {
                let text = format!("{title}it is not the same as when it was packed, {difference}");
                return Err(Failure::new(Class::Drift, text));
            }
            let digest = Digest::of(&postcard::to_stdvec(&guest.conversation).unwrap_or_default());
            print(&format!("\n{title}the same, bit for bit: {}\n", &digest.short()[..16]))?;
            if guest.conversation.fell_silent() {
                print(
                    "then silence, as before; how long it was waited for, and what the console said by then, is the host's doing\n",
                )?;
            }
        }
        // A stranger may have written the file.
        for difference in &outcome.differences {
            print(&format!("{}\n", printable(difference.unified.trim_end())))?;
        }
        match outcome.verdict {
            Some(Verdict::Fail(class)) => {
                // It says of which class it is.
                let message = outcome.message.unwrap_or_default();
                let message = message.strip_prefix(&format!("{class}: ")).unwrap_or(&message).to_owned();
                let text = format!("`{}` failed so where it was packed: {message}", outcome.scenario);
                Err(Failure::new(class, text))
            }
            _ => print(&format!("`{}` passed where it was packed\n", printable(&outcome.scenario))),
        }
    }
}

/// The machine on which it ran.
fn machine(guest: &Packed, pack: &Pack) -> Result<Laboratory, Failure> {
    let (cache, conversation) = (Cache::open()?, &guest.conversation);
    let id = conversation.machine()?;
    if let Some((image, ram_disk)) = &guest.whole {
        let folder = folder::scratch()?;
        let path = folder.path().join("bzImage");
        folder::write_whole(&path, image)?;
        let laboratory = Laboratory::of_files(&cache, id, &path, ram_disk, &mut telling())?;
        let (qemu, others) = differing(&conversation.recipe, laboratory.recipe());
        warn_of("QEMU", &qemu);
        // Of the rest only the names are others here: it is in the pack.
        let own = ["arguments ", "mailbox "];
        let own: Vec<_> = others.into_iter().filter(|line| own.iter().any(|key| line[2..].starts_with(key))).collect();
        warn_of(&format!("the machine of mdlab {}", pack.mdlab), &own);
        return Ok(laboratory);
    }
    let refuse = |error: String| Failure::usage(format!("read the pack: {error}"));
    let (folder, mut notice) = (folder::scratch()?, telling());
    let kernel: KernelSource = conversation.kernel.parse().map_err(refuse)?;
    let (tool, mut userland) = match &guest.mdadm {
        Some(bytes) => {
            let path = folder.path().join("mdadm");
            folder::write_whole(&path, bytes)?;
            let userland = Userland::around(&path, Some(&id.mdadm), &cache, &mut notice)?;
            (ToolSource::File(path), userland)
        }
        None => {
            let tool = conversation.mdadm.parse().map_err(refuse)?;
            // What is not in the file is none of this host's either, but Debian's.
            let ToolSource::Debian(_) = &tool else { return Err(refuse(format!("it lacks `{tool}`"))) };
            let userland = Userland::find(&tool, &cache, &mut notice)?;
            (tool, userland)
        }
    };
    let KernelSource::Debian(_) = &kernel else { return Err(refuse(format!("it lacks `{kernel}`"))) };
    userland.replace_agent(&pack.agent);
    let choice = Choice::new(Some(kernel.clone()), Some(tool), None, None)?;
    let kernel = Kernel::find(&kernel, &cache, &mut notice)?;
    let laboratory = Laboratory::of_parts(&cache, &choice, (&kernel, &userland), &mut notice)?;
    let (qemu, others) = differing(&conversation.recipe, laboratory.recipe());
    warn_of("QEMU", &qemu);
    if !others.is_empty() {
        let text = format!(
            "this is not the machine on which mdlab {} packed it: `mdlab pack --whole` packs that as well",
            pack.mdlab
        );
        return Err(Failure::infra(format!("{text}; packed (-) and here (+):\n{}", others.join("\n"))));
    }
    Ok(laboratory)
}

/// Says that something is another here, if it is.
fn warn_of(what: &str, lines: &[String]) {
    if !lines.is_empty() {
        let text = "is not the one here, and may be why something differs; packed (-) and here (+)";
        complain(&format!("{what} with which it was packed {text}:\n{}", lines.join("\n")));
    }
}

/// The lines that one recipe has and another has not: those of QEMU, and the others.
fn differing(packed: &str, here: &str) -> (Vec<String>, Vec<String>) {
    let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
    let gone = packed.lines().filter(|line| lacks(here, line)).map(|line| format!("- {line}"));
    let new = here.lines().filter(|line| lacks(packed, line)).map(|line| format!("+ {line}"));
    gone.chain(new).partition(|line| line[2..].starts_with("qemu "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn a_pack_of_nothing_does_not_pass() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pack");
        let told = |verdict| {
            let outcome = Outcome { verdict, ..Outcome::none("scenarios", "mirror") };
            std::fs::write(&file, Pack::new(&outcome, b"", Vec::new()).unwrap().bytes().unwrap()).unwrap();
            Replay { file: file.clone() }.run().unwrap_err().to_string()
        };
        assert!(told(Some(Verdict::Pass)).ends_with("expected a guest at least, and each to have said something"));
        assert!(told(None).ends_with("expected `mirror` to have passed or failed, it has neither"));
    }

    #[test]
    fn only_lines_that_differ_are_told() {
        let lines = |lines: [&str; 2]| lines.map(str::to_owned).to_vec();
        let (qemu, others) = differing("qemu 7.2\nkernel a\nagent b", "qemu 10.0\nkernel a\nagent c");
        assert_eq!((qemu, others), (lines(["- qemu 7.2", "+ qemu 10.0"]), lines(["- agent b", "+ agent c"])));
        assert_eq!(differing("qemu 7.2\nkernel a", "qemu 7.2\nkernel a"), (Vec::new(), Vec::new()));
    }
}
