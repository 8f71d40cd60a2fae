//! What the kernel and udev announce by luck.

use mdlab_protocol::{Uevent, UeventSource};

/// Says that somebody asked for an event, and who.
const TOKEN: &str = "SYNTH_UUID";

/// The uevents of a step, without it.
///
/// udev works on several devices at once, and the order in which it is done with them means nothing: they are sorted by their
/// sequence numbers. It also has the kernel announce a synthetic `change` whenever somebody has written to a device and closed
/// it, unless it is still busy with the one before (Documentation/ABI/testing/sysfs-uevent; the watch of 60-block.rules): how
/// many there are, when, and what each saw of the device, depends on that. They come last, once for each device, without what
/// udev saw.
pub(super) fn without_luck(events: Vec<Uevent>) -> Vec<Uevent> {
    let (mut synthetic, mut events): (Vec<Uevent>, Vec<Uevent>) =
        events.into_iter().partition(|event| event.property(TOKEN).is_some());
    events.sort_by_key(|event| (sequence(event), event.source == UeventSource::Udev));
    events.iter_mut().for_each(|event| event.properties.sort());
    for event in &mut synthetic {
        event.properties.retain(|(name, _)| ["ACTION", "DEVPATH", "SUBSYSTEM", TOKEN].contains(&name.as_str()));
        // Whoever asked for it: since systemd 258 udev gives its own requests random numbers.
        let asked = event.properties.iter_mut().filter(|(name, _)| name == TOKEN);
        asked.for_each(|(_, token)| "0".clone_into(token));
        event.properties.sort();
    }
    let property = |event: &Uevent, name| event.property(name).unwrap_or_default().to_owned();
    let whose =
        |event: &Uevent| (property(event, "DEVPATH"), property(event, "ACTION"), event.source == UeventSource::Udev);
    synthetic.sort_by_key(whose);
    synthetic.dedup_by_key(|event| whose(event));
    [events, synthetic].concat()
}

fn sequence(event: &Uevent) -> u64 {
    event.property("SEQNUM").and_then(|value| value.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthetic_changes_are_shown_once_and_last() {
        let event = |source, seqnum: &str, more: &[(&str, &str)]| {
            let mut properties = vec![("DEVPATH", "/block/loop0"), ("ACTION", "change"), ("SEQNUM", seqnum)];
            properties.extend(more);
            let owned = properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            Uevent { source, properties: owned.collect() }
        };
        let synthetic = [(TOKEN, "0"), ("ID_FS_TYPE", "linux_raid_member")];
        let (kernel, udev) = (UeventSource::Kernel, UeventSource::Udev);
        let first = event(kernel, "7", &synthetic);
        let done = event(udev, "7", &synthetic);
        let real = event(kernel, "8", &[]);
        let second = event(kernel, "9", &[(TOKEN, "ca802be9-b9ac-4254-b4eb-0a5ed5ad4c6f")]);
        let shown = without_luck(vec![second, done, first, real]);
        let shown: Vec<_> = shown.iter().map(|event| (event.source, event.property(TOKEN))).collect();
        assert_eq!(shown, [(kernel, None), (kernel, Some("0")), (udev, Some("0"))]);
    }
}
