//! Programs with mounts of their own, which nobody else sees.

use std::ffi::OsString;
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

/// How a user comes by mounts of its own.
enum Way {
    Root,
    /// As mighty as root in a realm of its own. Ubuntu's AppArmor takes that might away.
    UserNamespace,
    /// Root makes the mounts, and becomes this user again.
    Sudo,
}

impl Way {
    /// Runs one script that mounts, and then another as this user.
    fn command(&self, mounts: &str, script: &str, variables: &[(&str, &Path)]) -> Command {
        let unshare = ["unshare", "--mount"];
        let script = match self {
            Self::Root | Self::UserNamespace => format!("set -e\n{mounts}\n{script}"),
            Self::Sudo => format!("set -e\n{mounts}\n{} sh -ec '{}'", as_this_user(), script.replace('\'', r"'\''")),
        };
        let mut command = Command::new(unshare[0]);
        match self {
            Self::Root => command.arg(unshare[1]),
            Self::UserNamespace => command.args([unshare[1], "--user", "--map-current-user", "--keep-caps"]),
            Self::Sudo => {
                command = Command::new("sudo");
                // sudo keeps little of the environment.
                command.args(["-n", "env", "-i"]).args(environment(variables)).args(unshare)
            }
        };
        command.args(["sh", "-c", &script]).env("MDLAB", MDLAB).envs(variables.iter().copied());
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

/// `NAME=VALUE` of each variable.
fn environment(more: &[(&str, &Path)]) -> Vec<OsString> {
    let more = more.iter().map(|(name, value)| (OsString::from(name), value.as_os_str().to_owned()));
    let all = std::env::vars_os().chain([("MDLAB".into(), MDLAB.into())]).chain(more);
    all.map(|(name, value)| [name, value].join("=".as_ref())).collect()
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
