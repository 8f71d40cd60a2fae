//! The user space of a guest: a distribution's own programs and rules around the agent.

use std::path::{Path, PathBuf};

use mdlab_vm::{Cache, Digest, Error, Kernel, Notice, Packages, RamDisk, Result, child};

use crate::choice::DEFAULT_SUITE;
use crate::tool::ToolSource;

/// The agent, built static by the build script: the guest's PID 1.
const AGENT: &[u8] = include_bytes!(env!("MDLAB_AGENT"));

/// Debian's packages that the user space is made of; what they depend on comes along.
const PACKAGES: [&str; 10] =
    ["mdadm", "udev", "kmod", "base-passwd", "coreutils", "dash", "util-linux", "mount", "dmsetup", "e2fsprogs"];

/// Programs, by name; each is looked for in [`FOLDERS`].
const PROGRAMS: [&str; 29] = [
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
    "dash",
    "dd",
    "echo",
    "env",
    "false",
    "fstrim",
    "head",
    "ls",
    "losetup",
    "lsblk",
    "mkdir",
    "mkfs.ext4",
    "mount",
    "rm",
    "sleep",
    "stat",
    "sync",
    "true",
    "umount",
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

/// At hand for modprobe.
const AT_HAND: [&str; 9] =
    ["dm-mod", "dm-flakey", "dm-delay", "dm-log-writes", "dm-raid", "scsi_debug", "sd_mod", "brd", "ext4"];

/// A user space at hand.
pub(crate) struct Userland {
    packages: Packages,
    /// The mdadm that replaces the package's.
    mdadm: Option<PathBuf>,
    version: String,
}

impl Userland {
    /// Finds the packages of a tool's suite, or fetches them.
    pub(crate) fn find(tool: &ToolSource, cache: &Cache, notice: Notice) -> Result<Self> {
        let (suite, mdadm) = match tool {
            ToolSource::Debian(suite) => (suite.clone(), None),
            ToolSource::File(path) => (DEFAULT_SUITE.parse().map_err(Error::usage)?, Some(path.clone())),
        };
        // The list of packages is part of the entry's name: another list is another entry.
        let entry = format!("programs-{}", &Digest::of(PACKAGES.join(" ").as_bytes()).short()[..8]);
        let packages = Packages::programs(cache, &suite, &entry, &PACKAGES, notice)?;
        let version = match &mdadm {
            None => packages.version("mdadm").unwrap_or_default().to_owned(),
            Some(path) => version_of(path)?,
        };
        Ok(Self { packages, mdadm, version })
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
        Ok(format!("agent {}\ntables {tables}\nmdadm {mdadm}\n{}", Digest::of(AGENT), self.packages.identity()))
    }

    /// Builds the RAM disk.
    pub(crate) fn ram_disk(&self, cache: &Cache, kernel: &Kernel) -> Result<RamDisk> {
        self.packages.verify()?;
        let root = self.packages.root();
        let mut disk = RamDisk::new();
        disk.file("init", AGENT, 0o755);
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

/// Asks a binary of the user's for its version; it runs here, on the host, as the user could run it.
fn version_of(path: &Path) -> Result<String> {
    let failed = |cause: String| Error::usage(format!("run `{} --version`: {cause}", path.display()));
    let mut command = std::process::Command::new(path);
    command.arg("--version");
    let output = child::output(command).map_err(|error| failed(error.to_string()))?;
    // mdadm prints `mdadm - v4.2 - 2021-12-30 - Debian 4.2-5`, on its standard error.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let version = text.split_once(" v").and_then(|(_, rest)| rest.split_whitespace().next().map(str::to_owned));
    let version = version.filter(|version| version.starts_with(|first: char| first.is_ascii_digit()));
    version.ok_or_else(|| failed(format!("expected `mdadm - vVERSION`, got `{}`", text.trim())))
}
