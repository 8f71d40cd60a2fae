//! One scenario's recordings as the page shows them: what can be said in Rust is said here, and the page only draws.

use mdlab_metadata::{Format, Superblock, diff};
use mdlab_protocol::{Attribute, Event, Observation, What};
use nix::errno::Errno;
use serde::Serialize;

use crate::channel::{call, of_process, standing, superblock_changes, superblocks, uevents};
use crate::printable::printable;
use crate::recording::{Command, Recording, Step};
use crate::redaction::Redaction;

/// A guest's recording.
#[derive(Serialize)]
pub(super) struct Tale {
    /// Which of the scenario's guests it is of.
    guest: u32,
    machine: String,
    steps: Vec<Chapter>,
}

/// A step.
#[derive(Serialize)]
struct Chapter {
    label: String,
    given: bool,
    commands: Vec<Order>,
    events: Vec<Record>,
    /// How things stood afterwards.
    after: Option<Standing>,
}

#[derive(Serialize)]
struct Order {
    line: String,
    ending: String,
    failed: bool,
    answer: Option<String>,
    output: String,
}

/// Something that happened, in one of the lanes.
#[derive(Serialize)]
struct Record {
    /// Nanoseconds of virtual time.
    at: u64,
    lane: Lane,
    text: String,
    /// What is shown of it when asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    more: String,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Lane {
    Call,
    Kernel,
    Uevent,
}

/// How things stood after a step.
#[derive(Serialize)]
struct Standing {
    /// What changed, or all of it at first.
    state: String,
    arrays: Vec<Array>,
    /// What became of superblocks, a line each: some are gone, and are not drawn.
    said: String,
    superblocks: Vec<Block>,
}

/// An array as sysfs shows it.
#[derive(Serialize)]
struct Array {
    name: String,
    attributes: Vec<(String, String)>,
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    name: String,
    slot: String,
    state: String,
}

/// A superblock.
#[derive(Serialize)]
struct Block {
    device: String,
    format: Format,
    offset: u64,
    /// In hexadecimal, without the zeros at its end.
    bytes: String,
    /// Which of them are not as they were after the step before.
    changed: Vec<usize>,
    fields: Vec<Field>,
    valid: bool,
}

#[derive(Serialize)]
struct Field {
    name: String,
    offset: usize,
    width: usize,
    value: String,
    meaning: String,
    /// What it was before, if it was otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

impl Tale {
    pub(super) fn of(recording: &Recording, guest: u32) -> Self {
        let mut before = None;
        let chapters = recording.steps.iter().map(|step| {
            let chapter = chapter(step, before);
            before = step.after.as_ref().or(before);
            chapter
        });
        Self { guest, steps: chapters.collect(), machine: recording.machine.to_string() }
    }
}

fn chapter(step: &Step, before: Option<&Observation>) -> Chapter {
    Chapter {
        label: step.label.clone(),
        given: step.given,
        commands: step.commands.iter().map(order).collect(),
        events: step.events.iter().filter_map(record).collect(),
        after: step.after.as_ref().map(|after| Standing {
            state: shown(standing(after, before).trim_end()),
            said: shown(&superblock_changes(after, before, &Redaction::none()).join("\n")),
            arrays: arrays(after),
            superblocks: blocks(after, before),
        }),
    }
}

fn order(command: &Command) -> Order {
    let said = [command.output.stdout.as_slice(), &command.output.stderr].concat();
    let ending = command.ending();
    Order {
        line: shown(&command.line()),
        failed: command.exit.is_some() && ending != "exit 0",
        ending,
        answer: command.answer.clone(),
        output: match command.output.cut {
            0 => shown(&String::from_utf8_lossy(&said)),
            cut => format!("{}\n[{cut} more bytes]", shown(&String::from_utf8_lossy(&said)).trim_end()),
        },
    }
}

fn record(event: &Event) -> Option<Record> {
    let redaction = &Redaction::none();
    let (lane, text, more) = match &event.what {
        What::Syscall(syscall) => (Lane::Call, call::line(syscall, redaction), format!("process {}", syscall.pid)),
        What::Process(process) => (Lane::Call, of_process(process, redaction)?, String::new()),
        What::Files { pid, closing, before, after } => {
            let names = |files: &[mdlab_protocol::Descriptor]| {
                files.iter().map(|file| format!("\n  {}", call::descriptor(file, redaction))).collect::<String>()
            };
            let more = format!("open before:{}\nopen after:{}", names(before), names(after));
            (Lane::Call, format!("{pid} closes {closing}: its open files"), more)
        }
        What::Kernel(message) => {
            let properties = message.properties.iter().map(|(name, value)| format!("\n{name}={value}"));
            let more = format!("level {}, {} us{}", message.level, message.stamp, properties.collect::<String>());
            (Lane::Kernel, message.text.clone(), more)
        }
        What::Uevent(uevent) => {
            let properties = uevent.properties.iter().map(|(name, value)| format!("{name}={value}"));
            // All of its path is among the properties.
            let title = uevents::title(uevent, redaction).replace("/devices/virtual/", "");
            (Lane::Uevent, title, properties.collect::<Vec<_>>().join("\n"))
        }
        What::Lost(what) => (Lane::Kernel, format!("LOST: {what}"), String::new()),
    };
    Some(Record { at: event.at, lane, text: shown(&text), more: shown(&more) })
}

/// What a guest says, spelled as it is wherever else it is shown.
fn shown(text: &str) -> String {
    printable(text).into_owned()
}

/// The attributes that the drawing shows.
const SHOWN: [&str; 8] = [
    "level",
    "raid_disks",
    "array_state",
    "sync_action",
    "degraded",
    "metadata_version",
    "chunk_size",
    "component_size",
];

fn arrays(after: &Observation) -> Vec<Array> {
    let value = |path: &str| after.attributes.iter().find(|attribute| attribute.path == path).map(read);
    let names = after.attributes.iter().filter_map(|attribute| attribute.path.strip_suffix("/md/array_state"));
    let array = |name: &str| {
        let folder = format!("{name}/md/dev-");
        let members = after.attributes.iter().filter_map(|attribute| {
            let member = attribute.path.strip_prefix(&folder)?.strip_suffix("/slot")?;
            let of = |what: &str| value(&format!("{folder}{member}/{what}")).unwrap_or_default();
            let (slot, state) = (of("slot"), of("state"));
            let state = if state.is_empty() { "state unknown".into() } else { state };
            Some(Member { name: member.to_owned(), slot, state })
        });
        let shown = SHOWN.iter().filter_map(|what| Some((what.to_string(), value(&format!("{name}/md/{what}"))?)));
        Array { name: name.to_owned(), attributes: shown.collect(), members: members.collect() }
    };
    names.map(array).collect()
}

/// What an attribute said; where it could not be read, the name of the error, which is no state of a healthy member.
fn read(attribute: &Attribute) -> String {
    let error = |error: &i32| format!("{:?}", Errno::from_raw(*error));
    attribute.value.as_ref().map_or_else(error, |value| shown(value.trim()))
}

fn blocks(after: &Observation, before: Option<&Observation>) -> Vec<Block> {
    let earlier = before.map(superblocks).unwrap_or_default();
    let block = |(device, format, superblock): (&str, Format, Superblock)| {
        let old = earlier.iter().find(|(other, at, _)| *other == device && *at == format);
        let changes = old.map(|(_, _, old)| diff(old, &superblock)).unwrap_or_default();
        let fields = superblock.fields().into_iter().map(|field| {
            let change = changes.iter().find(|change| change.name == field.name);
            let before = change.map(|change| change.before.as_ref().map_or("absent".into(), ToString::to_string));
            let meaning = superblock.meaning(&field.name).unwrap_or_default().replace(['[', ']', '`'], "");
            let (name, value) = (field.name.into_owned(), field.value.to_string());
            Field { name, offset: field.offset, width: field.width, value, meaning, before }
        });
        let bytes = superblock.to_bytes();
        let old = old.map(|(_, _, old)| old.to_bytes());
        let differs = |at: &usize| old.as_ref().is_some_and(|old| old[*at] != bytes[*at]);
        let changed = (0..bytes.len()).filter(differs).collect();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let size = after.members.iter().find(|member| member.path == device).map_or(0, |member| member.bytes);
        Block {
            device: device.to_owned(),
            format,
            offset: format.offset(size).unwrap_or_default(),
            changed,
            bytes: bytes[..used].iter().map(|byte| format!("{byte:02x}")).collect(),
            fields: fields.collect(),
            valid: superblock.checksum().is_valid(),
        }
    };
    superblocks(after).into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_cannot_be_read_is_not_drawn_healthy() {
        let attribute = |path: &str, value| Attribute { path: format!("md0/md/{path}"), value };
        let attributes = vec![
            attribute("array_state", Ok("clean\n".into())),
            attribute("dev-loop0/slot", Ok("0\n".into())),
            attribute("dev-loop0/state", Err(nix::libc::EIO)),
            attribute("dev-loop1/slot", Ok("1\n".into())),
        ];
        let [array] = &arrays(&Observation { attributes, ..Observation::default() })[..] else { panic!("one array") };
        let states = array.members.iter().map(|member| (member.slot.as_str(), member.state.as_str()));
        assert_eq!(states.collect::<Vec<_>>(), [("0", "EIO"), ("1", "state unknown")]);
    }
}
