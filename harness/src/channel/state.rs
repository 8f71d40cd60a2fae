//! `/proc/mdstat`, sysfs, device nodes and links.

use mdlab_protocol::{Attribute, Node, NodeKind, Observation};
use nix::errno::Errno;

use crate::redaction::Redaction;

pub(super) fn render(observation: &Observation, redaction: &Redaction) -> String {
    let mut text = String::new();
    match &observation.mdstat {
        Some(mdstat) => text.push_str(&indented("/proc/mdstat", mdstat, redaction)),
        None => text.push_str("md is not loaded\n"),
    }
    text.extend(
        observation
            .attributes
            .iter()
            .map(|attribute| of_attribute(attribute, syncs(observation, &attribute.path), redaction)),
    );
    let mut nodes: Vec<String> = observation.nodes.iter().map(|node| of_node(node, redaction)).collect();
    // Their names may have been redacted.
    nodes.sort();
    text + &nodes.concat()
}

fn indented(title: &str, body: &str, redaction: &Redaction) -> String {
    let body = redaction.text(body.trim_end());
    let lines = body.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n");
    format!("{title}\n{}", lines.collect::<String>())
}

/// Whether a resync or one of its kin is under way on the array that an attribute belongs to.
fn syncs(observation: &Observation, path: &str) -> bool {
    let action = path.split('/').next().map(|array| format!("{array}/md/sync_action"));
    let action = observation.attributes.iter().find(|attribute| Some(&attribute.path) == action.as_ref());
    action.is_some_and(|action| action.value.as_deref() != Ok("idle"))
}

fn of_attribute(attribute: &Attribute, syncs: bool, redaction: &Redaction) -> String {
    match &attribute.value {
        Ok(value) if value.contains('\n') => indented(&attribute.path, value, redaction),
        Ok(value) => {
            let value = redaction.attribute(&attribute.path, value, syncs);
            format!("{} = {value}", attribute.path).trim_end().to_owned() + "\n"
        }
        Err(error) => format!("{} = {:?}\n", attribute.path, Errno::from_raw(*error)),
    }
}

fn of_node(node: &Node, redaction: &Redaction) -> String {
    let path = redaction.text(&node.path);
    match &node.kind {
        NodeKind::Block { major, minor, mode, uid, gid } => {
            format!("{path} block {major}:{minor} mode {mode:o} owner {uid}:{gid}\n")
        }
        NodeKind::Link(target) => format!("{path} -> {}\n", redaction.text(target)),
    }
}
