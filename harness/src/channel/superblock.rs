//! Every member's superblock, decoded from its raw bytes, and what changed in it since the step before.

use mdlab_metadata::{Field, FieldValue, Format, Superblock, diff, locations};
use mdlab_protocol::{Member, Observation};

use super::superblocks;
use crate::redaction::Redaction;

pub(super) fn render(after: &Observation, before: Option<&Observation>, redaction: &Redaction) -> String {
    after.members.iter().map(|member| of_member(member, before, redaction)).collect()
}

/// For the story: a line for each superblock that is new or gone, and one for each field that changed.
pub(crate) fn changes_of_all(after: &Observation, before: Option<&Observation>, redaction: &Redaction) -> Vec<String> {
    let nothing = Observation::default();
    let (earlier, later) = (superblocks(before.unwrap_or(&nothing)), superblocks(after));
    let mut lines = Vec::new();
    for (path, format, superblock) in &later {
        match earlier.iter().find(|(other, at, _)| other == path && at == format) {
            None => lines.push(format!("{path}: a superblock {format}, {}", summary(superblock))),
            Some((_, _, before)) => {
                let changed = changed_fields(before, superblock, redaction);
                lines.extend(changed.iter().map(|line| format!("{path}: {line}")));
            }
        }
    }
    let kept = |gone: &(&str, Format, _)| later.iter().any(|(path, at, _)| *path == gone.0 && *at == gone.1);
    lines
        .extend(earlier.iter().filter(|gone| !kept(gone)).map(|(path, format, _)| format!("{path}: {format} is gone")));
    lines
}

fn summary(superblock: &Superblock) -> String {
    let sum = if superblock.checksum().is_valid() { "valid" } else { "WRONG" };
    format!("events {}, checksum {sum}", superblock.events())
}

fn of_member(member: &Member, before: Option<&Observation>, redaction: &Redaction) -> String {
    let earlier = before.and_then(|before| before.members.iter().find(|earlier| earlier.path == member.path));
    let mut text = String::new();
    for location in locations(member.bytes) {
        let title = format!("{} {} at {} bytes", member.path, location.format, location.offset);
        match (earlier.and_then(|earlier| read(earlier, location.format)), read(member, location.format)) {
            (None, None) => {}
            (Some(Ok(before)), Some(Ok(after))) => text.push_str(&changes(&title, &before, &after, redaction)),
            (_, Some(Ok(after))) => text.push_str(&whole(&title, &after, redaction)),
            (_, Some(Err(error))) => text.push_str(&format!("{title}: {error}\n")),
            (Some(_), None) => text.push_str(&format!("{title}: gone\n")),
        }
    }
    if text.is_empty() { format!("{}: no superblock\n", member.path) } else { text }
}

fn read(member: &Member, format: Format) -> Option<Result<Superblock, String>> {
    let offset = format.offset(member.bytes)?;
    let region = member.superblocks.iter().find(|region| region.offset == offset)?;
    Some(Superblock::decode(format, &region.bytes).map_err(|error| error.to_string()))
}

fn whole(title: &str, superblock: &Superblock, redaction: &Redaction) -> String {
    let line = |field: &Field| format!("    {:18} {}\n", field.name, redaction.value(&field.name, &field.value));
    format!("{title}\n{}", superblock.fields().iter().map(line).collect::<String>())
}

fn changes(title: &str, before: &Superblock, after: &Superblock, redaction: &Redaction) -> String {
    let lines: String = changed_fields(before, after, redaction).iter().map(|line| format!("    {line}\n")).collect();
    if lines.is_empty() { format!("{title}: as before\n") } else { format!("{title}, changed\n{lines}") }
}

/// The fields that differ, as far as they still do when redacted: that a time passed is no change.
fn changed_fields(before: &Superblock, after: &Superblock, redaction: &Redaction) -> Vec<String> {
    let side = |name: &str, value: Option<&FieldValue>| {
        value.map_or_else(|| "absent".to_owned(), |value| redaction.value(name, value))
    };
    let changes = diff(before, after);
    let sides = changes.iter().map(|change| {
        (&change.name, side(&change.name, change.before.as_ref()), side(&change.name, change.after.as_ref()))
    });
    let changed = sides.filter(|(_, before, after)| before != after);
    changed.map(|(name, before, after)| format!("{name:18} {before} -> {after}")).collect()
}
