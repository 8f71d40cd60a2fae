//! What the kernel and udev announce by luck.

use mdlab_protocol::{Uevent, UeventSource};

/// Says that somebody asked for an event.
const ASKED_FOR: &str = "SYNTH_UUID";

/// The uevents of a step, without it.
///
/// udev works on several devices at once, and the order in which it is done with them means nothing: they are sorted by their
/// sequence numbers. It also has the kernel announce a synthetic `change` whenever somebody has written to a device and closed
/// it, unless it is still busy with the one before (Documentation/ABI/testing/sysfs-uevent; the watch of 60-block.rules): how
/// many there are, when, and whether there is one at all, depends on that. They are left out.
///
/// Of disks that are plugged in together udev's rules take up one first, and which it is, is luck: what they say of it is left out.
/// And when udev comes to look at a disk of md's that was added, it may run already or not yet: what it is, the `change` says
/// by which md announces that it runs (`md_run` and `do_md_run` in drivers/md/md.c).
pub(super) fn without_luck(mut events: Vec<Uevent>) -> Vec<Uevent> {
    let is_asked_for = |event: &Uevent| event.property(ASKED_FOR).is_some();
    events.retain(|event| !is_asked_for(event) || event.property("ACTION") != Some("change"));
    for event in events.iter_mut().filter(|event| is_new_array(event) || is_asked_for(event)) {
        event.properties.retain(|(name, _)| LASTING.contains(&name.as_str()));
    }
    events.sort_by_key(|event| (sequence(event), event.source == UeventSource::Udev));
    events.iter_mut().for_each(|event| event.properties.sort());
    events
}

/// What is known of a new disk, whenever udev looks at it.
const LASTING: [&str; 4] = ["ACTION", "DEVPATH", "SUBSYSTEM", "SEQNUM"];

fn is_new_array(event: &Uevent) -> bool {
    let is = |name, value| event.property(name) == Some(value);
    let path = event.property("DEVPATH").unwrap_or_default();
    let disk = path.strip_prefix("/devices/virtual/block/md").is_some_and(|name| !name.contains('/'));
    event.source == UeventSource::Udev && is("ACTION", "add") && disk
}

fn sequence(event: &Uevent) -> u64 {
    event.property("SEQNUM").and_then(|value| value.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_udev_asks_for_itself_is_left_out_and_the_rest_is_sorted() {
        let event = |source, seqnum: &str, more: &[(&str, &str)]| {
            let mut properties = more.to_vec();
            properties.extend([("DEVPATH", "/block/loop0"), ("ACTION", "change"), ("SEQNUM", seqnum)]);
            let owned = properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            Uevent { source, properties: owned.collect() }
        };
        let (kernel, udev) = (UeventSource::Kernel, UeventSource::Udev);
        // Since systemd 258 udev gives its own requests random numbers.
        let token = [(ASKED_FOR, "ca802be9-b9ac-4254-b4eb-0a5ed5ad4c6f")];
        let events = vec![
            event(udev, "8", &[]),
            event(kernel, "7", &[(ASKED_FOR, "0")]),
            event(udev, "7", &[(ASKED_FOR, "0")]),
            event(kernel, "9", &token),
            event(kernel, "8", &[]),
            event(udev, "6", &[("ACTION", "add"), (ASKED_FOR, "0"), ("MD_STARTED", "yes")]),
        ];
        let shown = without_luck(events);
        let seqnums: Vec<_> = shown.iter().map(|event| (event.source, event.property("SEQNUM"))).collect();
        assert_eq!(seqnums, [(udev, Some("6")), (kernel, Some("8")), (udev, Some("8"))]);
        assert_eq!(shown[0].property("MD_STARTED"), None);
    }

    #[test]
    fn what_udev_sees_of_a_new_array_is_luck_and_what_it_sees_later_is_not() {
        let event = |action: &str| {
            let properties = [("ACTION", action), ("DEVPATH", "/devices/virtual/block/md0"), ("MD_LEVEL", "raid1")];
            let owned = properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            Uevent { source: UeventSource::Udev, properties: owned.collect() }
        };
        let shown = without_luck(vec![event("add"), event("change")]);
        let levels: Vec<_> = shown.iter().map(|event| event.property("MD_LEVEL")).collect();
        assert_eq!(levels, [None, Some("raid1")]);
    }
}
