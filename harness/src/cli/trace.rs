//! `mdlab trace`: records command lines in a fresh machine.

use std::fs;

use clap::Args;
use mdlab_protocol::Exit;
use mdlab_vm::Digest;

use super::disks::Disks;
use super::progress::{complain, patiently, telling};
use super::put::Put;
use super::{Machine, print};
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::folder;
use crate::laboratory::Laboratory;
use crate::printable::printable_json;
use crate::recording::Recording;
use crate::session::Session;
use crate::story::Story;

/// Records command lines in a fresh machine, and shows what md did.
///
/// Example: mdlab trace 'mdadm --create /dev/md0 --level 1 --raid-devices 2 /dev/loop0 /dev/loop1' 'mdadm --stop /dev/md0'
#[derive(Args)]
pub(super) struct Trace {
    /// Command lines, one step each: split into words as a shell does, run without a shell. After each, udev and md come
    /// to rest before the next begins.
    #[arg(required = true, value_name = "COMMAND")]
    commands: Vec<String>,
    #[command(flatten)]
    machine: Machine,
    /// Answers prompts: whatever a command asks is answered with this line.
    #[arg(long, value_name = "TEXT", default_value = "y")]
    stdin: String,
    #[command(flatten)]
    disks: Disks,
    #[command(flatten)]
    put: Put,
    /// Print the redacted recording as JSON.
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Print the unredacted recording as JSON.
    #[arg(long)]
    raw: bool,
}

impl Trace {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let lines: Vec<Vec<String>> = self.commands.iter().map(|line| words(line)).collect::<Result<_, _>>()?;
        self.disks.check()?;
        let choice = self.machine.choice()?;
        let files = self.put.read()?;
        self.trace(&choice, &lines, &files).map_err(|mut failure| {
            if failure.class != Class::Usage {
                failure.evidence.rerun = Some(self.again(&choice));
            }
            failure
        })
    }

    fn trace(&self, choice: &Choice, lines: &[Vec<String>], files: &[(&str, Vec<u8>)]) -> Result<(), Failure> {
        let laboratory = Laboratory::open(choice, &mut telling())?;
        let mut session = laboratory.fork()?;
        let mut shown = 0;
        let outcome = self.record(&mut session, lines, files, &mut shown).map_err(|failure| session.blame(failure));
        // With what a step recorded that has not ended.
        self.show(&session.evidence(UNFINISHED, false), &mut shown)?;
        outcome.map_err(|mut failure| {
            // Another command line has another folder, so that none takes another's evidence away.
            let title = format!("trace-{}", &Digest::of(self.again(choice).as_bytes()).short()[..8]);
            let kept = folder::evidence(laboratory.machine(), &title).and_then(|folder| {
                folder::write_recording(&folder, &session.evidence(UNFINISHED, false))?;
                let _ = fs::write(folder.join("console.log"), session.console());
                Ok(folder)
            });
            // The failure itself matters more than a failure to write down its evidence.
            failure.evidence.folder = kept.inspect_err(|failure| complain(&failure.to_string())).ok();
            failure
        })
    }

    /// The command line that does the same.
    fn again(&self, choice: &Choice) -> String {
        let commands = shell_words::join(&self.commands);
        let (Disks { disks, size }, stdin) = (&self.disks, shell_words::quote(&self.stdin));
        let put = self.put.options();
        format!("mdlab trace {} --disks {disks} --size {size} --stdin {stdin} {put}{commands}", choice.options())
    }

    fn record(
        &self,
        session: &mut Session,
        lines: &[Vec<String>],
        files: &[(&str, Vec<u8>)],
        shown: &mut usize,
    ) -> Result<(), Failure> {
        self.disks.attach(session)?;
        for (guest, bytes) in files {
            session.put(guest, bytes)?;
        }
        for (number, words) in (1..).zip(lines) {
            let running = format!("running `{}`", shell_words::join(words));
            let outcome = patiently(&running, || session.run(words, Some(&self.stdin)).cloned());
            if outcome.is_ok() {
                patiently("waiting until md is idle", || session.settle(true))?;
            }
            // A guest that is gone, or never ran the command, has nothing to show.
            if outcome.as_ref().map_or_else(|failure| failure.class == Class::Tool, |_| true) {
                let ended = session.end_step(&format!("step {number}")).map(drop);
                // A guest that was cut short has nothing to show either: what cut it short is what matters.
                outcome.as_ref().map_or(Ok(()), |_| ended)?;
            }
            if !self.json && !self.raw {
                self.show(session.recording(), shown)?;
            }
            let command = outcome?;
            if command.exit != Some(Exit::Status(0)) {
                let text = format!("expected `{}` to end with status 0, got: {}", command.line(), command.came());
                return Err(session.failure(Class::Tool, text));
            }
        }
        session.end()
    }

    /// Shows a recording, but for as much of its text as was shown before.
    fn show(&self, recording: &Recording, shown: &mut usize) -> Result<(), Failure> {
        let json = |value: serde_json::Result<String>| match value {
            Ok(text) => Ok(printable_json(&text).into_owned() + "\n"),
            Err(error) => Err(Failure::infra(format!("encode: {error}"))),
        };
        print(&match (self.json, self.raw) {
            (true, _) => json(serde_json::to_string_pretty(&Story::redacted(recording).json()))?,
            (_, true) => json(serde_json::to_string_pretty(recording))?,
            _ => {
                let text = Story::raw(recording).text();
                let before = std::mem::replace(shown, text.len());
                text[before..].to_owned()
            }
        })
    }
}

/// What a step is called that has not ended.
const UNFINISHED: &str = "unfinished";

fn words(line: &str) -> Result<Vec<String>, Failure> {
    match shell_words::split(line) {
        Ok(words) if !words.is_empty() => Ok(words),
        Ok(_) => Err(Failure::usage("expected a command line, got an empty one")),
        Err(error) => Err(Failure::usage(format!("split `{line}` into words: {error}"))),
    }
}
