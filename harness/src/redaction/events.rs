//! Counts of events: how many a resync adds depends on where its checkpoints fall, and on which of them md's thread writes
//! in one go (`md_do_sync` and `md_update_sb` in drivers/md/md.c). So they are counted anew from the end of each step in
//! which a resync or one of its kin ran: `EVENTS1`, `EVENTS1 + 2`. Before the first they are shown as they are.

use mdlab_metadata::Uuid;
use mdlab_protocol::What;

use crate::channel::{superblocks, syncs_anywhere};
use crate::recording::{Recording, Step};

/// How the kernel begins to say that a resync or one of its kin has begun: `md: data-check of RAID array md0`.
const BEGINS: [&str; 5] =
    ["md: resync of ", "md: recovery of ", "md: data-check of ", "md: requested-resync of ", "md: reshape of "];

/// What the counts of all arrays were at the end of each step.
#[derive(Debug, Default)]
pub(super) struct EventCounts(Vec<Mark>);

/// The count of an array at the end of a step: that of its freshest member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    array: Uuid,
    events: u64,
    /// In how many steps until then a resync ran.
    resyncs: usize,
}

impl EventCounts {
    pub(super) fn of(recording: &Recording) -> Self {
        let (mut marks, mut resyncs, mut before) = (Vec::new(), 0, None);
        for step in &recording.steps {
            resyncs += usize::from(begins(step) || before.is_some_and(syncs_anywhere) || syncs_anywhere(&step.after));
            let first = marks.len();
            for (_, _, superblock) in superblocks(&step.after) {
                let mark = Mark { array: superblock.uuid(), events: superblock.events(), resyncs };
                match marks[first..].iter_mut().find(|known: &&mut Mark| known.array == mark.array) {
                    Some(known) => known.events = known.events.max(mark.events),
                    None => marks.push(mark),
                }
            }
            before = Some(&step.after);
        }
        Self(marks)
    }

    /// A count as it is shown: from the end of the last resync on, or back from the end of the next, whichever is nearer. A
    /// member that fell behind stands near the former, a spare that md leaves one behind near the latter.
    pub(super) fn name(&self, array: Uuid, events: u64) -> String {
        let created = Mark { array, events: 0, resyncs: 0 };
        let marks = || self.0.iter().filter(|mark| mark.array == array);
        let below = marks().filter(|mark| mark.events <= events).max_by_key(|mark| mark.events).unwrap_or(&created);
        let above = marks().filter(|mark| mark.events >= events).min_by_key(|mark| mark.events).unwrap_or(below);
        let nearer = if above.events.abs_diff(events) < below.events.abs_diff(events) { above } else { below };
        let base = marks().find(|mark| mark.resyncs == nearer.resyncs && nearer.resyncs > 0).unwrap_or(&created);
        let name = format!("EVENTS{}", base.resyncs);
        match (base.resyncs, events.cmp(&base.events)) {
            (0, _) => events.to_string(),
            (_, std::cmp::Ordering::Less) => format!("{name} - {}", base.events - events),
            (_, std::cmp::Ordering::Equal) => name,
            (_, std::cmp::Ordering::Greater) => format!("{name} + {}", events - base.events),
        }
    }

    /// A count of which it is not said whose it is, as mdadm prints it: that of the first array that had it.
    pub(super) fn name_of_any(&self, events: u64) -> Option<String> {
        let mark = self.0.iter().find(|mark| mark.events == events)?;
        Some(self.name(mark.array, events))
    }
}

/// Whether a resync or one of its kin began in a step.
fn begins(step: &Step) -> bool {
    step.events.iter().any(|event| match &event.what {
        What::Kernel(message) => BEGINS.iter().any(|text| message.text.starts_with(text)),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_from_the_resync_that_is_nearer() {
        let array = Uuid::default();
        let marks = [(17, 0), (30, 1), (33, 1), (50, 2)];
        let counts = EventCounts(marks.map(|(events, resyncs)| Mark { array, events, resyncs }).to_vec());
        for (events, expected) in [
            (3, "3"),
            (17, "17"),
            (18, "18"),
            (29, "EVENTS1 - 1"),
            (30, "EVENTS1"),
            (32, "EVENTS1 + 2"),
            (34, "EVENTS1 + 4"),
            (49, "EVENTS2 - 1"),
            (51, "EVENTS2 + 1"),
        ] {
            assert_eq!(counts.name(array, events), expected, "{events}");
        }
        assert_eq!(counts.name_of_any(50).as_deref(), Some("EVENTS2"));
        assert_eq!(counts.name_of_any(49), None);
        assert_eq!(EventCounts::default().name(array, 5), "5");
    }
}
