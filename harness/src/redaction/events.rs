//! Counts of events: how many a resync adds depends on where its checkpoints fall, and on which of them md's thread writes
//! in one go (`md_do_sync` and `md_update_sb` in drivers/md/md.c); so it is where a write journal is given free
//! (`r5l_write_super` in drivers/md/raid5-cache.c). From the end of each step in which that happened they are counted anew:
//! `EVENTS1`, `EVENTS1 + 2`. Before the first they are shown as they are.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use mdlab_metadata::{FieldValue, Uuid};
use mdlab_protocol::{Observation, What};

use crate::channel::{superblocks, syncs_anywhere};
use crate::recording::{Recording, Step};

/// How the kernel begins to say that a resync or one of its kin has begun: `md: data-check of RAID array md0`. By 6.12
/// it calls three of them otherwise (`md_sync_action_name` of drivers/md/md.c).
const BEGINS: [&str; 8] = [
    "md: resync of ",
    "md: reshape of ",
    "md: recovery of ",
    "md: data-check of ",
    "md: requested-resync of ",
    "md: recover of ",
    "md: check of ",
    "md: repair of ",
];

/// What is known of all arrays' counts.
#[derive(Debug, Default)]
pub(super) struct EventCounts(Vec<Count>);

/// A count of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    array: Uuid,
    events: u64,
    /// How many steps had added events by luck when it was first seen.
    lucky: usize,
    /// The freshest member's count at the end of the last of them.
    base: u64,
}

impl EventCounts {
    pub(super) fn of(recording: &Recording) -> Self {
        let (mut counts, mut before) = (Self::default(), None);
        for step in &recording.steps {
            let Some(after) = &step.after else { continue };
            let found = superblocks(after);
            let found = found.iter().map(|(_, _, superblock)| (superblock.uuid(), superblock.events())).collect();
            counts.learn(is_lucky(step, before, after), found);
            before = Some(after);
        }
        counts
    }

    /// Learns what the members of all arrays counted at the end of a step.
    fn learn(&mut self, is_lucky: bool, found: Vec<(Uuid, u64)>) {
        let mut freshest: BTreeMap<Uuid, u64> = BTreeMap::new();
        for (array, events) in &found {
            let most = freshest.entry(*array).or_default();
            *most = (*most).max(*events);
        }
        let before = self.0.clone();
        for (array, events) in found {
            let last = before.iter().rfind(|count| count.array == array).map(|count| (count.lucky, count.base));
            let (lucky, base) = last.unwrap_or_default();
            let count = match is_lucky {
                true => Count { array, events, lucky: lucky + 1, base: freshest[&array] },
                false => Count { array, events, lucky, base },
            };
            if !self.0.iter().any(|known| (known.array, known.events) == (array, events)) {
                self.0.push(count);
            }
        }
    }

    /// A count as it is shown. Of one that came and went in the middle of what is luck, only that is said.
    pub(super) fn name(&self, array: Uuid, events: u64) -> String {
        let count = self.0.iter().find(|count| (count.array, count.events) == (array, events));
        let Some(Count { lucky: lucky @ 1.., base, .. }) = count else { return events.to_string() };
        match events.cmp(base) {
            Ordering::Less => format!("before EVENTS{lucky}"),
            Ordering::Equal => format!("EVENTS{lucky}"),
            Ordering::Greater => format!("EVENTS{lucky} + {}", events - base),
        }
    }

    /// A count of which it is not said whose it is, as mdadm prints it: that of the first array that had it.
    pub(super) fn name_of_any(&self, events: u64) -> String {
        let count = self.0.iter().find(|count| count.events == events);
        count.map_or_else(|| events.to_string(), |count| self.name(count.array, events))
    }
}

/// Whether a step added events by luck.
fn is_lucky(step: &Step, before: Option<&Observation>, after: &Observation) -> bool {
    let begins = step.events.iter().any(|event| match &event.what {
        What::Kernel(message) => BEGINS.iter().any(|text| message.text.starts_with(text)),
        _ => false,
    });
    begins
        || syncs_anywhere(after)
        || before.is_some_and(|before| syncs_anywhere(before) || journal_tails(before) != journal_tails(after))
}

/// Where the journals begin.
fn journal_tails(observation: &Observation) -> Vec<FieldValue> {
    let fields = superblocks(observation).into_iter().flat_map(|(_, _, superblock)| superblock.fields());
    fields.filter(|field| field.name == "journal_tail").map(|field| field.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_from_the_last_step_that_added_some_by_luck() {
        let [array, other] = [Uuid([1; 16]), Uuid([2; 16])];
        let mut counts = EventCounts::default();
        counts.learn(false, vec![(array, 3), (array, 3)]);
        // One member has failed before the resync, another is left behind in it.
        counts.learn(true, vec![(array, 3), (array, 30), (array, 29)]);
        counts.learn(false, vec![(array, 3), (array, 32), (array, 29), (other, 1)]);
        counts.learn(true, vec![(array, 3), (array, 47), (array, 32)]);
        for (events, expected) in
            [(3, "3"), (29, "before EVENTS1"), (30, "EVENTS1"), (32, "EVENTS1 + 2"), (47, "EVENTS2")]
        {
            assert_eq!(counts.name(array, events), expected, "{events}");
        }
        assert_eq!(counts.name(other, 1), "1");
        assert_eq!(counts.name_of_any(47), "EVENTS2");
        assert_eq!(counts.name_of_any(48), "48");
    }
}
