//! What one scenario came to, and how it differs from what it came to elsewhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::cli::attempt::{Ran, first_line};
use crate::failure::{Class, Failure};
use crate::folder;
use crate::recording::Recording;
use crate::redaction::Redaction;

/// What a scenario came to on one machine.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Observed {
    end: End,
    /// What each of its guests recorded, channel by channel.
    guests: Vec<Vec<String>>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Passed,
    /// The machine lacks something.
    Skipped(String),
    /// It failed, with this message, and left evidence.
    Failed(Class, String, Option<PathBuf>),
}

/// How two of them differ.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Differences {
    /// How the two ended, if not in the same way.
    ends: Option<[String; 2]>,
    /// The guest's number, the channel, and a unified difference without its header.
    channels: Vec<(usize, Channel, String)>,
}

impl Observed {
    /// Takes what was recorded, of a run that failed as far as it came; its evidence is kept if it is asked for, or if it was no
    /// run of the scenario.
    pub(in crate::cli) fn of(ran: Ran, keep: bool) -> Result<Self, Failure> {
        let (end, recordings) = match ran {
            Ran::Well(recordings) => (End::Passed, recordings),
            Ran::Skipped(reason) => (End::Skipped(reason), Vec::new()),
            // What it recorded is not compared, and may not be readable.
            Ran::Badly(class, said, remains) if is_none(class) => {
                (End::Failed(class, said.trim().to_owned(), remains.keep()), Vec::new())
            }
            Ran::Badly(class, said, remains) => {
                let recordings = folder::recordings(remains.path())?;
                let evidence = if keep { remains.keep() } else { None };
                (End::Failed(class, said.trim().to_owned(), evidence), recordings)
            }
        };
        let read = |bytes: &Vec<u8>| {
            let recording = serde_json::from_slice(bytes);
            let unread = |error| Failure::infra(format!("read a recording: {error}"));
            recording.map(|recording| rendered(&recording)).map_err(unread)
        };
        Ok(Self { end, guests: recordings.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// The failure, if it was no run of the scenario: nothing can be said of what the scenario does.
    pub(in crate::cli) fn was_none(&self) -> Option<Failure> {
        match &self.end {
            End::Failed(class, ..) if is_none(*class) => Some(Failure::new(*class, self.end.text())),
            _ => None,
        }
    }

    /// Whether nothing was recorded.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    /// How it failed, if it did.
    pub(in crate::cli) fn failure(&self) -> Option<String> {
        matches!(self.end, End::Failed(..)).then(|| self.end.text())
    }

    /// How this differs from another, as far as both came where they failed differently. A message of failure, with its paths, does
    /// not count: its class does.
    pub(in crate::cli) fn differences(&self, them: &Self, channels: &[Channel]) -> Differences {
        let ends = (self.end.kind() != them.end.kind()).then(|| [self.end.text(), them.end.text()]);
        let mut found = Vec::new();
        for guest in 0..self.guests.len().max(them.guests.len()) {
            for channel in channels {
                let [one, other] = [self, them].map(|observed| observed.said(guest, *channel));
                let (one, other) = match (&self.end, &them.end) {
                    (End::Failed(class, ..), End::Failed(other_class, ..)) if class != other_class => {
                        (as_far_as(other, one), as_far_as(one, other))
                    }
                    (End::Failed(..), End::Passed) => (one, as_far_as(one, other)),
                    (End::Passed, End::Failed(..)) => (as_far_as(other, one), other),
                    _ => (one, other),
                };
                if one != other {
                    let difference = similar::TextDiff::from_lines(one, other);
                    let text = difference.unified_diff().missing_newline_hint(false).to_string();
                    found.push((guest + 1, *channel, text));
                }
            }
        }
        // What was skipped has nothing to compare.
        let skipped = [self, them].iter().any(|observed| matches!(observed.end, End::Skipped(_)));
        Differences { ends, channels: if skipped { Vec::new() } else { found } }
    }

    fn said(&self, guest: usize, channel: Channel) -> &str {
        let number = Channel::ALL.iter().position(|other| *other == channel);
        let said = self.guests.get(guest).zip(number).and_then(|(channels, number)| channels.get(number));
        said.map_or("", String::as_str)
    }
}

/// The part of a channel that is about as many steps as another, which was cut short, has come to.
fn as_far_as<'a>(short: &str, whole: &'a str) -> &'a str {
    let is_heading = |line: &&str| line.starts_with("## ");
    let mut steps = short.lines().filter(is_heading).count();
    let lines = whole.split_inclusive('\n').take_while(|line| match (is_heading(line), steps) {
        (true, 0) => false,
        (true, _) => {
            steps -= 1;
            true
        }
        (false, _) => true,
    });
    &whole[..lines.map(str::len).sum()]
}

/// Whether what failed so was no run of the scenario.
fn is_none(class: Class) -> bool {
    matches!(class, Class::Infra | Class::Usage | Class::Boot)
}

/// What a recording says, channel by channel. It takes a small part of the recording's memory.
fn rendered(recording: &Recording) -> Vec<String> {
    let redaction = Redaction::of(recording);
    Channel::ALL.iter().map(|channel| channel.render(&recording.steps, &redaction)).collect()
}

impl End {
    /// What counts when two are compared.
    fn kind(&self) -> (u8, Option<Class>) {
        match self {
            Self::Passed => (0, None),
            Self::Skipped(_) => (1, None),
            Self::Failed(class, ..) => (2, Some(*class)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Passed => "passes".into(),
            Self::Skipped(reason) => format!("is skipped: {reason}"),
            Self::Failed(class, said, evidence) => {
                let evidence = evidence.as_ref().map(|folder| format!(" (evidence: {})", folder.display()));
                format!("fails, {class}: {}{}", first_line(*class, said), evidence.unwrap_or_default())
            }
        }
    }
}

impl Differences {
    /// Whether there are none.
    pub(in crate::cli) fn are_none(&self) -> bool {
        self.ends.is_none() && self.channels.is_empty()
    }

    /// They as a patch shows them, between two machines of these names; nothing where there are none.
    pub(in crate::cli) fn text(&self, scenario: &str, [one, other]: [&str; 2]) -> Option<String> {
        if self.are_none() {
            return None;
        }
        let mut text = String::new();
        if let Some([first, second]) = &self.ends {
            text.push_str(&format!("{scenario}\n- {one}: {first}\n+ {other}: {second}\n\n"));
        }
        for (guest, channel, difference) in &self.channels {
            let guest = if *guest == 1 { String::new() } else { format!(", guest {guest}") };
            text.push_str(&format!(
                "--- {scenario}, {channel}{guest}\t{one}\n+++ {scenario}, {channel}{guest}\t{other}\n"
            ));
            text.push_str(&format!("{}\n\n", difference.trim_end()));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use mdlab_protocol::{Event, KernelMessage, Observation, What};

    use super::*;
    use crate::recording::{MachineId, Step};

    fn observed(end: End, messages: &[&str]) -> Observed {
        let event = |text: &&str| {
            let (level, facility, sequence, stamp) = (6, 0, 1, 1);
            let (text, properties) = ((*text).to_owned(), Vec::new());
            Event { at: 1, what: What::Kernel(KernelMessage { level, facility, sequence, stamp, text, properties }) }
        };
        let events = messages.iter().map(event).collect();
        let step = Step { events, ..step("stop", Some(Observation::default())) };
        Observed { end, guests: vec![rendered(&recording(vec![step]))] }
    }

    fn step(label: &str, after: Option<Observation>) -> Step {
        Step { label: label.into(), given: false, commands: Vec::new(), events: Vec::new(), after }
    }

    fn recording(steps: Vec<Step>) -> Recording {
        Recording { machine: MachineId { kernel: "6.1".into(), mdadm: "4.2".into(), accel: "tcg".into() }, steps }
    }

    #[test]
    fn what_differs_reads_as_a_patch() {
        let one = observed(End::Passed, &["md: md0 stopped.", "md: bye"]);
        let other = observed(
            End::Failed(Class::Tool, "noise\n  tool: no end\n".into(), Some("/evidence".into())),
            &["md: md0 stopped."],
        );
        let differences = one.differences(&other, &Channel::ALL);
        insta::assert_snapshot!(differences.text("stop::stops", ["Linux 6.1", "Linux 6.12"]).unwrap());
        assert!(one.differences(&one, &Channel::ALL).are_none());
        assert!(one.differences(&other, &[Channel::State]).channels.is_empty());
        assert_eq!(other.failure().as_deref(), Some("fails, tool: no end (evidence: /evidence)"));
        assert!(other.was_none().is_none());
    }

    /// The steps that it did not come to are no difference of md's.
    #[test]
    fn what_failed_is_compared_as_far_as_it_came() {
        let whole = "## create\nmd: one\n\n## stop\nmd: two\n\n## assemble\nmd: three\n\n";
        let (two, _) = whole.split_at(whole.find("## assemble").unwrap());
        assert_eq!(as_far_as("## create\nmd: 1\n\n## stop\n", whole), two);
        assert_eq!((as_far_as("", whole), as_far_as(whole, whole)), ("", whole));
        let channels = |text: &str| vec![Channel::ALL.map(|_| text.to_owned()).to_vec()];
        let passed = Observed { end: End::Passed, guests: channels(whole) };
        let failed = Observed { end: End::Failed(Class::Tool, "tool: no".into(), None), guests: channels(two) };
        let elsewhere =
            Observed { end: End::Failed(Class::Kernel, "kernel: no".into(), None), guests: channels(whole) };
        for (one, other) in [(&passed, &failed), (&failed, &passed), (&failed, &elsewhere), (&elsewhere, &failed)] {
            let Differences { ends, channels } = one.differences(other, &Channel::ALL);
            assert!(ends.is_some() && channels.is_empty(), "{channels:?}");
        }
        // In the same way, but later.
        let later = Observed { end: End::Failed(Class::Tool, "tool: no".into(), None), guests: channels(whole) };
        assert_eq!(failed.differences(&later, &[Channel::Dmesg]).channels.len(), 1);
    }

    /// Nobody looked at the arrays after it: that is no difference of theirs.
    #[test]
    fn a_step_that_was_cut_short_has_no_state() {
        let created = || step("create", Some(Observation::default()));
        let array = Observation { mdstat: Some("md0 : active".into()), ..Observation::default() };
        let whole = rendered(&recording(vec![created(), step("add", Some(array))]));
        let short = rendered(&recording(vec![created(), step("add", None)]));
        let passed = Observed { end: End::Passed, guests: vec![whole] };
        let failed = Observed { end: End::Failed(Class::Tool, "tool: no".into(), None), guests: vec![short] };
        assert_eq!(passed.differences(&failed, &Channel::ALL).channels, []);
    }

    /// Of what is given nothing is shown, unless it failed.
    #[test]
    fn what_was_given_counts_where_it_was_cut_short() {
        let given = |after: Option<Observation>, what: &str| {
            let lost = Event { at: 1, what: What::Lost(what.into()) };
            let given = Step { given: true, events: vec![lost], ..step("given", after) };
            let channels = rendered(&recording(vec![given]));
            Observed { end: End::Failed(Class::Tool, "tool: no".into(), None), guests: vec![channels] }
        };
        let differ = |after: fn() -> Option<Observation>| {
            let (one, other) = (given(after(), "one"), given(after(), "two"));
            !one.differences(&other, &[Channel::Dmesg]).are_none()
        };
        assert!(differ(|| None));
        assert!(!differ(|| Some(Observation::default())));
    }

    #[test]
    fn of_what_was_skipped_nothing_is_compared() {
        let skipped = Observed { end: End::Skipped("no linear".into()), guests: Vec::new() };
        let differences = skipped.differences(&observed(End::Passed, &["md: bye"]), &Channel::ALL);
        let text = differences.text("levels::linear", ["Linux 6.12", "Linux 6.1"]).unwrap();
        assert_eq!(text, "levels::linear\n- Linux 6.12: is skipped: no linear\n+ Linux 6.1: passes\n\n");
    }
}
