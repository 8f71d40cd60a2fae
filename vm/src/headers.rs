//! The headers of a kernel, and modules that are built against them.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::cache::Cache;
use crate::error::{Context, Error, Result, Unavailable};
use crate::kernel::{Kernel, KernelSource};
use crate::news::{News, Notice};
use crate::packages::{Packages, Suite, run};

/// The headers of one of Debian's kernels, unpacked into the cache and not installed.
///
/// Their own Makefile names what they share with other flavours of the kernel by its place in an installed system. So make
/// begins there instead, and is told where this kernel's objects are, as the kernel's own build is (`make O=`): nothing is
/// rewritten, and nothing is written to.
#[derive(Debug)]
pub struct Headers {
    /// The kernel's Makefile, and what all flavours share.
    shared: PathBuf,
    /// What is this kernel's own: its configuration, and the versions of its symbols.
    objects: PathBuf,
}

impl Headers {
    /// Finds the headers of a kernel of this suite, or fetches them. `release` is what `uname -r` prints there
    /// ([`Kernel::release`](crate::Kernel::release)).
    pub fn find(suite: &Suite, release: &str, cache: &Cache, notice: Notice) -> Result<Self> {
        let packages = Packages::headers(cache, suite, release, notice).map_err(|error| {
            match error.unavailable == Some(Unavailable::Package) {
                true => {
                    let mend = format!("`cargo run --package mdlab-vm --example headers -- {}`", suite.name());
                    let message = format!(
                        "{}; Debian has newer kernels than {release}, which is in the cache; {mend} replaces it",
                        error.message
                    );
                    Error { message, ..error }
                }
                false => error,
            }
        })?;
        let root = packages.root();
        let objects = root.join("usr/src").join(format!("linux-headers-{release}"));
        let makefile = objects.join("Makefile");
        let text = fs::read_to_string(&makefile).context("read", &makefile)?;
        let mut included = text.lines().filter_map(|line| line.strip_prefix("include /")?.strip_suffix("/Makefile"));
        let shared = included.next().map(|path| root.join(path)).ok_or_else(|| {
            Error::infra(format!("find what `{}` includes: expected a Makefile, got `{text}`", makefile.display()))
        })?;
        Ok(Self { shared, objects })
    }

    /// Finds the kernel of a suite and its headers, or fetches them. Where Debian has no more headers of the kernel in
    /// the cache, its newest kernel takes that one's place once it was fetched: nobody should be at work with the old
    /// one.
    pub fn with_kernel(suite: &Suite, cache: &Cache, notice: Notice) -> Result<(Kernel, Self)> {
        let source = KernelSource::Debian(suite.clone());
        let kernel = Kernel::find(&source, cache, notice)?;
        match Self::find(suite, kernel.release(), cache, notice) {
            Err(error) if error.unavailable == Some(Unavailable::Package) => {
                notice(News::Note(&format!(
                    "replacing the kernel {}, whose headers Debian has no more",
                    kernel.release()
                )));
                let kernel = Kernel::newer(suite, &kernel, cache, notice)?;
                let headers = Self::find(suite, kernel.release(), cache, notice)?;
                Ok((kernel, headers))
            }
            headers => Ok((kernel, headers?)),
        }
    }

    /// Builds the modules that the `Kbuild` or `Makefile` of a folder names (Documentation/kbuild/modules.rst), with this
    /// host's gcc, whichever compiler Debian took. It takes gcc and make.
    pub fn build(&self, folder: &Path) -> Result<()> {
        let shell = Shell::new().doing("start a shell")?;
        let folder = folder.canonicalize().context("resolve the folder", folder)?;
        let Self { shared, objects } = self;
        run(cmd!(shell, "make --silent -C {shared} O={objects} M={folder} CC=gcc modules")).map(drop)
    }
}
