//! The first difference between two recordings that should be the same.

use mdlab_protocol::{Event, Observation, What};
use serde::Serialize;

use crate::channel::Channel;
use crate::printable::printable_json;
use crate::recording::{Recording, Step};

/// Characters of a record that are shown, from shortly before it differs.
const SHOWN: usize = 400;
const BEFORE: usize = 80;

/// Where two recordings differ first, and what each of them says there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The step, the channel and the record: `step 2 `create`, dmesg, record 17`.
    place: String,
    one: String,
    other: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:\n  one:   {}\n  other: {}", self.place, self.one, self.other)
    }
}

impl Difference {
    /// Finds it, if there is any.
    pub(crate) fn between(one: &Recording, other: &Recording) -> Option<Self> {
        let at = |place: &str| place.to_owned();
        let machine = of("the machine", &one.machine, &other.machine);
        let mut steps = (1..).zip(one.steps.iter().zip(&other.steps));
        let in_steps = || steps.find_map(|(number, (one, other))| in_step(number, one, other));
        let count = || of(&at("the number of steps"), &one.steps.len(), &other.steps.len());
        machine.or_else(in_steps).or_else(count)
    }
}

fn in_step(number: usize, one: &Step, other: &Step) -> Option<Difference> {
    let step = format!("step {number} `{}`", one.label);
    let records = (1..).zip(one.events.iter().zip(&other.events)).find_map(|(number, (one, other))| {
        // Where one of them lacks an event, the next stands in its place.
        of(&format!("{step}, {}, record {number}", channel_of(one)), one, other)
    });
    let missing = || {
        let (place, shorter) = (one.events.len().min(other.events.len()), one.events.len() != other.events.len());
        let record = |step: &'_ Step| step.events.get(place).cloned();
        let channel = record(one).or_else(|| record(other)).map_or(Channel::Syscalls, |event| channel_of(&event));
        shorter.then(|| of(&format!("{step}, {channel}, record {}", place + 1), &record(one), &record(other)))?
    };
    of(&format!("{step}, its label"), &(&one.label, one.given), &(&other.label, other.given))
        .or(records)
        .or_else(missing)
        .or_else(|| of(&format!("{step}, {}, the commands", Channel::Syscalls), &one.commands, &other.commands))
        .or_else(|| match (&one.after, &other.after) {
            (Some(one), Some(other)) => afterwards(&step, one, other),
            (one, other) => of(&format!("{step}, whether it ended"), &one.is_some(), &other.is_some()),
        })
}

/// What was looked at when the step had ended.
fn afterwards(step: &str, one: &Observation, other: &Observation) -> Option<Difference> {
    let state = |what: &str| format!("{step}, {}, {what}", Channel::State);
    let attributes = (1..).zip(one.attributes.iter().zip(&other.attributes));
    of(&state("/proc/mdstat"), &one.mdstat, &other.mdstat)
        .or_else(|| {
            attributes.into_iter().find_map(|(number, (a, b))| of(&state(&format!("attribute {number}")), a, b))
        })
        .or_else(|| of(&state("the attributes"), &one.attributes.len(), &other.attributes.len()))
        .or_else(|| of(&state("the nodes"), &one.nodes, &other.nodes))
        .or_else(|| of(&format!("{step}, {}", Channel::Superblock), &one.members, &other.members))
        .or_else(|| of(&state("the rest"), one, other))
}

/// Which channel shows an event.
fn channel_of(event: &Event) -> Channel {
    match &event.what {
        What::Kernel(_) | What::Lost(_) => Channel::Dmesg,
        What::Uevent(_) => Channel::Uevents,
        What::Syscall(_) | What::Process(_) | What::Files { .. } => Channel::Syscalls,
    }
}

/// The difference between two values, as far as it can be shown.
fn of<T: PartialEq + Serialize>(place: &str, one: &T, other: &T) -> Option<Difference> {
    if one == other {
        return None;
    }
    // A recording is written so; whatever it holds can be.
    let text = |value| printable_json(&serde_json::to_string(value).unwrap_or_default()).into_owned();
    let (one, other) = (text(one), text(other));
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let shown = |text: &str| {
        let skipped = same.saturating_sub(BEFORE);
        let head = if skipped > 0 { "..." } else { "" };
        let part: String = text.chars().skip(skipped).take(SHOWN).collect();
        let tail = if text.chars().count() > skipped + SHOWN { "..." } else { "" };
        format!("{head}{part}{tail}")
    };
    Some(Difference { place: place.to_owned(), one: shown(&one), other: shown(&other) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::MachineId;
    use mdlab_protocol::{KernelMessage, Uevent, UeventSource};

    fn kernel(stamp: u64) -> Event {
        let message = KernelMessage {
            level: 6,
            facility: 0,
            sequence: 1,
            stamp,
            text: "md0 stopped.".into(),
            properties: Vec::new(),
        };
        Event { at: stamp, what: What::Kernel(message) }
    }

    fn recording(events: Vec<Event>) -> Recording {
        let machine = MachineId { kernel: "6.1".into(), mdadm: "4.2".into(), accel: "tcg".into() };
        let after = Some(Observation::default());
        let step = Step { label: "stop".into(), given: false, commands: Vec::new(), events, after };
        Recording { machine, steps: vec![step] }
    }

    #[test]
    fn the_record_that_differs_is_named() {
        let one = recording(vec![kernel(1), kernel(2)]);
        assert_eq!(Difference::between(&one, &one), None);
        let difference = Difference::between(&one, &recording(vec![kernel(1), kernel(3)])).unwrap().to_string();
        assert!(difference.starts_with("step 1 `stop`, dmesg, record 2:\n  one:   {\"at\":2,"), "{difference}");
        assert!(difference.contains("\n  other: {\"at\":3,"), "{difference}");
    }

    #[test]
    fn a_record_that_is_missing_is_named() {
        let uevent = Uevent { source: UeventSource::Udev, properties: Vec::new() };
        let more = recording(vec![kernel(1), Event { at: 5, what: What::Uevent(uevent) }]);
        let difference = Difference::between(&recording(vec![kernel(1)]), &more).unwrap();
        assert_eq!((difference.place.as_str(), difference.one.as_str()), ("step 1 `stop`, uevents, record 2", "null"));
    }

    #[test]
    fn how_things_stood_afterwards_counts_too() {
        let (one, mut other) = (recording(Vec::new()), recording(Vec::new()));
        other.steps[0].after.as_mut().unwrap().mdstat = Some("md0 : active".into());
        assert_eq!(Difference::between(&one, &other).unwrap().place, "step 1 `stop`, state, /proc/mdstat");
        other.steps[0].after = None;
        assert_eq!(Difference::between(&one, &other).unwrap().place, "step 1 `stop`, whether it ended");
    }
}
