//! Kernel messages.

use mdlab_protocol::{Event, KernelMessage, What};

use crate::recording::Step;
use crate::redaction::Redaction;

/// Names of the levels (Documentation/ABI/testing/dev-kmsg).
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

pub(super) fn render(step: &Step, redaction: &Redaction) -> String {
    let lines = redaction.messages(step.events.iter().filter_map(message).collect());
    lines.iter().map(|line| redaction.text(line) + "\n").collect()
}

fn message(event: &Event) -> Option<String> {
    match &event.what {
        What::Kernel(message) => Some(line(message)),
        What::Lost(what) => Some(format!("LOST: {what}")),
        _ => None,
    }
}

/// A message and its level.
fn line(message: &KernelMessage) -> String {
    let level = LEVELS.get(usize::from(message.level)).copied().unwrap_or("?");
    format!("{level:6} {}", message.text.replace('\n', "\n       "))
}
