//! Kernels: where they come from, and what is known of them before they are booted.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::cache::Cache;
use crate::error::{Context, Error, Notice, Result};
use crate::packages::{Packages, Suite};

/// Where a kernel comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
}

impl FromStr for KernelSource {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some(suite) = text.strip_prefix("debian:") {
            return suite.parse().map(Self::Debian);
        }
        let Some(rest) = text.strip_prefix("file:") else {
            return Err(format!("expected `debian:SUITE` or `file:PATH[,modules:DIR]`, got `{text}`"));
        };
        let (image, modules) = match rest.split_once(",modules:") {
            Some((image, modules)) => (image, Some(PathBuf::from(modules))),
            None => (rest, None),
        };
        Ok(Self::File { image: image.into(), modules })
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
        }
    }
}

/// A kernel at hand.
#[derive(Debug)]
pub struct Kernel {
    name: String,
    release: String,
    image: PathBuf,
    modules: Option<PathBuf>,
    identity: String,
    packages: Option<Packages>,
}

impl Kernel {
    /// Finds a kernel, or fetches it.
    pub fn find(source: &KernelSource, cache: &Cache, notice: Notice) -> Result<Self> {
        match source {
            KernelSource::Debian(suite) => Self::debian(source, Packages::kernel(cache, suite, notice)?),
            KernelSource::File { image, modules } => Self::file(source, image, modules.as_deref()),
        }
    }

    /// Fetches the newest kernel of a suite in place of this one, unless somebody else has done so by now.
    pub(crate) fn newer(suite: &Suite, old: &Self, cache: &Cache, notice: Notice) -> Result<Self> {
        let packages = Packages::newer_kernel(cache, suite, old.identity(), notice)?;
        Self::debian(&KernelSource::Debian(suite.clone()), packages)
    }

    fn debian(source: &KernelSource, packages: Packages) -> Result<Self> {
        let root = packages.root();
        let image = image_in(&root).ok_or_else(|| {
            let (root, folder) = (root.display(), root.parent().unwrap_or(&root).display());
            Error::infra(format!("find a kernel in `{root}`: there is none; `rm -r {folder}` has it fetched anew"))
        })?;
        let release = release(&image)?;
        // Merged /usr came to the kernel's packages with trixie.
        let folders = ["lib/modules", "usr/lib/modules"].map(|folder| root.join(folder).join(&release));
        let modules = folders.into_iter().find(|folder| folder.is_dir());
        let identity = packages.identity();
        Ok(Self { name: source.to_string(), release, image, modules, identity, packages: Some(packages) })
    }

    fn file(source: &KernelSource, image: &Path, modules: Option<&Path>) -> Result<Self> {
        let release = release(image)?;
        let mut identity = stamp(image)?;
        if let Some(modules) = modules {
            let folder = modules.canonicalize().map_err(|error| {
                Error::usage(format!("find the modules of `{}` in `{}`: {error}", image.display(), modules.display()))
            })?;
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            if name != release {
                return Err(Error::usage(format!(
                    "match modules with `{}`: the kernel is {release}, so their folder should be \
                     `lib/modules/{release}`, got `{}`",
                    image.display(),
                    folder.display()
                )));
            }
            stamp_tree(&folder, &mut identity)?;
        }
        let modules = modules.map(Path::canonicalize).transpose().context("find the modules of", image)?;
        Ok(Self { name: source.to_string(), release, image: image.into(), modules, identity, packages: None })
    }

    /// As it was asked for: `debian:bookworm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `uname -r` will print: `6.1.0-50-cloud-amd64`.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Its `lib/modules/RELEASE`, if it has modules.
    pub fn modules(&self) -> Option<&Path> {
        self.modules.as_deref()
    }

    /// Names it and its modules, so that another kernel has another name.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The bytes of the bzImage; Debian's packages are checked first.
    pub(crate) fn image(&self) -> Result<Vec<u8>> {
        if let Some(packages) = &self.packages {
            packages.verify()?;
        }
        fs::read(&self.image).context("read the kernel", &self.image)
    }
}

/// Larger than any kernel; an initial RAM disk may be built into one.
const LARGEST: u64 = 256 << 20;

/// The release of a bzImage, from its boot header (Documentation/arch/x86/boot.rst): `HdrS` at 0x202, and at 0x20e where
/// its version string lies, less 0x200.
fn release(image: &Path) -> Result<String> {
    let no_kernel = |cause: &str| Error::usage(format!("`{}` is no x86 bzImage: {cause}", image.display()));
    // A device would be read for ever.
    if !fs::metadata(image).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST) && image.exists() {
        return Err(no_kernel("it is no file, or larger than 256 MiB"));
    }
    let bytes =
        fs::read(image).map_err(|error| Error::usage(format!("read the kernel `{}`: {error}", image.display())))?;
    if bytes.get(0x202..0x206) != Some(b"HdrS") {
        return Err(no_kernel("it has no boot header"));
    }
    let pointer = match bytes.get(0x20e..0x210) {
        Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])) + 0x200,
        _ => return Err(no_kernel("its boot header ends early")),
    };
    let rest = bytes.get(pointer..).ok_or_else(|| no_kernel("its version lies beyond its end"))?;
    let version: String =
        rest.iter().take(256).take_while(|byte| byte.is_ascii_graphic()).map(|b| char::from(*b)).collect();
    if version.is_empty() { Err(no_kernel("it bears no version")) } else { Ok(version) }
}

/// The kernel among unpacked packages: `boot/vmlinuz-RELEASE`, and since 7.x `usr/lib/modules/RELEASE/vmlinuz`.
fn image_in(root: &Path) -> Option<PathBuf> {
    let list = |folder: &str| root.join(folder).read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"));
    let inside = |folder: PathBuf| Some(folder.join("vmlinuz")).filter(|path| path.is_file());
    list("boot").find(named).or_else(|| list("usr/lib/modules").find_map(inside))
}

/// What changes when a file of the user's is replaced or edited.
fn stamp(path: &Path) -> Result<String> {
    let metadata = fs::metadata(path).context("look at", path)?;
    let (size, inode) = (metadata.len(), metadata.ino());
    Ok(format!("{} {size} {inode} {}.{:09}\n", path.display(), metadata.mtime(), metadata.mtime_nsec()))
}

fn stamp_tree(folder: &Path, identity: &mut String) -> Result<()> {
    let mut paths: Vec<_> = folder.read_dir().context("list", folder)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // `build` and `source` are links out of the tree.
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            stamp_tree(&path, identity)?;
        } else {
            identity.push_str(&stamp(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_and_shown_alike() {
        for text in ["debian:bookworm", "file:/boot/bzImage", "file:/boot/bzImage,modules:/lib/modules/6.1.0"] {
            assert_eq!(text.parse::<KernelSource>().unwrap().to_string(), text);
        }
        for text in ["bookworm", "debian:", "debian:Book/worm", "debian:../x"] {
            assert!(text.parse::<KernelSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bzImage");
        let mut bytes = vec![0; 0x400];
        for (text, expected) in [("", "it has no boot header"), ("HdrS", "it bears no version")] {
            bytes[0x202..0x202 + text.len()].copy_from_slice(text.as_bytes());
            fs::write(&path, &bytes).unwrap();
            let error = release(&path).unwrap_err();
            assert!(error.message.ends_with(expected), "{error}");
        }
        bytes[0x20e] = 0x10;
        bytes[0x210..0x21e].copy_from_slice(b"6.1.0-test x\0\0");
        fs::write(&path, &bytes).unwrap();
        assert_eq!(release(&path).unwrap(), "6.1.0-test");
    }

    #[test]
    fn modules_of_another_kernel_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (image, modules) = (folder.path().join("bzImage"), folder.path().join("6.1.0-other"));
        let mut bytes = vec![0; 0x400];
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x20e] = 0x10;
        bytes[0x210..0x21a].copy_from_slice(b"6.1.0-test");
        fs::write(&image, &bytes).unwrap();
        fs::create_dir(&modules).unwrap();
        let source = KernelSource::File { image: image.clone(), modules: Some(modules.clone()) };
        let error = Kernel::file(&source, &image, Some(&modules)).unwrap_err();
        assert!(error.message.contains("the kernel is 6.1.0-test"), "{error}");
    }
}
