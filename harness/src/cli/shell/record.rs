//! What was typed, as a scenario: its source, and the snapshots that hold for it.

use std::fs;
use std::path::PathBuf;

use mdlab_protocol::Exit;

use crate::channel::Channel;
use crate::choice::Choice;
use crate::cli::disks::Disks;
use crate::cli::put::Put;
use crate::failure::Failure;
use crate::folder;
use crate::recording::{Command, Recording, Step};
use crate::redaction::Redaction;
use crate::snapshot::Since;

/// Where it is written.
pub(super) struct Record {
    name: String,
    /// How `mdlab run` is told of the machine, where it is not the default one.
    options: String,
    folder: PathBuf,
}

/// Rust's own words that fit a function's name otherwise (the Reference, "Keywords").
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final fn \
    for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try \
    type typeof unsafe unsized use virtual where while yield";

/// A name that a function may have.
pub(super) fn name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    let is_keyword = KEYWORDS.split_whitespace().any(|word| word == text);
    if begins && text.chars().all(fits) && !is_keyword {
        Ok(text.into())
    } else {
        Err("expected the name of a function, such as `loses_a_disk`".into())
    }
}

impl Record {
    /// Makes the folder, before anything is typed that could be lost.
    pub(super) fn begin(name: &str, choice: &Choice) -> Result<Self, Failure> {
        let ordinary = Choice::new(None, None, None, None)?.options();
        let options = Some(choice.options()).filter(|options| *options != ordinary);
        let options = options.map(|options| format!(" {options}")).unwrap_or_default();
        let folder = PathBuf::from(name);
        match fs::create_dir(&folder) {
            // One that was left when a machine did not boot.
            Err(_) if fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_none()) => {}
            made => {
                made.map_err(|error| Failure::usage(format!("make the folder `{name}` for what is typed: {error}")))?
            }
        }
        Ok(Self { name: name.into(), options, folder })
    }

    /// Writes all of it, and says what to do with it.
    pub(super) fn write(&self, recording: &Recording, disks: &Disks, put: &Put) -> Result<String, Failure> {
        let mut recording = labelled(recording);
        let source = self.folder.join("scenario.rs");
        folder::write_whole(&source, self.source(&recording.steps, disks, put).as_bytes())?;
        recording.steps.retain(is_well);
        let snapshots = self.folder.join("snapshots").join(&self.name);
        let snapshots = folder::make(snapshots)?;
        let redaction = Redaction::of(&recording);
        for channel in Channel::ALL {
            let text = channel.render(&recording.steps, &redaction);
            let path = snapshots.join(format!("{}.snap", Since::EVER.name(channel)));
            folder::write_whole(
                &path,
                format!("---\nsource: {}\n---\n{}", source.display(), text.trim_end()).as_bytes(),
            )?;
        }
        let name = &self.name;
        Ok(format!(
            "the scenario `{name}` is written: paste `{}` into a file of scenarios, `scenarios/FILE.rs`, and move\n\
             `{}` to `scenarios/snapshots/FILE/`; then: mdlab run {name}{}\n",
            source.display(),
            snapshots.display(),
            self.options
        ))
    }

    fn source(&self, steps: &[Step], disks: &Disks, put: &Put) -> String {
        let mut text = format!("/// What this shows.\n#[rstest]\nfn {}(mut guest: Guest) {{\n", self.name);
        if disks.disks > 0 {
            let size = match disks.size % (1 << 20) {
                0 => format!("mib({})", disks.size >> 20),
                _ => disks.size.to_string(),
            };
            text.push_str(&format!("    guest.loops({}, {size});\n", disks.disks));
        }
        for (host, guest) in &put.files {
            text.push_str(&format!("    guest.put({guest:?}, include_bytes!({host:?}));\n"));
        }
        text.push('\n');
        for step in steps {
            // A line is one command at the most.
            let act = step.commands.first().map_or("g.wait_idle()".to_owned(), run);
            if let Some(command) = step.commands.first().filter(|_| !is_well(step)) {
                // What it was killed in the middle of is luck, and the snapshots have nothing of it.
                text.push_str(&format!("    // {}, which no scenario takes for well:\n    // ", command.ending()));
            } else {
                text.push_str("    ");
            }
            text.push_str(&format!("guest.step({:?}, |g| {act});\n", step.label));
        }
        text + "\n    assert_story!(guest);\n}\n"
    }
}

/// Whether all that ran in a step has ended by itself.
fn is_well(step: &Step) -> bool {
    step.commands.iter().all(|command| matches!(command.exit, Some(Exit::Status(_))))
}

/// A command as a scenario runs it.
fn run(command: &Command) -> String {
    let run = match &command.answer {
        Some(answer) => format!("g.run_answering({:?}, {answer:?})", command.line()),
        None => format!("g.run({:?})", command.line()),
    };
    if command.exit == Some(Exit::Status(0)) { run } else { format!("g.refused(|g| {run})") }
}

/// Steps with names of their own.
fn labelled(recording: &Recording) -> Recording {
    let mut recording = recording.clone();
    for at in 0..recording.steps.len() {
        let label = recording.steps[at].label.clone();
        let before = recording.steps[..at].iter().filter(|step| is_of(&step.label, &label)).count();
        if before > 0 {
            recording.steps[at].label = format!("{label} ({})", before + 1);
        }
    }
    recording
}

/// Whether a label is this one, with a number or without.
fn is_of(label: &str, wanted: &str) -> bool {
    label == wanted || label.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(" ("))
}
