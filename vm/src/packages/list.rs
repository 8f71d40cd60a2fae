//! What the list of a suite says of its packages.

use std::collections::BTreeSet;

use xshell::{Shell, cmd};

use super::{Suite, run};
use crate::error::{Error, Result, Unavailable};

/// What a package depends on, step by step, as far as its name begins with one of the prefixes.
pub(super) fn follow(shell: &Shell, suite: &Suite, name: &str, prefixes: &[&str]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let text = show(shell, suite, &name)?;
        let depends = text.lines().filter_map(|line| line.strip_prefix("Depends: "));
        for word in depends.flat_map(|list| list.split([',', '|'])) {
            let word = word.split_whitespace().next().unwrap_or_default();
            if prefixes.iter().any(|prefix| word.starts_with(prefix)) && found.insert(word.to_owned()) {
                open.push(word.to_owned());
            }
        }
    }
    Ok(found)
}

/// What the suite's list says of a package.
fn show(shell: &Shell, suite: &Suite, name: &str) -> Result<String> {
    run(cmd!(shell, "apt-cache show --no-all-versions {name}")).map_err(|error| {
        if !error.message.contains("No packages found") {
            return error;
        }
        let like_it = match alike(shell, name) {
            names if names.is_empty() => String::new(),
            names => format!(", but {}", names.join(", ")),
        };
        let suite = suite.name();
        Error::unavailable(
            Unavailable::Package,
            format!("find `{name}` in Debian's suite `{suite}`: there is none of that name{like_it}"),
        )
    })
}

/// Packages whose names differ from a name in their numbers only: those of other versions.
fn alike(shell: &Shell, name: &str) -> Vec<String> {
    let unnumbered = |name: &str| name.replace(|c: char| c.is_ascii_digit() || ".+".contains(c), "");
    let begin: String = name.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let names = run(cmd!(shell, "apt-cache pkgnames {begin}")).unwrap_or_default();
    let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
    names.retain(|other| unnumbered(other) == unnumbered(name));
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::Class;

    /// A shell whose `apt-cache` is this script.
    fn with_apt_cache(script: &str) -> (tempfile::TempDir, Shell) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("apt-cache");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let shell = Shell::new().unwrap();
        shell.set_var("PATH", folder.path());
        (folder, shell)
    }

    fn refusal(script: &str) -> Error {
        let (_folder, shell) = with_apt_cache(script);
        show(&shell, &"bookworm".parse().unwrap(), "linux-headers-6.1.0-50-cloud-amd64").unwrap_err()
    }

    #[test]
    fn a_package_that_is_gone_is_told_from_a_list_that_cannot_be_read() {
        let names = [
            "linux-headers-6.1.0-56-amd64",
            "linux-headers-6.1.0-56-cloud-amd64",
            "linux-headers-6.1.0-56-common",
            "linux-headers-cloud-amd64",
        ];
        let gone = format!(
            "case $1 in show) echo 'E: No packages found' >&2; exit 100;; esac\nprintf '%s\\n' {}",
            names.join(" ")
        );
        let error = refusal(&gone);
        let expected = "find `linux-headers-6.1.0-50-cloud-amd64` in Debian's suite `bookworm`: there is none of that name, \
                        but linux-headers-6.1.0-56-cloud-amd64";
        assert_eq!((error.unavailable, error.message.as_str()), (Some(Unavailable::Package), expected));
        let error = refusal("echo 'E: The package lists could not be read' >&2; exit 100");
        assert_eq!((error.unavailable, error.class), (None, Class::Infra));
    }
}
