//! The story of a recording: what was done, and at each system call what it provoked.

use anstyle::{AnsiColor, Style};
use mdlab_protocol::{Event, What};
use serde_json::{Value, json};

use crate::channel::{Channel, call, of_process, superblock_changes, uevents};
use crate::printable::printable;
use crate::recording::{Recording, Step};
use crate::redaction::Redaction;

const TITLE: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const KERNEL: Style = AnsiColor::Yellow.on_default();
const UEVENT: Style = AnsiColor::Green.on_default();
const LATER: Style = Style::new().dimmed();

/// A recording as it is shown to people, and to programs.
pub struct Story<'a> {
    recording: &'a Recording,
    redaction: Redaction,
}

impl<'a> Story<'a> {
    /// The story with every value as it was.
    pub fn raw(recording: &'a Recording) -> Self {
        Self { recording, redaction: Redaction::none() }
    }

    /// The story as snapshots see it.
    pub fn redacted(recording: &'a Recording) -> Self {
        Self { recording, redaction: Redaction::of(recording) }
    }

    /// For the terminal: a timeline for each step, in seconds of virtual time since its first event, with colours as
    /// ANSI sequences.
    pub fn text(&self) -> String {
        let mut text = format!("{TITLE}{}{TITLE:#}\n", printable(&self.recording.machine.to_string()));
        let (mut before, mut since) = (None, None);
        for step in &self.recording.steps {
            text.push_str(&self.step(step, since));
            since = step.events.last().map(|event| event.at).max(since);
            let Some(after) = &step.after else { continue };
            for line in superblock_changes(after, before, &self.redaction) {
                text.push_str(&format!("          {LATER}{}{LATER:#}\n", printable(&line)));
            }
            before = Some(after);
        }
        text
    }

    /// The last step alone, as [`Story::text`] shows it.
    pub(crate) fn last_step(&self) -> String {
        let Some((last, before)) = self.recording.steps.split_last() else { return String::new() };
        let since = before.iter().rev().find_map(|step| step.events.last()).map(|event| event.at);
        self.step(last, since)
    }

    /// For programs: the channels of each step, line by line, and the joined story.
    pub fn json(&self) -> Value {
        let steps = self.recording.steps.iter().enumerate().map(|(index, step)| {
            // A step is rendered with those before it, because the superblock channel shows what changed.
            let channels = Channel::ALL.map(|channel| {
                let lines = |count: usize| channel.render(&self.recording.steps[..count], &self.redaction);
                let (until, before) = (lines(index + 1), lines(index));
                let lines: Vec<&str> = until[before.len()..].lines().skip(1).filter(|line| !line.is_empty()).collect();
                (channel.name().to_owned(), json!(lines))
            });
            let story: Vec<String> =
                step.events.iter().filter_map(|event| self.event(event)).map(|(_, line)| line).collect();
            json!({ "label": step.label, "channels": serde_json::Map::from_iter(channels), "story": story })
        });
        json!({ "machine": self.recording.machine, "steps": steps.collect::<Vec<_>>() })
    }

    /// A step; `since` is when the last event was of those before it.
    fn step(&self, step: &Step, since: Option<u64>) -> String {
        let mut text = format!("\n{TITLE}{}{TITLE:#}\n", printable(&step.label));
        for command in &step.commands {
            let line = printable(&self.redaction.text(&command.line())).into_owned();
            text.push_str(&format!("{COMMAND}$ {line}{COMMAND:#}  {LATER}{}{LATER:#}\n", command.ending()));
            let said = [command.output.stdout.as_slice(), &command.output.stderr].concat();
            let said = self.redaction.text(&String::from_utf8_lossy(&said));
            text.extend(printable(&said).lines().map(|line| format!("  {line}\n")));
            if command.output.cut > 0 {
                text.push_str(&format!("  {LATER}[{} more bytes]{LATER:#}\n", command.output.cut));
            }
        }
        let begin = step.events.iter().map(|event| event.at).find(|at| Some(*at) > since).unwrap_or_default();
        for (first, style, line, count) in self.runs(&step.events) {
            // A call that was under way when the step began is older than it.
            let seconds = (first as f64 - begin as f64) / 1e9;
            let line = printable(&line).replace('\n', "\n          ");
            let times = if count > 1 { format!("  {LATER}[{count} times]{LATER:#}") } else { String::new() };
            text.push_str(&format!("{LATER}{seconds:9.6}{LATER:#} {style}{line}{style:#}{times}\n"));
        }
        text
    }

    /// Events as lines, with when each began; what repeats is said once, with how often.
    fn runs(&self, events: &[Event]) -> Vec<(u64, Style, String, usize)> {
        let mut runs: Vec<(u64, Style, String, usize)> = Vec::new();
        for event in events {
            let Some((style, line)) = self.event(event) else { continue };
            match runs.last_mut() {
                Some((_, _, last, count)) if *last == line => *count += 1,
                _ => runs.push((event.at, style, line, 1)),
            }
        }
        runs
    }

    /// An event as a line; what a call provoked is set in from it.
    fn event(&self, event: &Event) -> Option<(Style, String)> {
        let redaction = &self.redaction;
        Some(match &event.what {
            What::Syscall(call) => (Style::new(), call::line(call, redaction)),
            What::Kernel(message) => (KERNEL, format!("    kernel: {}", redaction.text(&message.text))),
            What::Uevent(uevent) => (UEVENT, format!("    {}", uevents::title(uevent, redaction))),
            What::Process(process) => (LATER, of_process(process, redaction)?),
            What::Files { closing, before, after, .. } => {
                let names = |files: &[mdlab_protocol::Descriptor]| {
                    files.iter().map(|file| call::descriptor(file, redaction)).collect::<Vec<_>>().join(" ")
                };
                (
                    LATER,
                    format!("    open before close({closing}): {}\n    open after: {}", names(before), names(after)),
                )
            }
            What::Lost(what) => (KERNEL, format!("    LOST: {what}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use mdlab_protocol::{Member, Observation, Region};

    use super::*;
    use crate::recording::MachineId;

    #[test]
    fn whoever_packed_a_recording_moves_no_cursor() {
        // A superblock 1.2 of which no more is said than that it is one.
        let mut bytes = [0; 4096];
        bytes[..8].copy_from_slice(&[0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0]);
        let superblocks = vec![Region { offset: 4096, bytes: bytes.to_vec() }];
        let member = Member { path: "/dev/\x1b[2J".into(), bytes: 10 << 20, superblocks };
        let step = Step {
            label: "\x1b[3J".into(),
            given: false,
            commands: vec![],
            events: vec![],
            after: Some(Observation { members: vec![member], ..Observation::default() }),
        };
        let machine = MachineId { kernel: "\x1b[4J".into(), mdadm: "4.2".into(), accel: "tcg".into() };
        let text = Story::raw(&Recording { machine, steps: vec![step] }).text();
        for sequence in ["[2J: a superblock 1.2", "[3J", "[4J"] {
            assert!(text.contains(&format!(r"\u{{1b}}{sequence}")), "{text}");
        }
    }

    #[test]
    fn a_step_s_time_begins_with_what_is_its_own() {
        let lost = |at, what: &str| Event { at, what: What::Lost(what.into()) };
        let step = |events| Step {
            label: "step".into(),
            given: false,
            commands: vec![],
            events,
            after: Some(Observation::default()),
        };
        let machine = MachineId { kernel: "6.1.0".into(), mdadm: "4.2".into(), accel: "tcg".into() };
        // A call of the second step began before another that returned in the first.
        let steps = vec![
            step(vec![lost(1_000_000_000, "first"), lost(3_000_000_000, "second")]),
            step(vec![lost(2_000_000_000, "before"), lost(5_000_000_000, "third"), lost(6_000_000_000, "fourth")]),
        ];
        let text = anstream::adapter::strip_str(&Story::raw(&Recording { machine, steps }).text()).to_string();
        let times: Vec<_> = text.lines().filter_map(|line| line.split_once("     LOST: ")).collect();
        let expected = [(" 0.000000", "first"), (" 2.000000", "second")];
        assert_eq!(times[..2], expected);
        assert_eq!(times[2..], [("-3.000000", "before"), (" 0.000000", "third"), (" 1.000000", "fourth")]);
    }
}
