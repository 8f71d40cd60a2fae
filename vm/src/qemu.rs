//! The QEMU of this host.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::child;
use crate::error::{Error, Result};

const PROGRAM: &str = "qemu-system-x86_64";

/// The oldest QEMU that knows all options of the machine: `-action panic=pause` came with 6.0.
const OLDEST: (u32, u32) = (6, 0);

/// A QEMU that was found and is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qemu {
    /// The program.
    pub program: PathBuf,
    /// What it says of its version: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)`.
    pub version: String,
}

impl Qemu {
    /// Finds `qemu-system-x86_64`, or the program that `MDLAB_QEMU` names, and asks its version.
    pub fn find() -> Result<Self> {
        let named = std::env::var_os("MDLAB_QEMU").map_or_else(|| PathBuf::from(PROGRAM), PathBuf::from);
        // Absolute, because QEMU is started without this process's PATH.
        let program = in_path(&named).unwrap_or(named);
        let failed = |cause: String| {
            Error::infra(format!(
                "run `{} --version`: {cause}; QEMU {}.{} or newer is needed: `apt-get install qemu-system-x86`, \
                 or name it in MDLAB_QEMU",
                program.display(),
                OLDEST.0,
                OLDEST.1,
            ))
        };
        let shell = Shell::new().map_err(|error| failed(error.to_string()))?;
        let output = child::output(cmd!(shell, "{program} --version")).map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(output.status.to_string()));
        }
        let version = accept(&String::from_utf8_lossy(&output.stdout)).map_err(failed)?;
        Ok(Self { program, version })
    }
}

/// Where a program lies: a bare name is looked up in PATH.
fn in_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.canonicalize().ok();
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The version in the output of `--version`, if it is new enough.
fn accept(output: &str) -> std::result::Result<String, String> {
    let first = output.lines().next().unwrap_or_default();
    let version = first.strip_prefix("QEMU emulator version ").ok_or_else(|| format!("it printed `{first}`"))?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok(version.to_owned()),
        (Some(Ok(_)), Some(Ok(_))) => Err(format!("it is version {version}")),
        _ => Err(format!("it printed `{first}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::accept;

    #[test]
    fn versions_from_6_0_are_accepted() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022\n";
        assert_eq!(accept(debian), Ok("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)".into()));
        assert_eq!(accept("QEMU emulator version 6.0.0"), Ok("6.0.0".into()));
        assert_eq!(accept("QEMU emulator version 10.0.2"), Ok("10.0.2".into()));
    }

    #[test]
    fn older_ones_and_other_programs_are_not() {
        assert_eq!(accept("QEMU emulator version 5.2.0"), Err("it is version 5.2.0".into()));
        assert_eq!(accept("hello"), Err("it printed `hello`".into()));
        assert_eq!(accept(""), Err("it printed ``".into()));
    }
}
