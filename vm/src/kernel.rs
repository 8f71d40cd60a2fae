//! Kernels: where they come from, and what is known of them before they are booted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::error::{Context, Error, Result};
use crate::news::Notice;
use crate::packages::{Packages, Suite};

mod build;
mod image;
mod source;
mod stamp;
mod tree;

pub use build::{Build, Built, Variant};
pub use source::KernelSource;
use tree::Tree;

/// A kernel at hand.
#[derive(Debug)]
pub struct Kernel {
    name: String,
    release: String,
    image: PathBuf,
    modules: Modules,
    identity: String,
    packages: Option<Packages>,
}

/// A kernel's modules.
#[derive(Debug)]
enum Modules {
    /// What it has is built in.
    None,
    /// A folder `lib/modules/RELEASE`.
    Installed(PathBuf),
    /// Where a build has left them.
    Built(Tree),
}

impl Kernel {
    /// Finds a kernel, or fetches it.
    pub fn find(source: &KernelSource, cache: &Cache, notice: Notice) -> Result<Self> {
        match source {
            KernelSource::Debian(suite) => Self::debian(source, Packages::kernel(cache, suite, notice)?),
            KernelSource::File { image, modules } => Self::file(source, image, modules.as_deref()),
            KernelSource::Tree(folder) => Self::tree(source, folder),
            KernelSource::Host => Self::host(source),
        }
    }

    /// Finds a kernel without fetching anything: nothing if it would have to be.
    pub fn at_hand(source: &KernelSource, cache: &Cache) -> Result<Option<Self>> {
        match source {
            KernelSource::Debian(suite) => match Packages::kernel_at_hand(cache, suite)? {
                Some(packages) => Self::debian(source, packages).map(Some),
                None => Ok(None),
            },
            _ => Self::find(source, cache, &mut |_| {}).map(Some),
        }
    }

    /// Fetches the newest kernel of a suite in place of this one, unless somebody else has done so by now.
    pub(crate) fn newer(suite: &Suite, old: &Self, cache: &Cache, notice: Notice) -> Result<Self> {
        let packages = Packages::newer_kernel(cache, suite, old.identity(), notice)?;
        Self::debian(&KernelSource::Debian(suite.clone()), packages)
    }

    fn debian(source: &KernelSource, packages: Packages) -> Result<Self> {
        let root = packages.root();
        let image = image::among_packages(&root).ok_or_else(|| {
            let (root, folder) = (root.display(), root.parent().unwrap_or(&root).display());
            Error::infra(format!("find a kernel in `{root}`: there is none; `rm -r {folder}` has it fetched anew"))
        })?;
        let release = image::release(&image)?;
        // Merged /usr came to the kernel's packages with trixie.
        let folders = ["lib/modules", "usr/lib/modules"].map(|folder| root.join(folder).join(&release));
        let modules = folders.into_iter().find(|folder| folder.is_dir());
        let modules = modules.map_or(Modules::None, Modules::Installed);
        let identity = packages.identity();
        Ok(Self { name: source.to_string(), release, image, modules, identity, packages: Some(packages) })
    }

    fn file(source: &KernelSource, image: &Path, modules: Option<&Path>) -> Result<Self> {
        let release = image::release(image)?;
        let mut identity = stamp::file(image)?;
        let modules = match modules {
            None => Modules::None,
            Some(modules) => {
                let folder = modules.canonicalize().map_err(|error| {
                    Error::usage(format!(
                        "find the modules of `{}` in `{}`: {error}",
                        image.display(),
                        modules.display()
                    ))
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
                stamp::folder(&folder, &mut identity)?;
                Modules::Installed(folder)
            }
        };
        Ok(Self { name: source.to_string(), release, image: image.into(), modules, identity, packages: None })
    }

    fn tree(source: &KernelSource, folder: &Path) -> Result<Self> {
        let tree = Tree::open(folder)?;
        // A build of the cache's is not the oldest as long as somebody uses it.
        Cache::use_entry(&folder.join(build::ASKED));
        let (image, identity) = (tree.image(), tree.stamp()?);
        let release = image::release(&image)?;
        let modules = if tree.is_monolithic() { Modules::None } else { Modules::Built(tree) };
        Ok(Self { name: source.to_string(), release, image, modules, identity, packages: None })
    }

    fn host(source: &KernelSource) -> Result<Self> {
        let uname = nix::sys::utsname::uname().doing("ask for this host's kernel")?;
        let release = uname.release().to_string_lossy();
        let image = image::installed(Path::new("/"), &release)?;
        let modules = Path::new("/lib/modules").join(&*release);
        Self::file(source, &image, modules.is_dir().then_some(&*modules))
    }

    /// As it was asked for: `debian:bookworm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `uname -r` will print: `6.1.0-50-cloud-amd64`.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Its `lib/modules/RELEASE`, if it has modules that were installed.
    pub fn modules(&self) -> Option<&Path> {
        match &self.modules {
            Modules::Installed(folder) => Some(folder),
            Modules::None | Modules::Built(_) => None,
        }
    }

    /// Whether its modules are as a compiler left them, with ten times their size in them for a debugger. Installed ones may
    /// bear a signature at their end, which must stay where it is.
    pub(crate) fn has_raw_modules(&self) -> bool {
        matches!(self.modules, Modules::Built(_))
    }

    /// Has `lib/modules/RELEASE` below a folder lead to its modules, and returns that, if it has any.
    pub(crate) fn lay_out_modules(&self, base: &Path) -> Result<Option<PathBuf>> {
        let parent = base.join("lib/modules");
        let target = parent.join(&self.release);
        fs::create_dir_all(&parent).context("make the folder", &parent)?;
        match &self.modules {
            Modules::None => return Ok(None),
            Modules::Installed(folder) => symlink(folder, &target).context("make the link", &target)?,
            Modules::Built(tree) => tree.lay_out(&target)?,
        }
        Ok(Some(target))
    }

    /// Names it and its modules, so that another kernel has another name.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The bytes of the bzImage; Debian's packages are checked first.
    pub fn image(&self) -> Result<Vec<u8>> {
        if let Some(packages) = &self.packages {
            packages.verify()?;
        }
        fs::read(&self.image).context("read the kernel", &self.image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_another_kernel_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (image, modules) = (folder.path().join("bzImage"), folder.path().join("6.1.0-other"));
        image::tests::header(&image, "6.1.0-test");
        fs::create_dir(&modules).unwrap();
        let source = KernelSource::File { image: image.clone(), modules: Some(modules.clone()) };
        let error = Kernel::file(&source, &image, Some(&modules)).unwrap_err();
        assert!(error.message.contains("the kernel is 6.1.0-test"), "{error}");
    }
}
