//! What the kernel and udev announced.

use mdlab_protocol::{Uevent, UeventSource, What};

use crate::recording::Step;
use crate::redaction::Redaction;

/// Properties that every uevent has; they are in its first line, or say nothing more.
const PLAIN: [&str; 9] =
    ["ACTION", "DEVPATH", "SUBSYSTEM", "SEQNUM", "DEVNAME", "DEVTYPE", "MAJOR", "MINOR", "DEVMODE"];

pub(super) fn render(step: &Step, redaction: &Redaction) -> String {
    let events = step.events.iter().filter_map(|event| match &event.what {
        What::Uevent(uevent) => Some(uevent),
        _ => None,
    });
    let events: Vec<&Uevent> = events.collect();
    redaction.uevents(&events).iter().map(|event| lines(event, redaction)).collect()
}

fn lines(event: &Uevent, redaction: &Redaction) -> String {
    let properties = event.properties.iter().filter(|(name, _)| !PLAIN.contains(&name.as_str()));
    let properties = properties.filter_map(|(name, value)| redaction.property(name, value));
    title(event, redaction) + "\n" + &properties.map(|line| format!("    {line}\n")).collect::<String>()
}

/// The line that `udevadm monitor` prints: `KERNEL change /devices/virtual/block/md0 (block)`.
pub(crate) fn title(event: &Uevent, redaction: &Redaction) -> String {
    let source = match event.source {
        UeventSource::Kernel => "KERNEL",
        UeventSource::Udev => "UDEV  ",
    };
    let property = |name: &str| event.property(name).unwrap_or("?");
    let (action, path, subsystem) = (property("ACTION"), property("DEVPATH"), property("SUBSYSTEM"));
    format!("{source} {action:7} {} ({subsystem})", redaction.text(path))
}
