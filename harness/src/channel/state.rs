//! `/proc/mdstat`, sysfs, device nodes and links: all of it at first, then what changed since the step before.

use std::collections::{BTreeMap, BTreeSet};

use mdlab_protocol::{Attribute, Node, NodeKind, Observation};
use nix::errno::Errno;

use crate::redaction::Redaction;

const MDSTAT: &str = "/proc/mdstat";

pub(super) fn render(after: &Observation, before: Option<&Observation>, redaction: &Redaction) -> String {
    let after = lines(after, redaction);
    match before {
        None => after.iter().map(|(name, value)| whole(name, value)).collect(),
        Some(before) => changes(&lines(before, redaction), &after),
    }
}

/// What reads what, sorted by name. A link reads nothing: its target is part of its name, for redacted ones may share theirs.
type Lines = BTreeMap<String, Option<String>>;

fn lines(observation: &Observation, redaction: &Redaction) -> Lines {
    let mdstat = observation.mdstat.as_ref().map_or("md is not loaded".into(), |mdstat| redaction.text(mdstat));
    let attributes = observation.attributes.iter().map(|attribute| {
        let value = of_attribute(attribute, syncs(observation, &attribute.path), redaction);
        (attribute.path.clone(), Some(value))
    });
    let nodes = observation.nodes.iter().filter(|node| !redaction.omits_link(&node.path));
    let nodes = nodes.map(|node| of_node(node, redaction));
    let mdstat = [(MDSTAT.to_owned(), Some(mdstat.trim_end().to_owned()))];
    attributes.chain(nodes).chain(mdstat).collect()
}

fn changes(before: &Lines, after: &Lines) -> String {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut gone = String::new();
    let lines = names.into_iter().filter_map(|name| match (before.get(name), after.get(name)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(Some(old)), Some(Some(new))) if !old.contains('\n') && !new.contains('\n') => {
            Some(format!("{name} = {old} -> {new}\n"))
        }
        (_, Some(new)) => Some(whole(name, new)),
        (Some(_), None) => {
            let folder = lost_folder(name, after);
            // Said once for all that was in it.
            let first = folder != gone;
            gone.clone_from(&folder);
            first.then(|| format!("{folder} is gone\n"))
        }
        (None, None) => None,
    });
    let text: String = lines.collect();
    if text.is_empty() { "as before\n".to_owned() } else { text }
}

/// The outermost folder of `name` of which nothing is left, or `name` itself.
fn lost_folder(name: &str, after: &Lines) -> String {
    let path = name.split(" -> ").next().unwrap_or(name);
    let mut folders = path.match_indices('/').map(|(at, _)| &path[..=at]).filter(|folder| *folder != "/");
    let lost = |folder: &&str| {
        let next = after.range((*folder).to_owned()..).next();
        next.is_none_or(|(name, _)| !name.starts_with(*folder))
    };
    folders.find(lost).unwrap_or(name).to_owned()
}

fn whole(name: &str, value: &Option<String>) -> String {
    let Some(value) = value else { return format!("{name}\n") };
    if !value.contains('\n') {
        return format!("{name} = {value}").trim_end().to_owned() + "\n";
    }
    let lines = value.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n");
    format!("{name}\n{}", lines.collect::<String>())
}

/// Whether a resync or one of its kin is under way on the array that an attribute belongs to.
fn syncs(observation: &Observation, path: &str) -> bool {
    let action = path.split('/').next().map(|array| format!("{array}/md/sync_action"));
    let action = observation.attributes.iter().find(|attribute| Some(&attribute.path) == action.as_ref());
    action.is_some_and(|action| action.value.as_deref() != Ok("idle"))
}

/// Whether a resync or one of its kin is under way on any array.
pub(crate) fn syncs_anywhere(observation: &Observation) -> bool {
    observation.attributes.iter().any(|attribute| {
        attribute.path.ends_with("/md/sync_action") && attribute.value.as_deref().map(str::trim_end) != Ok("idle")
    })
}

fn of_attribute(attribute: &Attribute, syncs: bool, redaction: &Redaction) -> String {
    match &attribute.value {
        Ok(value) => redaction.attribute(&attribute.path, value.trim_end(), syncs),
        Err(error) => format!("{:?}", Errno::from_raw(*error)),
    }
}

fn of_node(node: &Node, redaction: &Redaction) -> (String, Option<String>) {
    let path = redaction.text(&node.path);
    match &node.kind {
        NodeKind::Block { major, minor, mode, uid, gid } => {
            (path, Some(format!("block {major}:{minor} mode {mode:o} owner {uid}:{gid}")))
        }
        NodeKind::Link(target) => (format!("{path} -> {}", redaction.text(target)), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(attributes: &[(&str, &str)]) -> Observation {
        let attribute = |(path, value): &(&str, &str)| Attribute { path: (*path).into(), value: Ok((*value).into()) };
        Observation {
            mdstat: Some("unused devices: <none>\n".into()),
            attributes: attributes.iter().map(attribute).collect(),
            ..Observation::default()
        }
    }

    #[test]
    fn what_changed_is_shown_and_a_lost_folder_once() {
        let before = observation(&[
            ("md0/md/degraded", "0"),
            ("md0/md/dev-loop0/state", "in_sync"),
            ("md0/md/dev-loop1/slot", "1"),
            ("md0/md/dev-loop1/state", "in_sync"),
        ]);
        let degraded = observation(&[("md0/md/degraded", "1"), ("md0/md/dev-loop0/state", "in_sync")]);
        let redaction = Redaction::none();
        assert_eq!(
            render(&degraded, Some(&before), &redaction),
            "md0/md/degraded = 0 -> 1\nmd0/md/dev-loop1/ is gone\n"
        );
        assert_eq!(render(&before, Some(&before), &redaction), "as before\n");
        assert_eq!(render(&observation(&[]), Some(&before), &redaction), "md0/ is gone\n");
        assert!(render(&degraded, None, &redaction).contains("md0/md/degraded = 1\n"));
    }
}
