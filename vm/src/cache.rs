//! The folder that outlives a run: kernels, packages, kept machines.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Context, Error, Result};
use crate::news::{News, Notice};
use crate::scratch::Scratch;

/// What was used so lately is used again: by the next machine of a grid, by the next step of a search.
const RECENT: Duration = Duration::from_secs(3600);

/// A folder of one user, mode 0700, that any number of processes share.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache of this user: `MDLAB_CACHE`, or `mdlab` below `XDG_CACHE_HOME` or `~/.cache`.
    pub fn open() -> Result<Self> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = named("MDLAB_CACHE")
            .or_else(|| named("XDG_CACHE_HOME").map(|folder| folder.join("mdlab")))
            .or_else(|| named("HOME").map(|folder| folder.join(".cache/mdlab")))
            .ok_or_else(|| Error::usage("find a cache folder: set MDLAB_CACHE or HOME"))?;
        Self::at(&root)
    }

    /// Opens a cache in a folder, which is made if it is not there.
    pub fn at(root: &Path) -> Result<Self> {
        let mend = |error: Error| Error::infra(format!("{}; name another folder in MDLAB_CACHE", error.message));
        // Its paths stand in command lines and environments.
        if root.to_str().is_none() {
            return Err(Error::usage(format!("use the cache folder `{}`: expected a path in UTF-8", root.display())));
        }
        let make = || -> Result<PathBuf> {
            DirBuilder::new().recursive(true).mode(0o700).create(root).context("make the cache folder", root)?;
            // A file that vanishes with its descriptor: proof that the folder can be written, now and not in mid-boot.
            tempfile::tempfile_in(root).context("write to the cache folder", root)?;
            root.canonicalize().context("resolve the cache folder", root)
        };
        Ok(Self { root: make().map_err(mend)? })
    }

    /// The path of an entry.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// Makes a folder of the cache.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).context("make the folder", &path)?;
        Ok(path)
    }

    /// Opens the lock file of an entry. The lock itself goes when the file is closed, however the process ends.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File> {
        self.folder("locks")?;
        let path = self.path(format!("locks/{}", name.replace('/', "-")));
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        options.context("open the lock", &path)
    }

    /// Waits until no other process works on an entry, nor looks at it. Whoever works is bounded: a boot by its limit, a
    /// download by apt's time-outs, a build by its own and that of the runs for which it is held.
    pub(crate) fn lock(&self, name: &str, notice: Notice) -> Result<File> {
        let file = self.lock_file(name)?;
        if file.try_lock().is_err() {
            notice(News::Note(&format!("waiting for another process that works with `{name}`")));
            file.lock().context("lock", &self.path(name))?;
        }
        Ok(file)
    }

    /// Waits until no other process works on an entry.
    pub(crate) fn lock_shared(&self, name: &str, notice: Notice) -> Result<File> {
        let file = self.lock_file(name)?;
        if file.try_lock_shared().is_err() {
            notice(News::Note(&format!("waiting for another process that makes `{name}`")));
            file.lock_shared().context("lock", &self.path(name))?;
        }
        Ok(file)
    }

    /// Makes a folder beside an entry, to be filled and then moved into its place with [`Cache::publish`]. It is removed
    /// when dropped; those that a killed process left behind are removed here, by whoever holds the entry's lock.
    pub(crate) fn draft(&self, name: &str) -> Result<tempfile::TempDir> {
        let path = self.path(name);
        let (parent, stem) = (path.parent().unwrap_or(&self.root), path.file_name().unwrap_or_default());
        DirBuilder::new().recursive(true).mode(0o700).create(parent).context("make the folder", parent)?;
        let prefix = format!(".{}.", stem.to_string_lossy());
        for entry in parent.read_dir().context("list", parent)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_dir_all(entry.path()).context("remove the abandoned", &entry.path())?;
            }
        }
        tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).context("make a folder in", parent)
    }

    /// Makes a folder for files that are needed for a moment.
    pub(crate) fn scratch(&self) -> Result<Scratch> {
        Scratch::make(&self.path("scratch"))
    }

    /// Puts a filled folder in an entry's place, replacing what was there.
    pub(crate) fn publish(&self, draft: tempfile::TempDir, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        if path.exists() {
            fs::remove_dir_all(&path).context("remove", &path)?;
        }
        fs::rename(draft.path(), &path).context("make", &path)?;
        // The folder is where it belongs; there is nothing left to remove.
        let _ = draft.keep();
        Ok(path)
    }

    /// Removes the entries of a folder that were used longest ago, but for so many, and for those that were used in the last hour
    /// or are at work. An entry was used when [`Cache::use_entry`] said so of this file of its own. Whoever has its files open keeps
    /// them. What cannot be removed is no failure: it is in nobody's way.
    pub fn discard_oldest(&self, folder: &str, file: &str, most: usize, notice: Notice) {
        let used = |entry: &Path| entry.join(file).metadata().and_then(|metadata| metadata.modified()).ok();
        let entries = self.path(folder).read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        let mut entries: Vec<(SystemTime, PathBuf)> =
            entries.filter_map(|entry| Some((used(&entry)?, entry))).collect();
        entries.sort();
        let surplus = entries.len().saturating_sub(most);
        for (_, entry) in entries.into_iter().take(surplus) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let Ok(lock) = self.lock_file(&format!("{folder}/{name}")) else { continue };
            // Of a clock that was set back nothing follows. The time is read once nobody else can be at work.
            let is_old = || used(&entry).and_then(|used| used.elapsed().ok()).is_some_and(|age| age > RECENT);
            if lock.try_lock().is_ok()
                && is_old()
                && let Err(error) = fs::remove_dir_all(&entry)
            {
                notice(News::Note(&format!("remove `{}`: {error}", entry.display())));
            }
        }
    }

    /// Takes note that an entry is used, by this file of its own. Where it cannot be noted, nothing is lost but the entry, some day.
    pub fn use_entry(file: &Path) {
        let _ = File::options().write(true).open(file).and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Stores a small file, whole or not at all.
    pub(crate) fn store(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        let mut file = tempfile::NamedTempFile::new_in(&self.root).context("make a file in", &self.root)?;
        file.write_all(bytes).context("write", &path)?;
        file.persist(&path).context("make", &path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let now = SystemTime::now();
        // Hours since each was used; `5` is at work.
        for hours in [0, 1, 2, 3, 4, 5] {
            let folder = cache.folder(&format!("kept/{hours}")).unwrap();
            let file = File::create(folder.join("manifest")).unwrap();
            file.set_modified(now - RECENT * hours).unwrap();
        }
        let at_work = cache.lock_file("kept/5").unwrap();
        at_work.lock().unwrap();
        let discard = |most| cache.discard_oldest("kept", "manifest", most, &mut |news| panic!("{news:?}"));
        discard(3);
        let left = || {
            let mut names: Vec<_> = cache.path("kept").read_dir().unwrap().flatten().map(|e| e.file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(left(), ["0", "1", "2", "5"]);
        drop(at_work);
        Cache::use_entry(&cache.path("kept/5/manifest"));
        discard(0);
        assert_eq!(left(), ["0", "5"]);
    }
}
