//! Programs with mounts of their own, which nobody else sees.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use nix::unistd::{getegid, geteuid};

use crate::ended::{Ended, ends};

/// The variable that names a file for tests that this host cannot run. Where there is none, they fail.
const SKIPPED: &str = "MDLAB_SKIPPED";

/// Why they cannot, and how they can.
const REFUSED: &str = "expected to mount a tmpfs in a mount namespace, as root, in a user namespace, or through `sudo -n`; \
                       this host allows none of it; `sysctl kernel.apparmor_restrict_unprivileged_userns=0` does on Ubuntu, \
                       `sysctl kernel.unprivileged_userns_clone=1` on older Debian";

/// What mdlab has to know where sudo is in between. No others: these are words of a command line, which is logged, and
/// which everybody on this host can read.
const KEPT: [&str; 9] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "MDLAB_CACHE",
    "MDLAB_QEMU",
    "CARGO_TARGET_DIR",
    "CARGO_MANIFEST_DIR",
    "RUST_BACKTRACE",
];

/// How a user comes by mounts of its own.
enum Way {
    Root,
    /// As mighty as root in a realm of its own. Ubuntu's AppArmor takes that might away.
    UserNamespace,
    /// Root makes the mounts, and becomes this user again.
    Sudo,
}

impl Way {
    /// What has a program run in mounts of its own, with these variables besides others.
    fn prefix(&self, variables: &[(&str, &Path)]) -> Vec<OsString> {
        let assign = |name: &str, value: &OsStr| [name.as_ref(), value].join("=".as_ref());
        let mine = variables.iter().map(|(name, value)| assign(name, value.as_os_str()));
        let kept = KEPT.iter().filter_map(|name| Some(assign(name, &std::env::var_os(name)?)));
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        match self {
            Self::Root => [words("env"), mine.collect(), words("unshare --mount")],
            Self::UserNamespace => {
                [words("env"), mine.collect(), words("unshare --mount --user --map-current-user --keep-caps")]
            }
            // sudo keeps little of the environment.
            Self::Sudo => [words("sudo -n env -i"), kept.chain(mine).collect(), words("unshare --mount")],
        }
        .concat()
    }

    /// Runs one script that mounts, and then another as this user.
    fn command(&self, mounts: &str, script: &str, variables: &[(&str, &Path)]) -> Command {
        let script = match self {
            Self::Root | Self::UserNamespace => format!("set -e\n{mounts}\n{script}"),
            Self::Sudo => format!("set -e\n{mounts}\n{} sh -ec '{}'", as_this_user(), script.replace('\'', r"'\''")),
        };
        let prefix = self.prefix(&[&[("MDLAB", Path::new(MDLAB))], variables].concat());
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).args(["sh", "-c", &script]);
        command
    }

    /// Whether this host allows it.
    fn works(&self) -> bool {
        self.command("mount -t tmpfs none /dev/shm", "true", &[]).output().is_ok_and(|output| output.status.success())
    }

    fn find() -> Option<Self> {
        let ways = if geteuid().is_root() { vec![Self::Root] } else { vec![Self::UserNamespace, Self::Sudo] };
        ways.into_iter().find(Self::works)
    }
}

const MDLAB: &str = env!("CARGO_BIN_EXE_mdlab");

fn as_this_user() -> String {
    format!("exec setpriv --reuid={} --regid={} --init-groups", geteuid(), getegid())
}

/// Runs a script after mounts that nobody else sees. Where the host forbids them there is nothing to judge, and somebody is
/// told.
pub(crate) fn in_own_mounts(mounts: &str, script: &str, variables: &[(&str, &Path)]) -> Option<Ended> {
    if let Some(way) = Way::find() {
        return Some(ends(way.command(mounts, script, variables)));
    }
    let Some(skipped) = std::env::var_os(SKIPPED) else {
        panic!("{REFUSED}; or name a file in {SKIPPED}, to which is written what was skipped");
    };
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let mut file = std::fs::File::options().append(true).create(true).open(skipped).unwrap();
    file.write_all(format!("{test}: {REFUSED}\n").as_bytes()).unwrap();
    None
}

#[test]
fn sudo_is_told_no_secrets() {
    let secret = std::env::vars_os().find(|(name, _)| !KEPT.iter().any(|kept| name == kept));
    assert!(secret.is_some(), "a test runner sets some variables of its own");
    let command = Way::Sudo.command("true", "true", &[("CACHE", Path::new("/cache"))]);
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let names: Vec<_> = words.iter().filter_map(|word| word.split_once('=')).map(|(name, _)| name).collect();
    let told = |name: &&str| KEPT.contains(name) || ["MDLAB", "CACHE"].contains(name);
    assert!(names.contains(&"PATH") && names.contains(&"CACHE"), "{words:?}");
    assert_eq!(names.iter().find(|name| !told(name) && !name.contains(' ')), None);
}
