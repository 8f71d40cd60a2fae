//! Every member's superblock, decoded from its raw bytes, and what changed in it since the step before.

use mdlab_metadata::{Field, FieldValue, Format, Superblock, diff, locations};
use mdlab_protocol::{Member, Observation};

use super::{superblocks, syncs_anywhere};
use crate::redaction::{Origin, Redaction};

/// A superblock as it was found.
struct Found {
    superblock: Superblock,
    /// Whether a resync was under way then.
    syncs: bool,
}

impl Found {
    fn value(&self, name: &str, value: &FieldValue, redaction: &Redaction) -> String {
        redaction.value(Origin { array: self.superblock.uuid(), syncs: self.syncs }, name, value)
    }
}

pub(super) fn render(after: &Observation, before: Option<&Observation>, redaction: &Redaction) -> String {
    after.members.iter().map(|member| of_member(member, after, before, redaction)).collect()
}

/// For the story: a line for each superblock that is new or gone, and one for each field that changed.
pub(crate) fn changes_of_all(after: &Observation, before: Option<&Observation>, redaction: &Redaction) -> Vec<String> {
    let nothing = Observation::default();
    let before = before.unwrap_or(&nothing);
    let (earlier, later) = (all(before), all(after));
    let mut lines = Vec::new();
    for (path, format, found) in &later {
        match earlier.iter().find(|(other, at, _)| other == path && at == format) {
            None => lines.push(format!("{path}: a superblock {format}, {}", summary(found, redaction))),
            Some((_, _, before)) => {
                let changed = changed_fields(before, found, redaction);
                lines.extend(changed.iter().map(|line| format!("{path}: {line}")));
            }
        }
    }
    let kept = |gone: &(&str, Format, _)| later.iter().any(|(path, at, _)| *path == gone.0 && *at == gone.1);
    lines
        .extend(earlier.iter().filter(|gone| !kept(gone)).map(|(path, format, _)| format!("{path}: {format} is gone")));
    lines
}

fn all(observation: &Observation) -> Vec<(&str, Format, Found)> {
    let syncs = syncs_anywhere(observation);
    let found = superblocks(observation).into_iter();
    found.map(|(path, format, superblock)| (path, format, Found { superblock, syncs })).collect()
}

fn summary(found: &Found, redaction: &Redaction) -> String {
    let sum = if found.superblock.checksum().is_valid() { "valid" } else { "WRONG" };
    let events = found.value("events", &FieldValue::Unsigned(found.superblock.events()), redaction);
    format!("events {events}, checksum {sum}")
}

fn of_member(member: &Member, after: &Observation, before: Option<&Observation>, redaction: &Redaction) -> String {
    let earlier = |before: &Observation, format| {
        let member = before.members.iter().find(|earlier| earlier.path == member.path)?;
        read(before, member, format)
    };
    let mut text = String::new();
    for location in locations(member.bytes) {
        let title = format!("{} {} at {} bytes", member.path, location.format, location.offset);
        let earlier = before.and_then(|before| earlier(before, location.format));
        match (earlier, read(after, member, location.format)) {
            (None, None) => {}
            (Some(Ok(before)), Some(Ok(after))) => text.push_str(&changes(&title, &before, &after, redaction)),
            (_, Some(Ok(after))) => text.push_str(&whole(&title, &after, redaction)),
            (_, Some(Err(error))) => text.push_str(&format!("{title}: {error}\n")),
            (Some(_), None) => text.push_str(&format!("{title}: gone\n")),
        }
    }
    if text.is_empty() { format!("{}: no superblock\n", member.path) } else { text }
}

fn read(observation: &Observation, member: &Member, format: Format) -> Option<Result<Found, String>> {
    let offset = format.offset(member.bytes)?;
    let region = member.superblocks.iter().find(|region| region.offset == offset)?;
    let found = |superblock| Found { superblock, syncs: syncs_anywhere(observation) };
    Some(Superblock::decode(format, &region.bytes).map(found).map_err(|error| error.to_string()))
}

fn whole(title: &str, found: &Found, redaction: &Redaction) -> String {
    let line = |field: &Field| format!("    {:18} {}\n", field.name, found.value(&field.name, &field.value, redaction));
    format!("{title}\n{}", found.superblock.fields().iter().map(line).collect::<String>())
}

fn changes(title: &str, before: &Found, after: &Found, redaction: &Redaction) -> String {
    let lines: String = changed_fields(before, after, redaction).iter().map(|line| format!("    {line}\n")).collect();
    if lines.is_empty() { format!("{title}: as before\n") } else { format!("{title}, changed\n{lines}") }
}

/// The fields that differ, as far as they still do when redacted: that a time passed is no change.
fn changed_fields(before: &Found, after: &Found, redaction: &Redaction) -> Vec<String> {
    let side = |found: &Found, name: &str, value: Option<&FieldValue>| {
        value.map_or_else(|| "absent".to_owned(), |value| found.value(name, value, redaction))
    };
    let changes = diff(&before.superblock, &after.superblock);
    let sides = changes.iter().map(|change| {
        let name = &change.name;
        (name, side(before, name, change.before.as_ref()), side(after, name, change.after.as_ref()))
    });
    let changed = sides.filter(|(_, before, after)| before != after);
    changed.map(|(name, before, after)| format!("{name:18} {before} -> {after}")).collect()
}
