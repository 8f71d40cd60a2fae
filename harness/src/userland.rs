//! The user space of a guest: a distribution's own programs and rules around the agent.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mdlab_vm::child::{End, bounded};
use mdlab_vm::{Cache, Digest, Error, Kernel, Notice, Packages, Program, RamDisk, Result, Suite};
use nix::sys::signal::Signal;

use crate::choice::DEFAULT_SUITE;
use crate::tool::ToolSource;
use crate::version::Version;

/// The agent, built static by the build script: the guest's PID 1.
pub(crate) const AGENT: &[u8] = include_bytes!(env!("MDLAB_AGENT"));

/// Debian's packages that the user space is made of; what they depend on comes along.
const PACKAGES: [&str; 11] = [
    "mdadm",
    "udev",
    "kmod",
    "base-passwd",
    "coreutils",
    "dash",
    "util-linux",
    "mount",
    "dmsetup",
    "e2fsprogs",
    "grep",
];

/// Programs, by name; each is looked for in [`FOLDERS`].
const PROGRAMS: [&str; 35] = [
    // What it is all about.
    "mdadm",
    "mdmon",
    // Devices come and go, modules are loaded.
    "udevadm",
    "systemd-udevd",
    "kmod",
    "dmsetup",
    // For command lines of users.
    "blkdiscard",
    "blkid",
    "cat",
    "cp",
    "dash",
    "dd",
    "echo",
    "env",
    "false",
    "fstrim",
    "grep",
    "head",
    "ls",
    "losetup",
    "lsblk",
    "mkdir",
    "mkfs.ext4",
    "mount",
    "od",
    "rm",
    "sleep",
    "stat",
    "sync",
    "tail",
    "touch",
    "true",
    "umount",
    "wc",
    "wipefs",
];

const FOLDERS: [&str; 10] = [
    "usr/sbin",
    "sbin",
    "usr/bin",
    "bin",
    "usr/lib/systemd",
    "lib/systemd",
    "usr/lib/udev",
    "lib/udev",
    "usr/libexec",
    "usr/local/bin",
];

/// Libraries that nothing names but something opens: glibc before 2.34 looks up groups in one of its own; udev of
/// systemd 256 and later opens these when it needs them.
const OPENED: [&str; 4] = ["libnss_files.so.2", "libkmod.so.2", "libblkid.so.1", "libacl.so.1"];

/// Links to programs that go by several names.
const LINKS: [(&str, &str); 6] = [
    // The agent is also the guest's own tool for arrays.
    ("sbin/md", "/init"),
    ("sbin/md-alert", "/init"),
    ("sbin/modprobe", "../bin/kmod"),
    ("sbin/insmod", "../bin/kmod"),
    ("sbin/rmmod", "../bin/kmod"),
    ("bin/sh", "dash"),
];

/// Loaded before the machine is kept, as far as the kernel has them as modules.
const LOADED: [&str; 9] = ["loop", "md-mod", "linear", "multipath", "faulty", "raid0", "raid1", "raid10", "raid456"];

/// At hand for modprobe, the last for what libcrc32c looks up by its name as raid456 is loaded.
const AT_HAND: [&str; 10] = [
    "dm-mod",
    "dm-flakey",
    "dm-delay",
    "dm-log-writes",
    "dm-raid",
    "scsi_debug",
    "sd_mod",
    "brd",
    "ext4",
    "crc32c_generic",
];

/// Suites around a binary of the user's, each with newer libraries than the one before, and the mdadm from which on it is
/// preferred: the snapshots of that version are of its udev as well.
const SUITES: [(&str, Version); 3] = [
    (DEFAULT_SUITE, Version { major: 0, minor: 0 }),
    ("trixie", Version { major: 4, minor: 4 }),
    ("sid", Version { major: 4, minor: 6 }),
];

/// How long a binary of the user's may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// A user space at hand.
pub(crate) struct Userland {
    agent: Vec<u8>,
    packages: Packages,
    /// The mdadm that replaces the package's.
    mdadm: Option<PathBuf>,
    version: String,
}

impl Userland {
    /// Finds the packages of a tool's suite, or fetches them.
    pub(crate) fn find(tool: &ToolSource, cache: &Cache, notice: Notice) -> Result<Self> {
        match tool {
            ToolSource::Debian(suite) => {
                let packages = packages(suite, cache, notice)?;
                let version = packages.version("mdadm").unwrap_or_default().to_owned();
                Ok(Self { agent: AGENT.to_vec(), packages, mdadm: None, version })
            }
            ToolSource::File(path) => Self::around(path, None, cache, notice),
        }
    }

    /// That around a binary of somebody's. Where its version is known it is not run, for nobody knows what it does.
    pub(crate) fn around(path: &Path, version: Option<&str>, cache: &Cache, notice: Notice) -> Result<Self> {
        let program = Program::read(path)?;
        let (oldest, packages) = satisfying(&program, path, 0, cache, notice)?;
        let version = match version {
            Some(version) => version.to_owned(),
            None => version_of(program.command(&packages.root()), path)?,
        };
        let packages = match preferred(&version) {
            newer if newer > oldest => satisfying(&program, path, newer, cache, notice)?.1,
            _ => packages,
        };
        Ok(Self { agent: AGENT.to_vec(), packages, mdadm: Some(path.to_owned()), version })
    }

    /// The version of a suite's mdadm, if its user space has been fetched.
    pub(crate) fn version_at_hand(suite: &Suite, cache: &Cache) -> Result<Option<String>> {
        let packages = Packages::programs_at_hand(cache, suite, &entry())?;
        Ok(packages.and_then(|packages| packages.version("mdadm").map(str::to_owned)))
    }

    /// Takes another PID 1.
    pub(crate) fn replace_agent(&mut self, agent: &[u8]) {
        agent.clone_into(&mut self.agent);
    }

    /// The version of mdadm.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Names everything that [`Userland::ram_disk`] puts in, the kernel's modules apart.
    pub(crate) fn ingredients(&self) -> Result<String> {
        let mdadm = self.mdadm.as_deref().map(Digest::of_file).transpose()?;
        let tables = format!("{PROGRAMS:?} {OPENED:?} {LINKS:?} {LOADED:?} {AT_HAND:?}");
        let mdadm = mdadm.map_or_else(|| "package's".to_owned(), |digest| digest.to_string());
        Ok(format!("agent {}\ntables {tables}\nmdadm {mdadm}\n{}", Digest::of(&self.agent), self.packages.identity()))
    }

    /// Builds the RAM disk.
    pub(crate) fn ram_disk(&self, cache: &Cache, kernel: &Kernel) -> Result<RamDisk> {
        self.packages.verify()?;
        let root = self.packages.root();
        let mut disk = RamDisk::new();
        disk.file("init", self.agent.clone(), 0o755);
        for program in PROGRAMS {
            disk.program_in(&root, &FOLDERS, program)?;
        }
        if let Some(mdadm) = &self.mdadm {
            disk.executable(&root, "sbin/mdadm", mdadm)?;
        }
        for (link, target) in LINKS {
            disk.link(link, target);
        }
        for library in OPENED {
            disk.optional_library(&root, library)?;
        }
        self.rules(&mut disk, &root)?;
        let loaded = disk.modules(cache, kernel, &LOADED, &AT_HAND)?;
        disk.file("etc/modules", loaded.join("\n") + "\n", 0o644);
        for folder in ["dev", "proc", "sys", "run", "tmp", "var/lib", "mnt"] {
            disk.folder(folder);
        }
        Ok(disk)
    }

    /// udev's rules, and the groups that they name.
    fn rules(&self, disk: &mut RamDisk, root: &Path) -> Result<()> {
        for folder in ["lib/udev/rules.d", "usr/lib/udev/rules.d"] {
            if root.join(folder).is_dir() {
                disk.tree(root, folder)?;
            }
        }
        for (name, master) in [("passwd", "passwd.master"), ("group", "group.master")] {
            let path = root.join("usr/share/base-passwd").join(master);
            let text =
                std::fs::read(&path).map_err(|error| Error::infra(format!("read `{}`: {error}", path.display())))?;
            disk.file(&format!("etc/{name}"), text, 0o644);
        }
        disk.file("etc/nsswitch.conf", "passwd: files\ngroup: files\n", 0o644);
        Ok(())
    }
}

/// The user space of a suite.
fn packages(suite: &Suite, cache: &Cache, notice: Notice) -> Result<Packages> {
    Packages::programs(cache, suite, &entry(), &PACKAGES, notice)
}

/// The name of a user space in the cache. The list of packages is part of it: another list is another entry.
fn entry() -> String {
    format!("programs-{}", &Digest::of(PACKAGES.join(" ").as_bytes()).short()[..8])
}

/// Which of [`SUITES`] belongs to a version.
fn preferred(version: &str) -> usize {
    let version = version.parse::<Version>().ok();
    SUITES.iter().rposition(|(_, since)| version.is_some_and(|version| version >= *since)).unwrap_or(0)
}

/// The first suite from this one on whose libraries are new enough for a program of the user's, and its user space.
fn satisfying(
    program: &Program,
    path: &Path,
    first: usize,
    cache: &Cache,
    notice: Notice,
) -> Result<(usize, Packages)> {
    let mut lacking = String::new();
    for (number, (suite, _)) in SUITES.into_iter().enumerate().skip(first) {
        let packages = packages(&suite.parse().map_err(Error::usage)?, cache, notice)?;
        let unmet = program.unmet(&packages.root())?;
        if unmet.is_empty() {
            return Ok((number, packages));
        }
        lacking = format!("{suite} lacks {}", unmet.join(", "));
    }
    Err(Error::usage(format!(
        "find the libraries of `{}` in Debian: {lacking}; a static build needs none (`make mdadm.static`)",
        path.display()
    )))
}

/// Asks a binary of the user's for its version; it runs here, on the host, as the user could run it.
fn version_of(mut command: Command, path: &Path) -> Result<String> {
    let failed = |cause: String| Error::usage(format!("run `{} --version`: {cause}", path.display()));
    command.arg("--version");
    let ran = bounded(command, VERSION_LIMIT, None, Signal::SIGKILL);
    let (end, status, text) = ran.map_err(|error| failed(error.to_string()))?;
    if end != End::Itself {
        return Err(failed(format!("it did not end within {} s", VERSION_LIMIT.as_secs())));
    }
    // mdadm prints `mdadm - v4.2 - 2021-12-30 - Debian 4.2-5`, on its standard error.
    let version = text.split_once(" v").and_then(|(_, rest)| rest.split_whitespace().next().map(str::to_owned));
    let version = version.filter(|version| version.starts_with(|first: char| first.is_ascii_digit()));
    // One that was killed has said nothing, perhaps; how mdadm itself ends varies.
    let killed = status.signal().map(|_| format!("; it ended with {status}")).unwrap_or_default();
    version.ok_or_else(|| failed(format!("expected `mdadm - vVERSION`, got `{}`{killed}", text.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mdadm_comes_with_the_udev_that_its_snapshots_know() {
        let suites =
            ["4.2", "4.3", "4.4", "4.5-rc1", "4.6-3", "5.0", "unknown"].map(|version| SUITES[preferred(version)].0);
        assert_eq!(suites, ["bookworm", "bookworm", "trixie", "trixie", "sid", "sid", "bookworm"]);
    }
}
