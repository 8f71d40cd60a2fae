//! The five channels of a recording, each rendered as text that a person can review.

use std::fmt;

use mdlab_metadata::{Format, Superblock, locations};
use mdlab_protocol::Observation;

use crate::printable::printable;
use crate::recording::Step;
use crate::redaction::Redaction;

pub(crate) mod call;
mod dmesg;
mod state;
mod superblock;
mod syscalls;
pub(crate) mod uevents;

pub(crate) use state::syncs_anywhere;
pub(crate) use superblock::changes_of_all as superblock_changes;
pub(crate) use syscalls::of_process;

/// One way to look at what happened; a snapshot file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Command lines, how they ended, what they wrote, and the system calls that decide something.
    Syscalls,
    /// Every kernel message.
    Dmesg,
    /// What the kernel and udev announced.
    Uevents,
    /// Every member's superblock, and what changed in it.
    Superblock,
    /// `/proc/mdstat`, sysfs, device nodes and links, and what changed in them.
    State,
}

impl Channel {
    /// All of them, in the order in which they are compared.
    pub const ALL: [Self; 5] = [Self::Syscalls, Self::Dmesg, Self::Uevents, Self::Superblock, Self::State];

    /// Its name, and that of its snapshot file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syscalls => "syscalls",
            Self::Dmesg => "dmesg",
            Self::Uevents => "uevents",
            Self::Superblock => "superblock",
            Self::State => "state",
        }
    }

    /// Renders all steps but those that only prepared something: of them it counts what they left behind, and where nobody
    /// could look, all that was recorded of them.
    pub fn render(self, steps: &[Step], redaction: &Redaction) -> String {
        let mut text = String::new();
        let mut before = None;
        for step in steps {
            let after = step.after.as_ref();
            if step.given && after.is_some() {
                before = after;
                continue;
            }
            let lines = match self {
                Self::Syscalls => Some(syscalls::render(step, redaction)),
                Self::Dmesg => Some(dmesg::render(step, redaction)),
                Self::Uevents => Some(uevents::render(step, redaction)),
                // Of a step that was cut short they have nothing to say.
                Self::Superblock => after.map(|after| superblock::render(after, before, redaction)),
                Self::State => after.map(|after| state::render(after, before, redaction)),
            };
            if let Some(lines) = lines {
                text.push_str(&format!("## {}\n{}\n", step.label, lines));
            }
            before = after;
        }
        printable(&text).into_owned()
    }
}

/// How things stand, as the channel of that name says it: what changed, or all of it where there was nothing before.
pub(crate) fn standing(after: &Observation, before: Option<&Observation>) -> String {
    printable(&state::render(after, before, &Redaction::none())).into_owned()
}

/// What changed in arrays, members and nodes between two looks at them, a line each.
pub(crate) fn differences(before: &Observation, after: &Observation) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let redaction = Redaction::none();
    let mut lines: Vec<String> = state::render(after, Some(before), &redaction).lines().map(str::to_owned).collect();
    lines.extend(superblock_changes(after, Some(before), &redaction));
    lines
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every superblock that was found: the member, the format whose place it lies in, and what it says.
pub(crate) fn superblocks(observation: &Observation) -> Vec<(&str, Format, Superblock)> {
    let mut found = Vec::new();
    for member in &observation.members {
        for location in locations(member.bytes) {
            let region = member.superblocks.iter().find(|region| region.offset == location.offset);
            let decoded = region.map(|region| Superblock::decode(location.format, &region.bytes));
            if let Some(Ok(superblock)) = decoded {
                found.push((member.path.as_str(), location.format, superblock));
            }
        }
    }
    found
}
