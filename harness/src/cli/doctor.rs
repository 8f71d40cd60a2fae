//! `mdlab doctor`: what this machine has and lacks.

use std::path::Path;

use clap::Args;
use mdlab_vm::{AccelChoice, Build, Cache, Qemu};

use super::progress::telling;
use super::{Machine, print};
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;

/// Says what this machine has and lacks, and the command that mends each lack. KVM is proven by booting under it.
///
/// Example: mdlab doctor --accel kvm
#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    machine: Machine,
}

/// A finding: what was looked at, what was found, and whether mdlab can do without.
struct Finding {
    what: &'static str,
    found: Result<String, String>,
    needed: bool,
}

/// Programs of the host, what has them, and whether nothing goes without.
const PROGRAMS: [(&str, &str, bool); 8] = [
    ("apt-get", "mdlab fetches guests' programs with it; Debian and Ubuntu have it", true),
    ("dpkg-deb", "`apt-get install dpkg`", true),
    ("depmod", "`apt-get install kmod`", true),
    ("strip", "kernels of one's own need it: `apt-get install binutils`", false),
    ("git", "`mdlab bisect` needs it: `apt-get install git`", false),
    ("cargo", "`mdlab run` needs it: install Rust with rustup", false),
    ("cargo-nextest", "`mdlab run` needs it: `cargo install --locked cargo-nextest`", false),
    ("cargo-insta", "to review snapshots: `cargo install --locked cargo-insta`", false),
];

/// Bytes of memory that two machines at once are comfortable with.
const MEMORY: u64 = 1 << 30;

/// Bytes of disk that packages, a kernel and a few kept machines take.
const DISK: u64 = 2 << 30;

impl Doctor {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut findings = vec![qemu(), memory(), cache()];
        findings.extend(PROGRAMS.map(|(program, mend, needed)| find_program(program, mend, needed)));
        findings.extend([kernel_build(), keyring()]);
        let lacks = findings.iter().any(|finding| finding.needed && finding.found.is_err());
        let mut refused = None;
        if !lacks {
            for accel in [AccelChoice::Tcg, AccelChoice::Kvm] {
                match self.boots(accel) {
                    Ok(finding) => findings.push(finding),
                    Err(failure) => refused = Some(failure),
                }
            }
        }
        let count = findings.iter().filter(|finding| finding.needed && finding.found.is_err()).count();
        print(&findings.iter().map(line).collect::<String>())?;
        match (count, refused) {
            (0, None) => Ok(()),
            (0, Some(failure)) => Err(failure),
            _ => Err(Failure::infra(format!("this machine lacks {count} of the things that mdlab needs"))),
        }
    }

    /// Boots the machine that was asked for; that alone proves that it can be booted.
    fn boots(&self, accel: AccelChoice) -> Result<Finding, Failure> {
        let boot = || {
            let choice = crate::choice::Choice { accel, ..self.machine.choice()? };
            let laboratory = Laboratory::open(&choice, &mut telling())?;
            laboratory.fork()?;
            Ok::<_, Failure>(format!("{} boots and forks", laboratory.machine()))
        };
        let found = match boot() {
            // Not this machine's fault.
            Err(failure) if failure.class == Class::Usage => return Err(failure),
            found => found.map_err(|failure| failure.message),
        };
        Ok(match accel {
            AccelChoice::Kvm => {
                let needed = self.machine.accel == Some(AccelChoice::Kvm);
                let found = found.map_err(|cause| match needed {
                    true => cause,
                    false => format!("{cause}\n  mdlab does without: emulation is its default"),
                });
                Finding { what: "kvm", found, needed }
            }
            _ => Finding { what: "emulation", found, needed: true },
        })
    }
}

fn line(finding: &Finding) -> String {
    let (mark, text) = match &finding.found {
        Ok(text) => ("ok", text),
        Err(text) if finding.needed => ("LACKS", text),
        Err(text) => ("without", text),
    };
    format!("{mark:8}{:15}{}\n", finding.what, text.replace('\n', "\n                       "))
}

fn qemu() -> Finding {
    let found = Qemu::find().map(|qemu| format!("{} {}", qemu.program.display(), qemu.version));
    Finding { what: "qemu", found: found.map_err(|error| error.message), needed: true }
}

fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let bytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024;
    let said = format!("{} MiB available for guests' memory, which is shared and lives in no folder", bytes >> 20);
    let found = if bytes >= MEMORY { Ok(said) } else { Err(format!("{said}; {} MiB are needed", MEMORY >> 20)) };
    Finding { what: "shared memory", found, needed: true }
}

fn cache() -> Finding {
    let look = || {
        let cache = Cache::open().map_err(|error| error.message)?;
        let path = cache.path("");
        let status =
            nix::sys::statvfs::statvfs(&path).map_err(|error| format!("look at `{}`: {error}", path.display()))?;
        let free = status.blocks_available() * status.fragment_size();
        let said = format!("`{}`, {} MiB free", path.display(), free >> 20);
        if free >= DISK {
            Ok(said)
        } else {
            Err(format!("{said}; {} MiB are needed: name another folder in MDLAB_CACHE", DISK >> 20))
        }
    };
    Finding { what: "cache", found: look(), needed: true }
}

fn find_program(program: &'static str, mend: &str, needed: bool) -> Finding {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = path.split(':').map(|folder| Path::new(folder).join(program)).find(|path| path.is_file());
    let found = found.map(|path| path.display().to_string()).ok_or_else(|| format!("not found: {mend}"));
    Finding { what: program, found, needed }
}

fn kernel_build() -> Finding {
    let missing = Build::missing();
    let found = match missing.is_empty() {
        true => Ok("a compiler, make, flex, bison, bc and libelf are there".to_owned()),
        false => Err(format!("`mdlab kernel build` needs more: `apt-get install {}`", missing.join(" "))),
    };
    Finding { what: "kernel build", found, needed: false }
}

fn keyring() -> Finding {
    let path = mdlab_vm::Packages::KEYRING;
    let found = match Path::new(path).exists() {
        true => Ok(path.to_owned()),
        false => Err("not found: `apt-get install debian-archive-keyring`".to_owned()),
    };
    Finding { what: "keyring", found, needed: true }
}
