//! `mdlab shell`: a machine at one's fingertips.

mod line;
mod record;

use std::io::ErrorKind;

use clap::Args;
use mdlab_protocol::{Exit, Output, What};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::disks::Disks;
use super::interrupt::Interrupts;
use super::progress::{complain, patiently, telling};
use super::put::Put;
use super::{Machine, print};
use crate::channel::Channel;
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;
use crate::printable::printable;
use crate::redaction::Redaction;
use crate::session::Session;
use crate::story::{KERNEL, Story};
use line::Line;
use record::Record;

/// Opens a shell in a fresh machine with loop devices and md at hand, and shows what the kernel said after each line.
///
/// The machine stands still while nobody does anything. What is typed is run as by `sh`, one line at a time; `cd` holds, variables
/// do not. `.help` lists what else there is.
///
/// Example: mdlab shell --kernel debian:sid --disks 4; mdlab shell --record survives_a_lost_disk
#[derive(Args)]
pub(super) struct Shell {
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    disks: Disks,
    #[command(flatten)]
    put: Put,
    /// Answers prompts: whatever a command asks is answered with this line.
    #[arg(long, value_name = "TEXT", default_value = "y")]
    stdin: String,
    /// Write what was typed as a scenario of this name: its source and its snapshots, into a folder of that name.
    #[arg(long, value_name = "NAME", value_parser = record::name)]
    record: Option<String>,
}

const HELP: &str = "\
  .story             all that the last line did: system calls, kernel messages, uevents
  .syscalls .dmesg .uevents .superblock .state
                     one channel of it, as a snapshot has it
  .wait              let md come to rest: no resync, recovery or reshape is left
  .help              this
  echo /bin/* /sbin/*
                     the programs that are there; --put brings others
  .quit              the end, as Ctrl-D
";

const PROMPT: &str = "mdlab# ";

impl Shell {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.disks.check()?;
        let choice = self.machine.choice()?;
        let files = self.put.read()?;
        let record = self.record.as_deref().map(|name| Record::begin(name, &choice)).transpose()?;
        let laboratory = Laboratory::open(&choice, &mut telling())?;
        let mut session = laboratory.fork()?;
        self.disks.attach(&mut session)?;
        for (guest, bytes) in &files {
            session.put(guest, bytes)?;
        }
        let goes = match &self.record {
            Some(name) => format!("the machine goes as well; what was recorded until now is in `{name}`"),
            None => "the machine goes as well".to_owned(),
        };
        // At the prompt Ctrl-C is a key like others.
        let interrupts = Interrupts::heed()?;
        std::thread::spawn(move || interrupts.wait().map(|interrupt| interrupt.end(&goes)));
        let mut prompt = Prompt { shell: self, session, folder: None, record, idle: false, last: None };
        print(&format!(
            "{}; {} disks; .help lists what there is beside commands\n",
            laboratory.machine(),
            self.disks.disks
        ))?;
        let conversed = prompt.converse();
        conversed.and(prompt.end())
    }
}

/// A conversation.
struct Prompt<'a> {
    shell: &'a Shell,
    session: Session,
    /// Where `cd` has led.
    folder: Option<String>,
    record: Option<Record>,
    /// The last line that was to do something has done nothing.
    idle: bool,
    /// What has gone wrong last.
    last: Option<Failure>,
}

impl Prompt<'_> {
    fn converse(&mut self) -> Result<(), Failure> {
        let failed = |error: ReadlineError| Failure::infra(format!("read a line: {error}"));
        let mut editor = DefaultEditor::new().map_err(failed)?;
        loop {
            let typed = match editor.readline(PROMPT) {
                Ok(typed) => typed,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(()),
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    complain("this line is no text in UTF-8, and was not run");
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            // A line without a place in it is a line all the same.
            let _ = editor.add_history_entry(&typed);
            match Line::read(&typed, self.folder.as_deref()) {
                Ok(Line::Nothing) => {}
                Ok(Line::Quit) => return Ok(()),
                Ok(Line::Help) => print(HELP)?,
                Ok(Line::Story) => {
                    self.remind();
                    print(&Story::raw(self.session.recording()).last_step())?;
                }
                Ok(Line::Show(channel)) => self.show(channel)?,
                Ok(Line::Folder(None)) => self.folder = None,
                Ok(Line::Folder(Some(find))) => self.go(&find),
                Ok(Line::Wait) => {
                    let did = patiently("waiting until md is idle", || self.session.settle(true));
                    // A wait that was too long is none that a scenario could hold to.
                    let is_step = did.is_ok();
                    self.step("wait", did, is_step)?;
                }
                Ok(Line::Run(argv)) => self.run(&argv, &typed)?,
                Err(why) => complain(&why),
            }
            if self.session.is_gone() {
                return Ok(());
            }
        }
    }

    fn run(&mut self, argv: &[String], typed: &str) -> Result<(), Failure> {
        let answer = self.shell.stdin.clone();
        let label = typed.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let did = patiently(&format!("running `{}`", typed.trim()), || self.session.run(argv, Some(&answer)).map(drop));
        // What could not be run, a program misspelt, has done nothing.
        let ran = self.session.stray();
        if let Some(command) = ran {
            let Output { stdout, stderr, cut } = &command.output;
            let said = [stdout.as_slice(), stderr].concat();
            let mut text = printable(&String::from_utf8_lossy(&said)).into_owned();
            if *cut > 0 {
                text.push_str(&format!("[{cut} more bytes]\n"));
            }
            if did.is_ok() && command.exit != Some(Exit::Status(0)) {
                text.push_str(&(command.ending() + "\n"));
            }
            print(&text)?;
        }
        let is_step = ran.is_some();
        self.step(&label, did, is_step)
    }

    /// Has commands run elsewhere, if there is such a folder; that is part of no step.
    fn go(&mut self, find: &[String]) {
        let found = self.session.run(find, None).map(|command| (command.exit, command.output.clone()));
        self.session.forget();
        match found {
            Ok((Some(Exit::Status(0)), output)) => {
                let named = String::from_utf8_lossy(&output.stdout);
                self.folder = named.lines().next_back().map(str::to_owned);
            }
            Ok((_, output)) => complain(printable(&String::from_utf8_lossy(&output.stderr)).trim_end()),
            Err(failure) => self.fail(failure),
        }
    }

    /// Makes what was done a step, if it was, and shows what the kernel said meanwhile.
    fn step(&mut self, label: &str, did: Result<(), Failure>, is_step: bool) -> Result<(), Failure> {
        let before = self.session.recording().steps.len();
        let ends = is_step && !self.session.is_gone();
        let ended = if ends { self.session.end_step(label).map(drop) } else { Ok(()) };
        let steps = self.session.recording().steps.iter().skip(before);
        for event in steps.flat_map(|step| &step.events).chain(self.session.unended()) {
            if let What::Kernel(message) = &event.what {
                let text = printable(&message.text).replace('\n', "\n            ");
                print(&format!("{KERNEL}    kernel: {text}{KERNEL:#}\n"))?;
            }
        }
        if let Err(failure) = did.and(ended) {
            self.fail(failure);
        }
        self.idle = !ends;
        match &self.record {
            // Whatever ends the shell now, this is kept.
            Some(record) if ends => {
                let _ = record.write(self.session.recording(), &self.shell.disks, &self.shell.put);
            }
            Some(_) => complain("nothing of this line is recorded"),
            None => {}
        }
        if !ends {
            // It would be told as the doing of the next line.
            self.session.forget();
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        let failure = self.session.blame(failure);
        // What a kernel has reported once stands, whatever is done afterwards.
        let is_told = |last: &Failure| last.class == Class::Kernel && last.message == failure.message;
        if !self.last.as_ref().is_some_and(is_told) {
            // Whoever has misspelt a program needs no evidence.
            complain(&if failure.class == Class::Usage { failure.message.clone() } else { failure.to_string() });
        }
        self.last = Some(failure);
    }

    /// Says that what is shown is not the last line's.
    fn remind(&self) {
        if self.idle {
            complain("the last line did nothing that is recorded; this is the one before it");
        }
    }

    fn show(&self, channel: Channel) -> Result<(), Failure> {
        self.remind();
        let steps = &self.session.recording().steps;
        let render = |count: usize| channel.render(&steps[..count], &Redaction::none());
        let before = render(steps.len().saturating_sub(1));
        print(&render(steps.len())[before.len()..])
    }

    /// Whatever was typed is kept, and the kernel has the last word.
    fn end(&mut self) -> Result<(), Failure> {
        if let Some(record) = &self.record {
            let typed = record.write(self.session.recording(), &self.shell.disks, &self.shell.put)?;
            print(&typed)?;
        }
        let told =
            |last: Failure| Failure::new(last.class, format!("the shell ends as something failed: {}", last.message));
        match (self.last.take(), self.session.is_gone()) {
            (Some(last), true) => Err(told(last)),
            (None, true) => Ok(()),
            (last, false) => self.session.end().map_err(|failure| match last {
                Some(last) if last.message == failure.message => told(last),
                _ => failure,
            }),
        }
    }
}
