//! Who gets which number and which role, and how the devices are counted: the middle of mdadm's Create.c.

use mdlab_metadata::Role;

use super::level::Level;

/// A place on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// The word `missing`.
    Missing,
    Device {
        path: String,
        write_mostly: bool,
        /// The write journal.
        journal: bool,
    },
}

/// What Create counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) raid_disks: u32,
    pub(super) active: u32,
    pub(super) working: u32,
    /// Where an active member is left out and becomes a spare that is recovered to.
    pub(super) insert_point: Option<usize>,
    /// Nothing has to be resynced.
    pub(super) clean: bool,
}

/// A device and what it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its place on the command line.
    pub(super) slot: usize,
    /// Its entry in the table of roles.
    pub(super) number: u32,
    pub(super) role: Role,
}

/// Counts the devices and decides what is recovered instead of resynced.
pub(super) fn count(level: Level, raid_disks: u32, assume_clean: bool, slots: &[Slot]) -> Counts {
    let disks = raid_disks as usize;
    let devices = || slots.iter().enumerate().filter(|(_, slot)| **slot != Slot::Missing);
    let journal = |slot: &Slot| matches!(slot, Slot::Device { journal: true, .. });
    let working = devices().count() as u32;
    let mut active = devices().filter(|(index, slot)| *index < disks && !journal(slot)).count() as u32;
    let mut missing = slots.iter().enumerate().filter(|(_, slot)| **slot == Slot::Missing).map(|(index, _)| index);
    let (first, second) = (missing.next(), missing.next());
    let within = |missing: Option<usize>| missing.is_some_and(|index| index < disks);

    let insert_point = match level {
        // Recovering one member is faster than checking the parity of all.
        Level::Raid4 | Level::Raid5 if !assume_clean && !within(first) => Some(disks - 1),
        // With one member missing, the kernel refuses a RAID 6 that is neither clean nor degraded twice.
        Level::Raid6 if !assume_clean && within(first) && !within(second) => {
            Some(if first == Some(disks - 1) { disks - 2 } else { disks - 1 })
        }
        _ => None,
    };
    active -= u32::from(insert_point.is_some());

    let degraded = match level {
        Level::Raid4 | Level::Raid5 => insert_point.is_some() || within(first),
        Level::Raid6 => insert_point.is_some() || within(second),
        _ => false,
    };
    let clean = degraded || !level.is_redundant() || assume_clean;
    Counts { raid_disks, active, working, insert_point, clean }
}

/// The devices in the order in which superblocks are written and members are added. The one at the insert point comes last.
pub(super) fn places(counts: &Counts, slots: &[Slot]) -> Vec<Place> {
    let mut raid_disk = 0;
    let mut places = Vec::new();
    let moved = counts.insert_point.into_iter().map(|index| (slots.len(), index));
    for (number, index) in (0..slots.len()).map(|index| (index, index)).chain(moved) {
        let is_journal = match slots[index] {
            _ if Some(number) == counts.insert_point => None,
            Slot::Missing => None,
            Slot::Device { journal, .. } => Some(journal),
        };
        let role = match is_journal {
            Some(true) => Role::Journal,
            Some(false) if raid_disk < counts.raid_disks => Role::Active(raid_disk as u16),
            Some(false) => Role::Spare,
            None => {
                raid_disk += 1;
                continue;
            }
        };
        raid_disk += u32::from(is_journal == Some(false));
        places.push(Place { slot: index, number: number as u32, role });
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(kinds: &str) -> Vec<Slot> {
        let device = |journal| Slot::Device { path: String::new(), write_mostly: false, journal };
        kinds.chars().map(|kind| if kind == '-' { Slot::Missing } else { device(kind == 'j') }).collect()
    }

    /// `number=role` of each place.
    fn laid_out(level: Level, raid_disks: u32, kinds: &str) -> (Counts, String) {
        let slots = slots(kinds);
        let counts = count(level, raid_disks, false, &slots);
        let places = places(&counts, &slots);
        let text = places.iter().map(|place| format!("{}:{}={}", place.slot, place.number, place.role));
        (counts, text.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_mirror_is_resynced() {
        let (counts, text) = laid_out(Level::Raid1, 2, "dd");
        assert_eq!(text, "0:0=active 0, 1:1=active 1");
        assert_eq!((counts.active, counts.working, counts.clean), (2, 2, false));
        assert_eq!(laid_out(Level::Raid1, 2, "-dd").1, "1:1=active 1, 2:2=spare");
    }

    #[test]
    fn the_last_member_of_a_raid5_is_recovered() {
        let (counts, text) = laid_out(Level::Raid5, 3, "ddd");
        assert_eq!(text, "0:0=active 0, 1:1=active 1, 2:3=spare");
        assert_eq!((counts.active, counts.working, counts.clean), (2, 3, true));
        assert_eq!(laid_out(Level::Raid5, 3, "dddd").1, "0:0=active 0, 1:1=active 1, 3:3=spare, 2:4=spare");
        assert_eq!(laid_out(Level::Raid5, 3, "dd-").1, "0:0=active 0, 1:1=active 1");
        assert_eq!(count(Level::Raid5, 3, true, &slots("ddd")).insert_point, None);
    }

    #[test]
    fn a_raid6_with_one_missing_is_recovered_too() {
        assert_eq!(laid_out(Level::Raid6, 4, "ddd-").1, "0:0=active 0, 1:1=active 1, 2:4=spare");
        assert_eq!(laid_out(Level::Raid6, 4, "-ddd").1, "1:1=active 1, 2:2=active 2, 3:4=spare");
        let (counts, text) = laid_out(Level::Raid6, 4, "-d-d");
        assert_eq!((text.as_str(), counts.clean), ("1:1=active 1, 3:3=active 3", true));
        assert!(!laid_out(Level::Raid6, 4, "dddd").0.clean);
    }

    #[test]
    fn a_journal_takes_a_number_and_no_place() {
        assert_eq!(laid_out(Level::Raid5, 3, "dddj").1, "0:0=active 0, 1:1=active 1, 3:3=journal, 2:4=spare");
        assert_eq!(
            laid_out(Level::Raid6, 4, "jdddd").1,
            "0:0=journal, 1:1=active 0, 2:2=active 1, 3:3=active 2, 4:4=active 3"
        );
    }
}
