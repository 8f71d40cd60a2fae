//! Kept machines in the cache: written whole, verified when used.

use std::fs::{self, File};
use std::io::Seek;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::news::{News, Notice};

const MEMORY: &str = "memory";
const MAILBOX: &str = "mailbox";
const STATE: &str = "state";
const FILES: [&str; 3] = [MEMORY, MAILBOX, STATE];
const MANIFEST: &str = "manifest.json";

/// Kept machines that a cache holds beside those of the last hour; each takes about 120 MB. The oldest go first.
const MOST_KEPT: usize = 24;

/// A machine that has stopped, before it is stored.
pub(crate) struct Image {
    pub(crate) memory: File,
    pub(crate) mailbox: File,
    pub(crate) state: File,
    pub(crate) sequence: u64,
    pub(crate) console: String,
    /// From the start of QEMU until the guest asked to be kept.
    pub(crate) boot: Duration,
    /// When it asked.
    pub(crate) asked: Instant,
}

/// How long it took to make a kept machine.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// From the start of QEMU until the guest asked to be kept.
    pub boot: Duration,
    /// From then until its memory and its state lay in the cache, hashed.
    pub keep: Duration,
}

/// What a folder of a kept machine says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    recipe: String,
    /// Frames that the guest had sent when it was kept.
    sequence: u64,
    console: String,
    files: Vec<Record>,
}

/// A file as it was written.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    name: String,
    digest: Digest,
    stamp: Stamp,
}

/// What changes when a file is touched. Hashing 118 MB for every fork would cost more than the fork, so a file is hashed
/// again only when this differs.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            bytes: metadata.len(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// The files of a kept machine, open: what happens to the cache no longer matters.
pub(crate) struct Stored {
    pub(crate) memory: File,
    pub(crate) mailbox: File,
    pub(crate) state: File,
    /// Frames that the guest had sent when it was kept.
    pub(crate) sequence: u64,
    /// What the kernel had printed until then.
    pub(crate) console: String,
    /// How long it took to make, if it was made just now.
    pub(crate) made: Option<Made>,
}

impl Stored {
    /// Opens the kept machine `name`; where it is missing or damaged, makes it anew, once.
    pub(crate) fn find_or_make(
        cache: &Cache,
        name: &str,
        recipe: &str,
        notice: Notice,
        boot: &dyn Fn(Notice) -> Result<Image>,
    ) -> Result<Self> {
        let folder = cache.path(name);
        if let Ok(stored) = cache.lock_shared(name, notice).and_then(|_lock| open(&folder, Verify::Stamp)) {
            return Ok(stored);
        }
        let _lock = cache.lock(name, notice)?;
        if folder.exists() {
            match open(&folder, Verify::Digest) {
                Ok(stored) => return Ok(stored),
                Err(error) => notice(News::Note(&format!("the kept machine cannot be used, making it anew: {error}"))),
            }
        }
        let image = boot(notice)?;
        let (boot, asked) = (image.boot, image.asked);
        store(cache, name, recipe, image)?;
        let made = Some(Made { boot, keep: asked.elapsed() });
        cache.discard_oldest("kept", MANIFEST, MOST_KEPT, notice);
        Ok(Self { made, ..open(&folder, Verify::Stamp)? })
    }
}

enum Verify {
    /// The files were not touched since they were hashed.
    Stamp,
    /// Whatever happened to them, their bytes are right; their stamps are renewed.
    Digest,
}

fn open(folder: &Path, verify: Verify) -> Result<Stored> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).context("read", &path)?;
    let mut manifest: Manifest = serde_json::from_slice(&text).context("decode", &path)?;
    let mut opened = Vec::new();
    for name in FILES {
        let path = folder.join(name);
        let record = manifest.files.iter_mut().find(|record| record.name == name);
        let record = record.ok_or_else(|| Error::infra(format!("find `{name}` in the manifest: it is not there")))?;
        let file = File::options().read(true).write(true).open(&path).context("open", &path)?;
        let stamp = Stamp::of(&file).context("look at", &path)?;
        if stamp != record.stamp {
            match verify {
                Verify::Stamp => return Err(Error::infra(format!("`{}` was touched", path.display()))),
                Verify::Digest => {}
            }
            if Digest::of_reader(&file).context("read", &path)? != record.digest {
                return Err(Error::infra(format!("the contents of `{}` were altered", path.display())));
            }
            // A copy of the cache may belong to somebody else than the original.
            give_to_qemu(&file, &path)?;
            record.stamp = Stamp::of(&file).context("look at", &path)?;
        }
        opened.push(file);
    }
    if let Verify::Digest = verify {
        write_manifest(folder, &manifest)?;
    }
    let [memory, mailbox, state] = <[File; 3]>::try_from(opened).map_err(|_| Error::infra("open three files"))?;
    note_use(folder);
    let Manifest { sequence, console, .. } = manifest;
    Ok(Stored { memory, mailbox, state, sequence, console, made: None })
}

/// Remembers that a machine is in use, by the time of its manifest.
fn note_use(folder: &Path) {
    let manifest = File::options().write(true).open(folder.join(MANIFEST));
    // A machine that goes first although it is used costs a boot, and nothing else.
    let _ = manifest.and_then(|manifest| manifest.set_modified(SystemTime::now()));
}

fn store(cache: &Cache, name: &str, recipe: &str, image: Image) -> Result<()> {
    let draft = cache.draft(name)?;
    let mut files = Vec::new();
    for (name, source) in [(MEMORY, &image.memory), (MAILBOX, &image.mailbox), (STATE, &image.state)] {
        let path = draft.path().join(name);
        let mut target =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(&path).context("make", &path)?;
        copy_sparse(source, &target).context("write", &path)?;
        give_to_qemu(&target, &path)?;
        target.rewind().context("read", &path)?;
        let digest = Digest::of_reader(&target).context("read", &path)?;
        files.push(Record { name: name.into(), digest, stamp: Stamp::of(&target).context("look at", &path)? });
    }
    let manifest = Manifest { recipe: recipe.into(), sequence: image.sequence, console: image.console, files };
    write_manifest(draft.path(), &manifest)?;
    cache.publish(draft, name)?;
    Ok(())
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    let path = folder.join(MANIFEST);
    let mut draft = tempfile::NamedTempFile::new_in(folder).context("make a file in", folder)?;
    serde_json::to_writer_pretty(&mut draft, manifest).context("write", &path)?;
    draft.persist(&path).context("make", &path)?;
    Ok(())
}

/// Copies a file but for its blocks of zeros, which stay holes: half of a guest's memory was never touched.
fn copy_sparse(source: &File, target: &File) -> std::io::Result<()> {
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut block = vec![0; 1 << 16];
    let mut at = 0;
    while at < length {
        let count = source.read_at(&mut block, at)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if block[..count].iter().any(|byte| *byte != 0) {
            target.write_all_at(&block[..count], at)?;
        }
        at += count as u64;
    }
    Ok(())
}

/// QEMU opens the memory for writing, even where it maps it privately; started by root it runs as another user.
fn give_to_qemu(file: &File, path: &Path) -> Result<()> {
    if Uid::effective().is_root() {
        let user = User::from_name(crate::process::UNPRIVILEGED).context("look up the owner of", path)?;
        std::os::unix::fs::fchown(file, user.map(|user| user.uid.as_raw()), None)
            .context("change the owner of", path)?;
    }
    Ok(())
}
