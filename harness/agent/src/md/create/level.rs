//! RAID levels and layouts under mdadm's names: its maps.c, and `parse_layout_10` of its util.c.

/// A level that can be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Linear,
    Raid0,
    Raid1,
    Raid4,
    Raid5,
    Raid6,
    Raid10,
}

use Level::*;

const LEVELS: &[(&str, Level)] = &[
    ("linear", Linear),
    ("raid0", Raid0),
    ("0", Raid0),
    ("stripe", Raid0),
    ("raid1", Raid1),
    ("1", Raid1),
    ("mirror", Raid1),
    ("raid4", Raid4),
    ("4", Raid4),
    ("raid5", Raid5),
    ("5", Raid5),
    ("raid6", Raid6),
    ("6", Raid6),
    ("raid10", Raid10),
    ("10", Raid10),
];

/// `r0layout`: how the zones of unequal members are striped; see [`RAID0_UNKNOWN`].
const RAID0_LAYOUTS: &[(&str, u32)] =
    &[("original", 1), ("alternate", 2), ("1", 1), ("2", 2), ("dangerous", RAID0_UNKNOWN)];

/// The layout that tools wrote before Linux 5.4 told the two layouts apart (commit c84a1372df92).
pub(super) const RAID0_UNKNOWN: u32 = 0;

/// Half of `r5layout` and `r6layout`: what the two have in common.
const PARITY_LAYOUTS: &[(&str, u32)] = &[
    ("left-asymmetric", 0),
    ("right-asymmetric", 1),
    ("left-symmetric", 2),
    ("right-symmetric", 3),
    ("default", 2),
    ("la", 0),
    ("ra", 1),
    ("ls", 2),
    ("rs", 3),
    ("parity-first", 4),
    ("parity-last", 5),
];

const RAID5_LAYOUTS: &[(&str, u32)] = &[("ddf-zero-restart", 1), ("ddf-N-restart", 0), ("ddf-N-continue", 2)];

const RAID6_LAYOUTS: &[(&str, u32)] = &[
    ("ddf-zero-restart", 8),
    ("ddf-N-restart", 9),
    ("ddf-N-continue", 10),
    ("left-asymmetric-6", 16),
    ("right-asymmetric-6", 17),
    ("left-symmetric-6", 18),
    ("right-symmetric-6", 19),
    ("parity-first-6", 20),
];

impl Level {
    /// Finds a level by one of its names.
    pub(super) fn parse(name: &str) -> Option<Self> {
        LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    /// As it stands in a superblock.
    pub(super) fn number(self) -> i32 {
        match self {
            Linear => -1,
            Raid0 => 0,
            Raid1 => 1,
            Raid4 => 4,
            Raid5 => 5,
            Raid6 => 6,
            Raid10 => 10,
        }
    }

    /// Whether a member can be lost; without it there are no spares, no missing members, and nothing to resync.
    pub(super) fn is_redundant(self) -> bool {
        self.number() > 0
    }

    /// The fewest devices that an array of it has.
    pub(super) fn fewest(self) -> u32 {
        match self {
            Linear | Raid0 | Raid1 => 1,
            Raid4 | Raid5 | Raid10 => 2,
            Raid6 => 4,
        }
    }

    /// The chunk in KiB unless another is asked for: DEFAULT_CHUNK of mdadm.h. Nothing where members are not striped.
    pub(super) fn default_chunk(self) -> u32 {
        if matches!(self, Linear | Raid1) { 0 } else { 512 }
    }

    /// `default_layout` of mdadm's Create.c.
    pub(super) fn default_layout(self) -> u32 {
        match self {
            Linear | Raid1 | Raid4 => 0,
            Raid0 => 1,
            Raid5 | Raid6 => 2,
            Raid10 => 0x102,
        }
    }

    /// The layout of this name; nothing if the level has none of it.
    pub(super) fn layout(self, name: &str) -> Option<u32> {
        let find = |own: &[(&str, u32)], shared: &[(&str, u32)]| {
            own.iter().chain(shared).find(|(known, _)| *known == name).map(|(_, number)| *number)
        };
        match self {
            Linear | Raid1 | Raid4 => None,
            Raid0 => find(RAID0_LAYOUTS, &[]),
            Raid5 => find(RAID5_LAYOUTS, PARITY_LAYOUTS),
            Raid6 => find(RAID6_LAYOUTS, PARITY_LAYOUTS),
            Raid10 => raid10_layout(name),
        }
    }

    /// The names of its layouts, for a message.
    pub(super) fn layouts(self) -> String {
        let names = |own: &[(&str, u32)]| own.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match self {
            Linear | Raid1 | Raid4 => "leave it out: the level has no layouts".to_owned(),
            Raid0 => format!("use one of {}", names(RAID0_LAYOUTS)),
            Raid5 => format!("use one of {}, {}", names(PARITY_LAYOUTS), names(RAID5_LAYOUTS)),
            Raid6 => format!("use one of {}, {}", names(PARITY_LAYOUTS), names(RAID6_LAYOUTS)),
            Raid10 => "use `nN`, `oN` or `fN`, N copies from 1 to 200".to_owned(),
        }
    }
}

/// How many copies of each block a layout of RAID 10 keeps: near copies times far copies.
pub(super) fn raid10_copies(layout: u32) -> u32 {
    (layout & 0xff) * (layout >> 8 & 0xff)
}

fn raid10_layout(name: &str) -> Option<u32> {
    let copies: u32 = name.get(1..)?.parse().ok().filter(|copies| (1..=200).contains(copies))?;
    match name.as_bytes()[0] {
        b'n' => Some(0x100 + copies),
        b'o' => Some(0x1_0000 + (copies << 8) + 1),
        b'f' => Some((copies << 8) + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_mdadm() {
        assert_eq!(Level::parse("mirror"), Some(Raid1));
        assert_eq!(Level::parse("stripe").map(Level::number), Some(0));
        assert_eq!(Level::parse("linear").map(Level::number), Some(-1));
        assert_eq!(Level::parse("7"), None);
        assert_eq!(
            (Raid5.layout("ls"), Raid5.layout("ddf-zero-restart"), Raid5.layout("n2")),
            (Some(2), Some(1), None)
        );
        assert_eq!((Raid6.layout("ddf-zero-restart"), Raid6.layout("parity-first-6")), (Some(8), Some(20)));
        assert_eq!(
            (Raid0.layout("alternate"), Raid0.layout("dangerous"), Raid1.layout("n2")),
            (Some(2), Some(0), None)
        );
        assert_eq!(
            (Raid10.layout("n2"), Raid10.layout("f2"), Raid10.layout("o2")),
            (Some(0x102), Some(0x201), Some(0x1_0201))
        );
        assert_eq!(
            (Raid10.layout("n0"), Raid10.layout("x2"), Raid10.layout(""), Raid10.layout("n201")),
            (None, None, None, None)
        );
        assert_eq!((raid10_copies(0x102), raid10_copies(0x203)), (2, 6));
    }
}
