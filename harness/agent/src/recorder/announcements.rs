//! Which of the kernel's uevents udev has dealt with.
//!
//! udev announces each event of the kernel again, under the same SEQNUM, when its rules are done and its links made. That
//! tells when it is quiet without asking it: `udevadm settle` looks at /run/udev/queue, which is not there yet before
//! udevd has read the event.

use std::collections::{BTreeMap, BTreeSet};

use mdlab_protocol::{Uevent, UeventSource};

/// Most events that are remembered as announced by udev alone.
const EARLY: usize = 256;

/// Most events that are named when a wait fails.
const NAMED: usize = 4;

/// The events that udev has not announced yet.
#[derive(Default)]
pub(crate) struct Announcements {
    /// `action devpath` by sequence number.
    awaited: BTreeMap<u64, String>,
    /// What udev announced before the kernel did: a socket may get the two in that order.
    early: BTreeSet<u64>,
    /// The highest sequence number that the kernel announced.
    seen: u64,
}

impl Announcements {
    /// Takes note of an event.
    pub(super) fn note(&mut self, uevent: &Uevent) {
        let property = |name: &str| {
            uevent.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        // udev also announces events of its own making, which have no number.
        let Ok(sequence) = property("SEQNUM").parse::<u64>() else { return };
        match uevent.source {
            UeventSource::Kernel => {
                self.seen = self.seen.max(sequence);
                if !self.early.remove(&sequence) {
                    self.awaited.insert(sequence, format!("{} {}", property("ACTION"), property("DEVPATH")));
                }
            }
            UeventSource::Udev => {
                if self.awaited.remove(&sequence).is_none() {
                    self.early.insert(sequence);
                }
                // The kernel's may have been lost; a number that is long past never comes.
                if self.early.len() > EARLY {
                    self.early.pop_first();
                }
            }
        }
    }

    /// Stops waiting for everything up to `sequence`, /sys/kernel/uevent_seqnum: it will not come.
    pub(crate) fn give_up(&mut self, sequence: u64) {
        self.seen = self.seen.max(sequence);
        self.awaited.clear();
    }

    /// What is still to come of the events up to `sequence`, /sys/kernel/uevent_seqnum; `None` when udev is quiet.
    pub(crate) fn missing(&self, sequence: u64) -> Option<String> {
        let mut parts = Vec::new();
        if self.seen < sequence {
            parts.push(format!("the kernel has counted {sequence} events and announced {}", self.seen));
        }
        if !self.awaited.is_empty() {
            let names: Vec<_> =
                self.awaited.iter().take(NAMED).map(|(number, name)| format!("`{name}` ({number})")).collect();
            let more = self.awaited.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            parts.push(format!("udev has not announced {}{more}", names.join(", ")));
        }
        Some(parts.join("; ")).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uevent(source: UeventSource, sequence: u64) -> Uevent {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let properties =
            vec![pair("ACTION", "add"), pair("DEVPATH", "/devices/md0"), pair("SEQNUM", &sequence.to_string())];
        Uevent { source, properties }
    }

    #[test]
    fn udev_is_quiet_when_it_has_announced_everything() {
        let mut announcements = Announcements::default();
        assert_eq!(announcements.missing(0), None);
        assert!(announcements.missing(7).unwrap().contains("counted 7"));
        announcements.note(&uevent(UeventSource::Kernel, 6));
        announcements.note(&uevent(UeventSource::Kernel, 7));
        announcements.note(&uevent(UeventSource::Udev, 7));
        assert_eq!(announcements.missing(7).unwrap(), "udev has not announced `add /devices/md0` (6)");
        announcements.note(&uevent(UeventSource::Udev, 6));
        assert_eq!(announcements.missing(7), None);
    }

    #[test]
    fn the_order_of_the_two_announcements_does_not_matter() {
        let mut announcements = Announcements::default();
        announcements.note(&uevent(UeventSource::Udev, 3));
        announcements.note(&uevent(UeventSource::Kernel, 3));
        assert_eq!(announcements.missing(3), None);
    }

    #[test]
    fn what_never_comes_can_be_given_up() {
        let mut announcements = Announcements::default();
        announcements.note(&uevent(UeventSource::Kernel, 6));
        announcements.give_up(8);
        assert_eq!(announcements.missing(8), None);
    }
}
