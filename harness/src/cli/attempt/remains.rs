//! What a run leaves behind: nothing, or evidence.

use std::path::{Path, PathBuf};

use mdlab_vm::Scratch;

use crate::cli::progress::complain;
use crate::failure::Failure;
use crate::folder;

/// How the folders begin in which runs leave their evidence.
const PREFIX: &str = "run-";

/// A folder for what a run leaves, and the place of it if it is kept.
pub(in crate::cli) struct Remains {
    folder: Scratch,
    place: PathBuf,
}

impl Remains {
    /// Makes the folder for it.
    pub(in crate::cli) fn make() -> Result<Self, Failure> {
        let folder = folder::scratch()?;
        let unique = folder.path().file_name().unwrap_or_default().to_string_lossy();
        Ok(Self { place: folder::base()?.join(format!("{PREFIX}{unique}")), folder })
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps it; says where, unless it cannot be kept.
    pub(in crate::cli) fn keep(self) -> Option<PathBuf> {
        match self.folder.keep(&self.place) {
            Ok(()) => Some(self.place),
            // The failure itself matters more than a failure to keep its evidence.
            Err(error) => {
                complain(&error.to_string());
                None
            }
        }
    }

    /// Where something in it will be.
    pub(in crate::cli) fn place_of(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.path()).map_or_else(|_| path.to_owned(), |inside| self.place.join(inside))
    }

    /// A text with the place where the evidence will be.
    pub(in crate::cli) fn placed(&self, text: &str) -> String {
        text.replace(&*self.path().to_string_lossy(), &self.place.to_string_lossy())
    }
}
