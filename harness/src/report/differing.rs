//! Differences from a snapshot, step by step, so that each is shown where it happened.

use serde::Serialize;

use crate::channel::Channel;
use crate::outcome::Difference;
use crate::recording::Recording;
use crate::redaction::Redaction;

/// How a channel differs from its snapshot.
#[derive(Serialize)]
pub(super) struct Differing {
    channel: String,
    snapshot: String,
    guest: u32,
    steps: Vec<Part>,
}

/// The lines of one step.
#[derive(Debug, PartialEq, Serialize)]
struct Part {
    label: String,
    /// Which of the steps of this label it is, from 0 on.
    turn: usize,
    lines: Vec<String>,
}

impl Differing {
    /// Of a difference, and what was recorded if it is known.
    pub(super) fn of(difference: &Difference, recording: Option<&Recording>) -> Self {
        let channel = Channel::ALL.into_iter().find(|channel| channel.name() == difference.channel);
        let render = |recording: &Recording| Some(channel?.render(&recording.steps, &Redaction::of(recording)));
        let now = recording.and_then(render).unwrap_or_default();
        let snapshot = difference.snapshot.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (channel, guest) = (difference.channel.clone(), difference.guest);
        Self { channel, snapshot, guest, steps: parts(&difference.unified, &now) }
    }
}

/// Cuts what `diff -u` shows where a step begins; `now` is the newer text.
fn parts(unified: &str, now: &str) -> Vec<Part> {
    let headings: Vec<Option<&str>> = now.lines().map(|line| line.strip_prefix("## ")).collect();
    let before = |line: usize, label: &str| headings.iter().take(line).filter(|known| **known == Some(label)).count();
    let step_at = |line: usize| {
        let label = headings.iter().take(line).rev().find_map(|heading| *heading).unwrap_or_default();
        (label.to_owned(), before(line, label).saturating_sub(1))
    };
    let mut parts: Vec<Part> = Vec::new();
    // The step of a line, and how many lines of the newer text are before it.
    let (mut step, mut passed) = (step_at(0), 0);
    // Before the first hunk both files are named.
    for line in unified.lines().skip_while(|line| !line.starts_with("@@ ")) {
        if let Some(begin) = line.strip_prefix("@@ ").and_then(first_line) {
            (step, passed) = (step_at(begin), begin.saturating_sub(1));
        } else {
            let is_gone = line.starts_with('-');
            passed += usize::from(!is_gone);
            if let Some(heading) = line.get(1..).and_then(|text| text.strip_prefix("## ")) {
                step = if is_gone { (heading.to_owned(), before(headings.len(), heading)) } else { step_at(passed) };
                // A step of another name, or one more or less, is what differs.
                if line.starts_with(' ') {
                    continue;
                }
            }
        }
        match parts.last_mut() {
            Some(part) if part.label == step.0 && part.turn == step.1 => part.lines.push(line.to_owned()),
            _ => parts.push(Part { label: step.0.clone(), turn: step.1, lines: vec![line.to_owned()] }),
        }
    }
    // Context of a neighbour, which says nothing.
    let differs = |part: &Part| part.lines.iter().any(|line| line.starts_with(['+', '-']));
    parts.retain(differs);
    parts
}

/// The line of the newer text with which a hunk begins: `-1,4 +7,6 @@`.
fn first_line(hunk: &str) -> Option<usize> {
    hunk.split_once('+')?.1.split([',', ' ']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_shown_at_its_step() {
        let held = "## create\none\n-- two\n\n## stop\nthree\nfour\n";
        let now = "## create\none\n2\n\n## stop\nthree\nfour\nfive\n";
        let unified = similar::TextDiff::from_lines(held, now).unified_diff().header("held", "now").to_string();
        let parts = parts(&unified, now);
        let labels: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
        assert_eq!(labels, ["create", "stop"]);
        assert!(parts[0].lines.contains(&"--- two".to_owned()) && parts[0].lines.contains(&"+2".to_owned()));
        let renamed = now.replace("## stop", "## halt");
        let unified = similar::TextDiff::from_lines(now, &renamed).unified_diff().to_string();
        let lines = super::parts(&unified, &renamed).into_iter().map(|part| (part.label, part.lines));
        let changed = |lines: Vec<String>| lines.into_iter().filter(|line| !line.starts_with([' ', '@'])).collect();
        let of: Vec<(String, Vec<String>)> = lines.map(|(label, lines)| (label, changed(lines))).collect();
        let part = |label: &str, line: &str| (label.to_owned(), vec![line.to_owned()]);
        assert_eq!(of, [part("stop", "-## stop"), part("halt", "+## halt")]);
        assert_eq!(parts[1].lines.iter().filter(|line| !line.starts_with(' ')).collect::<Vec<_>>(), ["+five"]);
    }

    #[test]
    fn steps_of_one_label_are_told_apart() {
        let held = "## stop\none\n## start\ntwo\n## stop\nthree\n";
        let steps = |now: &str| {
            let unified = similar::TextDiff::from_lines(held, now).unified_diff().header("held", "now").to_string();
            parts(&unified, now).into_iter().map(|part| (part.label, part.turn)).collect::<Vec<_>>()
        };
        let step = |label: &str, turn: usize| (label.to_owned(), turn);
        assert_eq!(steps(&held.replace("three", "3")), [step("stop", 1)]);
        assert_eq!(steps(&held.replace("one", "1")), [step("stop", 0)]);
        assert_eq!(steps(&held.replace("## stop\nthree\n", "")), [step("stop", 1)]);
        // What is gone belongs to none of those that are left.
        assert_eq!(steps(&held.replace("## stop\none\n", "")), [step("stop", 1)]);
    }
}
