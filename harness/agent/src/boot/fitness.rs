//! What the kernel must have. Each check names the line of the configuration that is missing.

use std::fs;
use std::path::Path;

use mdlab_protocol::Missing;
use nix::errno::Errno;

use super::kernel_modules::{self, Refused};
use crate::arrays::MDSTAT;
use crate::failure::{Attempt, Failure};

struct Need {
    option: &'static str,
    check: fn() -> Result<(), Failure>,
}

/// What the agent, udevd, and every scenario need. Without what the mailbox needs there is nobody to tell: see
/// [`mailbox_needs`].
const NEEDS: &[Need] = &[
    Need { option: "CONFIG_DEVTMPFS=y", check: || file_system("devtmpfs") },
    Need { option: "CONFIG_TMPFS=y", check: || file_system("tmpfs") },
    Need { option: "CONFIG_PRINTK=y", check: || exists("/dev/kmsg") },
    Need { option: "CONFIG_NET=y", check: || exists("/sys/kernel/uevent_seqnum") },
    Need { option: "CONFIG_UNIX=y", check: || call("make a socket of `AF_UNIX`", socket(libc::AF_UNIX, 0)) },
    Need {
        option: "CONFIG_NET=y",
        check: || call("open a `NETLINK_KOBJECT_UEVENT` socket", socket(libc::AF_NETLINK, NETLINK_UEVENT)),
    },
    Need { option: "CONFIG_INOTIFY_USER=y", check: inotify },
    Need {
        option: "CONFIG_SECCOMP_FILTER=y",
        check: || call("ask for `SECCOMP_RET_TRACE`", crate::trace::supported()),
    },
    Need { option: "CONFIG_BLK_DEV_LOOP=y", check: || exists_or_module("/dev/loop-control", "loop") },
    Need { option: "CONFIG_BLK_DEV_MD=y", check: || exists_or_module(MDSTAT, "md_mod") },
    Need { option: "CONFIG_MD_RAID1=y", check: || personality("raid1") },
];

/// The options behind the modules that a host may list.
const MODULES: &[(&str, &str)] = &[
    ("loop", "CONFIG_BLK_DEV_LOOP=y"),
    ("md_mod", "CONFIG_BLK_DEV_MD=y"),
    ("linear", "CONFIG_MD_LINEAR=y"),
    ("raid0", "CONFIG_MD_RAID0=y"),
    ("raid1", "CONFIG_MD_RAID1=y"),
    ("raid10", "CONFIG_MD_RAID10=y"),
    ("raid456", "CONFIG_MD_RAID456=y"),
    ("dm_mod", "CONFIG_BLK_DEV_DM=y"),
];

/// Personalities, which are what a listed module is for; built in or loaded does not matter.
const PERSONALITIES: &[(&str, &str)] =
    &[("linear", "linear"), ("raid0", "raid0"), ("raid1", "raid1"), ("raid10", "raid10"), ("raid456", "raid5")];

const NETLINK_UEVENT: i32 = libc::NETLINK_KOBJECT_UEVENT;

/// Everything that is missing; a module that was refused counts if what it brings is not there.
pub(super) fn missing(refused: &[Refused]) -> Vec<Missing> {
    let mut missing: Vec<Missing> = Vec::new();
    let mut add = |option: &str, why: String| {
        if missing.iter().all(|known| known.option != option) {
            missing.push(Missing { option: option.into(), why });
        }
    };
    for need in NEEDS {
        if let Err(failure) = (need.check)() {
            add(need.option, failure.to_string());
        }
    }
    for Refused { name, why } in refused {
        let built_in = PERSONALITIES.iter().any(|(module, level)| module == name && personality_is_there(level))
            || Path::new("/sys/module").join(name).exists()
            || name == "md_mod" && Path::new(MDSTAT).exists();
        if !built_in && let Some((_, option)) = MODULES.iter().find(|(module, _)| module == name) {
            add(option, why.clone());
        }
    }
    missing
}

/// What the mailbox's failure to open means.
pub(super) fn mailbox_needs(error: &std::io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSYS) => "the kernel needs CONFIG_X86_IOPL_IOPERM=y",
        Some(Errno::ENOENT | Errno::ENXIO) => "the kernel needs CONFIG_DEVMEM=y",
        Some(Errno::EPERM) => "the kernel refuses access to memory: boot it without lockdown=",
        _ => "the kernel needs CONFIG_DEVMEM=y and CONFIG_X86_IOPL_IOPERM=y",
    }
}

fn exists(path: &str) -> Result<(), Failure> {
    fs::symlink_metadata(path).map(drop).attempt(|| format!("look at `{path}`"))
}

/// What is there, or would be there once its module is loaded: a scenario may want to load it itself.
fn exists_or_module(path: &str, module: &str) -> Result<(), Failure> {
    if Path::new(path).exists() { Ok(()) } else { kernel_modules::available(module) }
}

fn personality(module: &str) -> Result<(), Failure> {
    if personality_is_there(module) { Ok(()) } else { kernel_modules::available(module) }
}

fn personality_is_there(level: &str) -> bool {
    fs::read_to_string(MDSTAT).is_ok_and(|mdstat| mdstat.contains(&format!("[{level}]")))
}

fn file_system(name: &str) -> Result<(), Failure> {
    let path = "/proc/filesystems";
    let list = fs::read_to_string(path).attempt(|| format!("read `{path}`"))?;
    if list.lines().any(|line| line.split('\t').next_back() == Some(name)) {
        return Ok(());
    }
    Err(Failure::new(format!("find `{name}` in `{path}`"), "it is not listed"))
}

fn inotify() -> Result<(), Failure> {
    use nix::sys::inotify::{InitFlags, Inotify};
    call("make an inotify instance", Inotify::init(InitFlags::IN_CLOEXEC).map(drop))
}

fn socket(family: i32, protocol: i32) -> Result<(), Errno> {
    // SAFETY: socket takes no pointers.
    let descriptor = Errno::result(unsafe { libc::socket(family, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) })?;
    nix::unistd::close(descriptor)
}

fn call(attempt: &str, result: Result<(), Errno>) -> Result<(), Failure> {
    result.attempt(|| attempt.into())
}
