//! From which versions on a snapshot holds, as its name says.

use std::fmt;

use crate::channel::Channel;
use crate::version::Version;

/// The oldest supported Linux and mdadm: those of Debian bullseye. What they do needs no version in a file's name.
const OLDEST: (Version, Version) = (Version { major: 5, minor: 10 }, Version { major: 4, minor: 1 });

/// What a snapshot's name says of the versions from which on it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since {
    linux: Version,
    mdadm: Version,
}

impl Since {
    /// From the oldest versions on.
    pub(crate) const EVER: Self = Self { linux: OLDEST.0, mdadm: OLDEST.1 };

    /// From these versions on.
    pub(crate) fn new(linux: Version, mdadm: Version) -> Self {
        Self { linux, mdadm }
    }

    /// Whether what holds from here on may hold there.
    pub(crate) fn reaches(self, runs: Self) -> bool {
        self.linux <= runs.linux && self.mdadm <= runs.mdadm
    }

    /// Every pair of one's Linux with another's mdadm: between these versions nothing changes.
    pub(crate) fn corners(all: &[Self]) -> Vec<Self> {
        let pairs = all.iter().flat_map(|one| all.iter().map(|other| Self::new(one.linux, other.mdadm)));
        let mut corners: Vec<Self> = pairs.collect();
        corners.sort_unstable();
        corners.dedup();
        corners
    }

    /// Reads a file's name: `dmesg.snap`, `dmesg@linux-6.12.snap`, `syscalls@linux-6.12,mdadm-4.4.snap`.
    pub fn read(name: &str, channel: Channel) -> Option<Self> {
        let rest = name.strip_suffix(".snap")?.strip_prefix(channel.name())?;
        let mut since = Self::EVER;
        for part in rest.strip_prefix('@').into_iter().flat_map(|versions| versions.split(',')) {
            match part.split_once('-')? {
                ("linux", version) => since.linux = version.parse().ok()?,
                ("mdadm", version) => since.mdadm = version.parse().ok()?,
                _ => return None,
            }
        }
        // Versions have one name each: any other is somebody's mistake, and two files must not mean the same.
        (format!("{}.snap", since.name(channel)) == name).then_some(since)
    }

    /// The name of the snapshot that holds from here on, without its ending. The oldest version goes without saying.
    pub fn name(self, channel: Channel) -> String {
        let linux = (self.linux > OLDEST.0).then(|| format!("linux-{}", self.linux));
        let mdadm = (self.mdadm > OLDEST.1).then(|| format!("mdadm-{}", self.mdadm));
        let versions: Vec<String> = linux.into_iter().chain(mdadm).collect();
        if versions.is_empty() { channel.name().to_owned() } else { format!("{channel}@{}", versions.join(",")) }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linux {}, mdadm {}", self.linux, self.mdadm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(linux: &str, mdadm: &str) -> Since {
        Since::new(linux.parse().unwrap(), mdadm.parse().unwrap())
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for (channel, name, expected) in [
            (Channel::Dmesg, "dmesg", Since::EVER),
            (Channel::Dmesg, "dmesg@linux-6.12", since("6.12", "4.1")),
            (Channel::State, "state@linux-6.12,mdadm-4.4", since("6.12", "4.4")),
            (Channel::Uevents, "uevents@mdadm-4.4", since("5.10", "4.4")),
        ] {
            assert_eq!(Since::read(&format!("{name}.snap"), channel), Some(expected));
            assert_eq!(expected.name(channel), name);
        }
        for name in [
            "dmesg.snap.new",
            "state.snap",
            "dmesg@6.12.snap",
            "dmesg@linux-x.snap",
            "dmesg@linux-6.12,.snap",
            "dmesg@linux-6.012.snap",
            "dmesg@linux-2.6.snap",
            "dmesg@mdadm-4.1.snap",
            "dmesg@linux-5.10,mdadm-4.4.snap",
            "dmesg@mdadm-4.4,linux-6.12.snap",
        ] {
            assert_eq!(Since::read(name, Channel::Dmesg), None, "{name}");
        }
    }

    #[test]
    fn between_two_pairs_of_versions_there_are_two_more() {
        let (one, other) = (since("6.1", "4.4"), since("6.12", "4.2"));
        let expected = [since("6.1", "4.2"), one, other, since("6.12", "4.4")];
        assert_eq!(Since::corners(&[other, one]), expected);
    }
}
