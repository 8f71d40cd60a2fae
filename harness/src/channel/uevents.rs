//! What the kernel and udev announced.

use mdlab_protocol::{Uevent, UeventSource, What};

use crate::recording::Step;
use crate::redaction::Redaction;

/// Properties that every uevent has; they are in its first line, or say nothing more.
const PLAIN: [&str; 9] =
    ["ACTION", "DEVPATH", "SUBSYSTEM", "SEQNUM", "DEVNAME", "DEVTYPE", "MAJOR", "MINOR", "DEVMODE"];

pub(super) fn render(step: &Step, redaction: &Redaction) -> String {
    let mut events: Vec<&Uevent> = step
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Uevent(uevent) => Some(uevent),
            _ => None,
        })
        .collect();
    if redaction.sorts() {
        // udev works on several devices at once, and the order in which it is done with them means nothing.
        events.sort_by_key(|event| (sequence(event), event.source == UeventSource::Udev));
    }
    events.iter().map(|event| lines(event, redaction)).collect()
}

fn lines(event: &Uevent, redaction: &Redaction) -> String {
    let mut text = title(event, redaction) + "\n";
    let mut properties: Vec<_> = event.properties.iter().filter(|(name, _)| !PLAIN.contains(&name.as_str())).collect();
    if redaction.sorts() {
        properties.sort();
    }
    for (name, value) in properties {
        if let Some(line) = redaction.property(name, value) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// The line that `udevadm monitor` prints: `KERNEL change /devices/virtual/block/md0 (block)`.
pub(crate) fn title(event: &Uevent, redaction: &Redaction) -> String {
    let source = match event.source {
        UeventSource::Kernel => "KERNEL",
        UeventSource::Udev => "UDEV  ",
    };
    let property = |name: &str| event.properties.iter().find(|(key, _)| key == name).map_or("?", |(_, value)| value);
    let (action, path, subsystem) = (property("ACTION"), property("DEVPATH"), property("SUBSYSTEM"));
    format!("{source} {action:7} {} ({subsystem})", redaction.text(path))
}

fn sequence(event: &Uevent) -> u64 {
    let text = event.properties.iter().find(|(name, _)| name == "SEQNUM");
    text.and_then(|(_, value)| value.parse().ok()).unwrap_or(u64::MAX)
}
