//! Where Debian's packages come from.

use std::fs;

use xshell::{Shell, cmd};

use super::run;
use crate::error::{Error, Result};

/// debootstrap's script for sid names the mirror that Debian itself recommends; other distributions carry it as well.
const DEBOOTSTRAP: &str = "/usr/share/debootstrap/scripts/sid";

/// The mirror that `MDLAB_DEBIAN_MIRROR` names, or that this host's apt uses for Debian, or that debootstrap would use.
pub(super) fn find(shell: &Shell) -> Result<String> {
    if let Ok(mirror) = std::env::var("MDLAB_DEBIAN_MIRROR") {
        return Ok(mirror);
    }
    let format = "$(ORIGIN) $(LABEL) $(REPO_URI)";
    let targets = run(cmd!(shell, "apt-get indextargets --format {format}"))?;
    let script = fs::read_to_string(DEBOOTSTRAP).unwrap_or_default();
    of_this_host(&targets).or_else(|| of_debootstrap(&script)).ok_or_else(|| {
        Error::infra(
            "find a mirror of Debian: this host's apt knows none, and debootstrap is not installed; `apt-get update` on \
             Debian, `apt-get install debootstrap` elsewhere, or name one in MDLAB_DEBIAN_MIRROR",
        )
    })
}

fn of_this_host(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| line.strip_prefix("Debian Debian ")).map(str::to_owned)
}

fn of_debootstrap(script: &str) -> Option<String> {
    script.lines().find_map(|line| line.trim().strip_prefix("default_mirror ")).map(|mirror| mirror.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_mirror_is_debian_s_own() {
        let targets = "Debian Debian-Security http://mirror.invalid/security/\nUbuntu Ubuntu http://ubuntu.invalid/\n\
                       Debian Debian http://mirror.invalid/debian/\n";
        assert_eq!(of_this_host(targets).as_deref(), Some("http://mirror.invalid/debian/"));
        assert_eq!(of_this_host("Ubuntu Ubuntu http://ubuntu.invalid/\n"), None);
    }

    #[test]
    fn debootstrap_names_a_mirror() {
        let script = "case $ARCH in\n*)\n  default_mirror http://mirror.invalid/debian\n  ;;\n";
        assert_eq!(of_debootstrap(script).as_deref(), Some("http://mirror.invalid/debian"));
        assert_eq!(of_debootstrap(""), None);
    }
}
