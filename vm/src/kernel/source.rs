//! The names of kernels.

use std::path::{self, PathBuf};
use std::str::FromStr;

use crate::packages::Suite;

/// Where a kernel comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KernelSource {
    /// `debian:SUITE`: Debian's newest cloud kernel of that suite.
    Debian(Suite),
    /// `file:PATH`, or `file:PATH,modules:DIR`: a bzImage, and the folder of its modules (`lib/modules/RELEASE`).
    File {
        /// The bzImage.
        image: PathBuf,
        /// Its modules; a kernel with loop and md built in needs none.
        modules: Option<PathBuf>,
    },
    /// `tree:PATH`: a kernel tree that was built there, or the folder that `make O=` filled; nothing of it is installed.
    Tree(PathBuf),
    /// `host`: the kernel that runs here, and its modules.
    Host,
}

impl KernelSource {
    /// What a name may be.
    const FORMS: &str = "`debian:SUITE`, `file:PATH[,modules:DIR]`, `tree:PATH` or `host`";

    /// The same, wherever the current folder is.
    pub fn absolute(self) -> std::io::Result<Self> {
        Ok(match self {
            Self::File { image, modules } => {
                Self::File { image: path::absolute(image)?, modules: modules.map(path::absolute).transpose()? }
            }
            Self::Tree(path) => Self::Tree(path::absolute(path)?),
            Self::Debian(_) | Self::Host => self,
        })
    }
}

impl FromStr for KernelSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "host" => Ok(Self::Host),
            Some(("debian", suite)) => suite.parse().map(Self::Debian),
            Some(("tree", path)) if !path.is_empty() => Ok(Self::Tree(path.into())),
            Some(("file", rest)) if !rest.is_empty() => {
                let (image, modules) = match rest.split_once(",modules:") {
                    Some((image, modules)) => (image, Some(PathBuf::from(modules))),
                    None => (rest, None),
                };
                Ok(Self::File { image: image.into(), modules })
            }
            _ => Err(format!("expected {}, got `{text}`", Self::FORMS)),
        }
    }
}

impl std::fmt::Display for KernelSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Debian(suite) => write!(f, "debian:{}", suite.name()),
            Self::File { image, modules: None } => write!(f, "file:{}", image.display()),
            Self::File { image, modules: Some(modules) } => {
                write!(f, "file:{},modules:{}", image.display(), modules.display())
            }
            Self::Tree(path) => write!(f, "tree:{}", path.display()),
            Self::Host => f.write_str("host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_and_shown_alike() {
        for text in [
            "debian:bookworm",
            "file:/boot/bzImage",
            "file:/boot/bzImage,modules:/lib/modules/6.1.0",
            "tree:/home/me/linux",
            "host",
        ] {
            assert_eq!(text.parse::<KernelSource>().unwrap().to_string(), text);
        }
        for text in ["bookworm", "debian:", "debian:Book/worm", "debian:../x", "tree:", "file:", "host:", "hosts", ""] {
            assert!(text.parse::<KernelSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_current_folder_stays_behind() {
        let absolute = |text: &str| text.parse::<KernelSource>().unwrap().absolute().unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute("tree:linux"), KernelSource::Tree(here.join("linux")));
        let (image, modules) = (here.join("a"), Some(here.join("b")));
        assert_eq!(absolute("file:a,modules:b"), KernelSource::File { image, modules });
    }
}
