//! What a scenario needs and a machine may lack.

use std::io::Write;

use mdlab_protocol::Exit;

use super::Guest;
use crate::array::Level;
use crate::failure::Failure;
use crate::outcome::{self, Word};
use crate::version::Version;

/// Something that not every kernel or mdadm has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A level.
    Level(Level),
    /// `--bitmap lockless`.
    LocklessBitmap,
    /// A kernel of this version or a later one.
    LinuxSince(Version),
    /// A kernel before this version.
    LinuxBefore(Version),
    /// A partial parity log whose superblock lies behind it, at the end.
    PplAtTheEnd,
    /// md as a module, so that [`Guest::unload_md`] can take it away.
    MdModule,
    /// A level that is a module, so that [`Guest::unload`] can take it away.
    Module(Level),
}

impl From<Level> for Need {
    fn from(level: Level) -> Self {
        Self::Level(level)
    }
}

/// The first mdadm that takes `--bitmap lockless` (its release notes).
const LOCKLESS: Version = Version { major: 4, minor: 6 };

/// The mdadm whose `--consistency-policy ppl --metadata 1.0` ends with "Failed to seek offset for zeroing".
const NO_PPL_AT_THE_END: Version = Version { major: 4, minor: 6 };

impl Guest {
    /// Why the machine lacks what is needed; nothing where it has it.
    pub fn lacks(&mut self, need: impl Into<Need>) -> Option<String> {
        match need.into() {
            Need::Level(level) => self.lacks_level(level),
            Need::LocklessBitmap => self.lacks_lockless_bitmap(),
            Need::LinuxSince(first) => {
                let linux = self.linux();
                (linux < first).then(|| format!("Linux {linux} is older than {first}"))
            }
            Need::LinuxBefore(end) => {
                let linux = self.linux();
                (linux >= end).then(|| format!("Linux {linux} is not older than {end}"))
            }
            Need::PplAtTheEnd => {
                let mdadm = self.mdadm();
                (mdadm == NO_PPL_AT_THE_END)
                    .then(|| format!("mdadm {mdadm} fails to write a PPL before its superblock"))
            }
            Need::Module(level) => self.lacks_module(level),
            Need::MdModule => self.lacks_md_module(),
        }
    }

    fn lacks_level(&mut self, level: Level) -> Option<String> {
        let outcome = self.session.observe();
        let mdstat = self.expect(outcome).mdstat.unwrap_or_default();
        // `Personalities : [raid1] [raid10]`: what is loaded, and every module that was at hand was loaded.
        let there = mdstat.lines().next().is_some_and(|line| line.contains(&format!("[{level}]")));
        let (option, linux) = (level.option(), &self.recording().machine.kernel);
        (!there).then(|| format!("Linux {linux} has no {level}: {option} is not set, or its module is not loaded"))
    }

    fn lacks_module(&mut self, level: Level) -> Option<String> {
        let name = level.to_string();
        if self.is_loaded(level.module()) {
            None
        } else {
            self.lacks_level(level).or(self.built_in(&name, level.option()))
        }
    }

    fn lacks_md_module(&mut self) -> Option<String> {
        if self.is_loaded("md_mod") { None } else { self.built_in("md", "CONFIG_BLK_DEV_MD") }
    }

    fn is_loaded(&mut self, module: &str) -> bool {
        // What is built in may have a folder there, for its parameters, but no state.
        let probe = ["sh", "-c", &format!("test -e /sys/module/{module}/initstate")].map(str::to_owned);
        let mut exit = None;
        self.prepare(|guest| {
            let outcome = guest.session.run(&probe, None).map(|command| command.exit);
            exit = guest.expect(outcome);
        });
        exit == Some(Exit::Status(0))
    }

    fn built_in(&self, what: &str, option: &str) -> Option<String> {
        let linux = &self.recording().machine.kernel;
        Some(format!("Linux {linux} has {what} built in, where it cannot be unloaded: {option} is `y`"))
    }

    fn lacks_lockless_bitmap(&mut self) -> Option<String> {
        // An array's node is enough to be told which kinds there are.
        self.prepare(|guest| guest.new_node("/dev/md127"));
        let kinds = self.after().attributes.iter().find(|attribute| attribute.path == "md127/md/bitmap_type");
        let there = kinds.is_some_and(|kinds| kinds.value.as_ref().is_ok_and(|kinds| kinds.contains("llbitmap")));
        self.prepare(|guest| guest.run("md stop /dev/md127"));
        if !there {
            let linux = &self.recording().machine.kernel;
            let option = "CONFIG_MD_LLBITMAP is not set, or it is older than 6.18";
            return Some(format!("Linux {linux} has no lockless bitmaps: {option}"));
        }
        let mdadm = self.versions().1;
        (mdadm < LOCKLESS).then(|| format!("mdadm {mdadm} has no lockless bitmaps: they came with {LOCKLESS}"))
    }

    /// The version of the kernel, for what a scenario asserts itself and kernels do differently.
    pub fn linux(&self) -> Version {
        self.versions().0
    }

    /// The version of mdadm, likewise.
    pub fn mdadm(&self) -> Version {
        self.versions().1
    }

    fn versions(&self) -> (Version, Version) {
        self.expect(self.recording().machine.versions().map_err(Failure::infra))
    }

    /// Leaves word that the scenario was skipped, for `mdlab run` to count, and for people who run it by other means.
    pub fn skip(&self, reason: &str) {
        outcome::note(self.title(), Word::Skipped(reason.to_owned()));
        // Past the test harness, which would keep what a test that passes prints to itself.
        let _ = writeln!(std::io::stderr(), "mdlab: skipped {}: {reason}", self.title());
    }
}

/// Ends the scenario as skipped unless the machine has what is needed.
#[macro_export]
macro_rules! needs {
    ($guest:expr, $need:expr) => {
        if let Some(reason) = $guest.lacks($need) {
            $guest.skip(&reason);
            return;
        }
    };
}
