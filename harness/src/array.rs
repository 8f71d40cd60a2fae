//! The arrays of scenarios, and the command lines about them.

use std::fmt;

/// What drives md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// mdadm, the one that the environment names.
    Mdadm,
    /// `md`, mdlab's own: the ioctls and nothing else. What goes wrong with it is the kernel's doing.
    Ioctl,
}

/// A level, as mdadm and the kernel name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One after the other; removed in Linux 6.8, and back in 6.14.
    Linear,
    /// Striped.
    Raid0,
    /// Mirrored.
    Raid1,
    /// Striped, with parity on the last member.
    Raid4,
    /// Striped, with parity on all members in turn.
    Raid5,
    /// Striped, with two parities.
    Raid6,
    /// Striped mirrors.
    Raid10,
}

impl Level {
    /// What `--level` takes, which is the personality's name too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid4 => "raid4",
            Self::Raid5 => "raid5",
            Self::Raid6 => "raid6",
            Self::Raid10 => "raid10",
        }
    }

    /// The option of the kernel's configuration that brings it (drivers/md/Kconfig).
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Linear => "CONFIG_MD_LINEAR",
            Self::Raid0 => "CONFIG_MD_RAID0",
            Self::Raid1 => "CONFIG_MD_RAID1",
            Self::Raid4 | Self::Raid5 | Self::Raid6 => "CONFIG_MD_RAID456",
            Self::Raid10 => "CONFIG_MD_RAID10",
        }
    }

    /// The kernel's module that brings it (drivers/md/Makefile).
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::Raid4 | Self::Raid5 | Self::Raid6 => "raid456",
            _ => self.name(),
        }
    }

    /// How many members may be lost in any case; a mirror of more than two and a raid10 may survive more.
    pub fn tolerates(self) -> usize {
        match self {
            Self::Linear | Self::Raid0 => 0,
            Self::Raid1 | Self::Raid4 | Self::Raid5 | Self::Raid10 => 1,
            Self::Raid6 => 2,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An array as a scenario describes it.
#[derive(Clone, Debug)]
pub struct Array {
    node: String,
    level: Level,
    options: Vec<String>,
    members: Vec<String>,
    spares: usize,
    /// The last member is a journal.
    journal: bool,
    /// The first member that is write-mostly.
    write_mostly: Option<usize>,
}

/// Mebibytes, in bytes.
pub const fn mib(count: u64) -> u64 {
    count << 20
}

impl Array {
    /// An array of a level, `/dev/md0`.
    pub fn new(level: Level) -> Self {
        let (options, members) = (Vec::new(), Vec::new());
        Self { node: "/dev/md0".into(), level, options, members, spares: 0, journal: false, write_mostly: None }
    }

    /// A mirror.
    pub fn raid1() -> Self {
        Self::new(Level::Raid1)
    }

    /// Stripes with parity.
    pub fn raid5() -> Self {
        Self::new(Level::Raid5)
    }

    /// Its members, in the order of their roles: nodes of block devices, or `missing`.
    pub fn on(mut self, members: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.members = members.into_iter().map(Into::into).collect();
        self
    }

    /// Another node than `/dev/md0`.
    pub fn at(mut self, node: &str) -> Self {
        self.node = node.to_owned();
        self
    }

    /// The last so many members are spares.
    pub fn spares(mut self, count: usize) -> Self {
        self.spares = count;
        self
    }

    /// The last member is a write journal.
    pub fn journaled(mut self) -> Self {
        self.journal = true;
        self
    }

    /// The members from this one on are write-mostly. The option stands before it, and holds for all that follow.
    pub fn write_mostly_from(mut self, index: usize) -> Self {
        self.write_mostly = Some(index);
        self
    }

    /// Options of its creation, as mdadm and `md` both take them: `--chunk 64 --bitmap internal`.
    pub fn with(mut self, options: &str) -> Self {
        self.options.extend(options.split_whitespace().map(str::to_owned));
        self
    }

    /// The size of its chunks in KiB, if its level has any: a mirror has none.
    pub fn chunk(self, kib: u32) -> Self {
        match self.level {
            Level::Raid1 => self,
            _ => self.with(&format!("--chunk {kib}")),
        }
    }

    /// The node of the array.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Its name in sysfs, `md0`.
    pub fn name(&self) -> &str {
        self.node.rsplit('/').next().unwrap_or_default()
    }

    /// Its level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The node of a member.
    ///
    /// # Panics
    ///
    /// Where there are not so many.
    pub fn member(&self, index: usize) -> &str {
        let count = self.members.len();
        assert!(index < count, "`{}` has {count} members, and none of index {index}", self.node);
        &self.members[index]
    }

    /// The nodes of its members.
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// An attribute of it in sysfs.
    pub fn attribute(&self, name: &str) -> String {
        format!("/sys/block/{}/md/{name}", self.name())
    }

    /// The command line that creates it.
    pub(crate) fn create(&self, tool: Tool) -> Vec<String> {
        let mut line = line(tool, "create", &self.node);
        line.extend(["--level", self.level.name(), "--raid-devices"].map(str::to_owned));
        line.push(self.members.len().saturating_sub(self.spares + usize::from(self.journal)).to_string());
        if self.spares > 0 {
            line.extend(["--spare-devices".to_owned(), self.spares.to_string()]);
        }
        line.extend(self.options.iter().cloned());
        if tool == Tool::Mdadm && self.could_have_bitmap() && !self.options.iter().any(|option| option == "--bitmap") {
            // Since 4.4 mdadm asks whether there is to be one, where nothing is said (`Create` in Create.c).
            line.extend(["--bitmap", "none"].map(str::to_owned));
        }
        for (index, member) in self.members.iter().enumerate() {
            let write_mostly = (self.write_mostly == Some(index)).then_some("--write-mostly");
            let journal = (self.journal && index + 1 == self.members.len()).then_some("--write-journal");
            line.extend(write_mostly.into_iter().chain(journal).chain([member.as_str()]).map(str::to_owned));
        }
        line
    }

    /// Whether its level has anything to resync.
    fn could_have_bitmap(&self) -> bool {
        self.level.tolerates() > 0
    }

    /// The command line that assembles it from its members.
    pub(crate) fn assemble(&self, tool: Tool) -> Vec<String> {
        let mut line = line(tool, "assemble", &self.node);
        line.extend(self.members.iter().filter(|member| *member != "missing").cloned());
        line
    }

    /// The command line that stops it.
    pub(crate) fn stop(&self, tool: Tool) -> Vec<String> {
        line(tool, "stop", &self.node)
    }
}

/// `mdadm --stop /dev/md0`, or `md stop /dev/md0`.
fn line(tool: Tool, verb: &str, node: &str) -> Vec<String> {
    let (program, verb) = match tool {
        Tool::Mdadm => ("mdadm", format!("--{verb}")),
        Tool::Ioctl => ("md", verb.to_owned()),
    };
    vec![program.to_owned(), verb, node.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_one_member_stands_before_it() {
        let options = "--level raid1 --raid-devices 2 --bitmap internal a --write-mostly b";
        let mirror = Array::raid1().with("--bitmap internal").write_mostly_from(1).on(["a", "b"]);
        assert_eq!(mirror.create(Tool::Mdadm).join(" "), format!("mdadm --create /dev/md0 {options}"));
        assert_eq!(mirror.create(Tool::Ioctl).join(" "), format!("md create /dev/md0 {options}"));

        let options = "--level raid5 --raid-devices 2 --spare-devices 1 --bitmap none a b c --write-journal d";
        let journaled = Array::raid5().spares(1).journaled().on(["a", "b", "c", "d"]);
        assert_eq!(journaled.create(Tool::Mdadm).join(" "), format!("mdadm --create /dev/md0 {options}"));
        assert_eq!(journaled.assemble(Tool::Mdadm).join(" "), "mdadm --assemble /dev/md0 a b c d");
    }
}
