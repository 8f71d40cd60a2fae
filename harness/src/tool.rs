//! Where mdadm comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mdlab_vm::Suite;

/// The mdadm of a guest, and with it the user space around it: udev and its rules, modprobe, the C library.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ToolSource {
    /// `debian:SUITE`: that suite's mdadm in that suite's user space.
    Debian(Suite),
    /// `file:PATH`: this binary, static or not, in the user space of the first suite whose libraries satisfy it, and whose
    /// mdadm is about as new.
    File(PathBuf),
}

impl ToolSource {
    /// The same, wherever the current folder is; and a bare `mdadm` is a file, not a program to be looked up.
    pub(crate) fn absolute(self) -> std::io::Result<Self> {
        Ok(match self {
            Self::File(path) => Self::File(std::path::absolute(path)?),
            Self::Debian(_) => self,
        })
    }
}

impl FromStr for ToolSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("debian", suite)) => suite.parse().map(Self::Debian),
            Some(("file", path)) if path.starts_with("~/") => {
                Err(format!("expected a path, got `{path}`: a shell knows `~` only where a word begins; write `$HOME`"))
            }
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ if Path::new(text).is_file() => Err(format!("expected `file:{text}`, got `{text}`")),
            _ => Err(format!("expected `debian:SUITE` or `file:PATH`, got `{text}`")),
        }
    }
}

impl fmt::Display for ToolSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian(suite) => write!(f, "debian:{}", suite.name()),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_tool_is_told() {
        let told = |text: &str| text.parse::<ToolSource>().unwrap_err();
        assert_eq!(told("/bin/sh"), "expected `file:/bin/sh`, got `/bin/sh`");
        assert!(told("file:~/mdadm").ends_with("a shell knows `~` only where a word begins; write `$HOME`"));
        assert_eq!(told("mdadm"), "expected `debian:SUITE` or `file:PATH`, got `mdadm`");
    }
}
