//! Where mutants are built: mdadm from its source package, md's modules from the kernel's source and headers.

use std::fs;
use std::path::{Path, PathBuf};

use mdlab::Failure;
use mdlab_vm::{Cache, Headers, Kernel, Notice, Packages, Suite};
use xshell::{Shell, cmd};

use crate::planted::Kind;
use crate::tree::{Tree, run};

/// The suite of the kernel, of mdadm, and of their sources.
const SUITE: &str = "bookworm";

/// The objects of md's own modules, without what else lies in their folder (its Makefile in Linux 6.1).
const KBUILD: &str = "obj-m := md-mod.o raid0.o raid1.o raid10.o raid456.o
md-mod-y := md.o md-bitmap.o
raid456-y := raid5.o raid5-cache.o raid5-ppl.o
";

/// The modules that [`KBUILD`] names.
const MODULES: [&str; 5] = ["md-mod", "raid0", "raid1", "raid10", "raid456"];

/// The folder of md among the kernel's sources, and among its modules.
const DRIVERS_MD: &str = "drivers/md";

/// A workshop for one kind of mutant.
pub(crate) struct Workshop {
    tree: Tree,
    bench: Bench,
}

/// What one kind needs beside its source.
enum Bench {
    Mdadm { version: String },
    Md(Box<Md>),
}

struct Md {
    headers: Headers,
    image: PathBuf,
    /// The kernel's modules, among which the built ones take their places.
    modules: PathBuf,
}

impl Workshop {
    /// Fetches what is missing. All that is made lies in a folder of the cache.
    pub(crate) fn open(kind: Kind, cache: &Cache, notice: Notice) -> Result<Self, Failure> {
        let suite: Suite = SUITE.parse().map_err(Failure::usage)?;
        let copy = cache.path("mutants").join(kind.name());
        match kind {
            Kind::Mdadm => {
                let source = Packages::source(cache, &suite, "mdadm", notice)?;
                let version = source.version("mdadm").unwrap_or_default().trim_end_matches(".dsc").to_owned();
                let tree = Tree::new(source.root().join("mdadm"), copy);
                Ok(Self { tree, bench: Bench::Mdadm { version } })
            }
            Kind::Md => {
                let (kernel, headers) = Headers::with_kernel(&suite, cache, notice)?;
                let image = Packages::kernel(cache, &suite, notice)?.root().join("boot");
                let image = image.join(format!("vmlinuz-{}", kernel.release()));
                let modules = cache.path("mutants/lib/modules").join(kernel.release());
                let source = kernel_source(&kernel, cache, &suite, notice)?;
                let from =
                    kernel.modules().ok_or_else(|| Failure::infra("find the kernel's modules: there are none"))?;
                link(from, &modules)?;
                let bench = Bench::Md(Box::new(Md { headers, image, modules }));
                Ok(Self { tree: Tree::new(source, copy), bench })
            }
        }
    }

    /// Builds the source with a patch, or as it is; returns the options of mdlab that take what was built.
    pub(crate) fn build(&self, patch: Option<&Path>) -> Result<Vec<String>, Failure> {
        match patch {
            Some(patch) => self.tree.alter(patch)?,
            None => self.tree.restore()?,
        }
        match &self.bench {
            Bench::Mdadm { version } => mdadm(self.tree.folder(), version),
            Bench::Md(md) => md.build(self.tree.folder()),
        }
    }
}

/// Builds mdadm as debian/rules does, as far as it matters to those who run it.
fn mdadm(folder: &Path, version: &str) -> Result<Vec<String>, Failure> {
    let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
    for (name, value) in [
        ("DEBIAN", "yes"),
        ("EXTRAVERSION", &format!("Debian {version}")),
        ("CONFFILE", "/etc/mdadm/mdadm.conf"),
        ("CONFFILE2", "/etc/mdadm.conf"),
    ] {
        shell.set_var(name, value);
    }
    run(cmd!(shell, "make --silent --directory {folder} CWFLAGS=-w mdadm"))?;
    Ok(vec!["--mdadm".to_owned(), format!("file:{}", folder.join("mdadm").display())])
}

impl Md {
    fn build(&self, tree: &Path) -> Result<Vec<String>, Failure> {
        let folder = tree.join(DRIVERS_MD);
        self.headers.build(&folder)?;
        let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
        for name in MODULES {
            let built = folder.join(format!("{name}.ko"));
            let target = self.modules.join("kernel").join(DRIVERS_MD).join(format!("{name}.ko"));
            // What lies there may be a link to the package's own file, which must not be written to.
            fs::remove_file(&target)
                .map_err(|error| Failure::infra(format!("replace `{}`: {error}", target.display())))?;
            run(cmd!(shell, "strip --strip-debug {built} -o {target}"))?;
        }
        let (image, modules) = (self.image.display(), self.modules.display());
        Ok(vec!["--kernel".to_owned(), format!("file:{image},modules:{modules}")])
    }
}

/// md's part of the kernel's source, of the same version as the kernel, with Debian's patches.
fn kernel_source(kernel: &Kernel, cache: &Cache, suite: &Suite, notice: Notice) -> Result<PathBuf, Failure> {
    let series: Vec<&str> = kernel.release().split('.').take(2).collect();
    let package = format!("linux-source-{}", series.join("."));
    let source = Packages::alone(cache, suite, &package, notice)?;
    let found = source.version(&package).unwrap_or_default();
    let image = Packages::kernel(cache, suite, notice)?;
    let expected = image.version(&format!("linux-image-{}", kernel.release())).unwrap_or_default().to_owned();
    if found != expected {
        let text = "`rm -r` of both in the cache has them fetched anew";
        return Err(Failure::infra(format!("match {package} {found} with the kernel, which is {expected}: {text}")));
    }
    let folder = cache.path("mutants").join(format!("source-{found}"));
    let md = folder.join(DRIVERS_MD);
    if !md.join("Kbuild").exists() {
        let failed = |error: std::io::Error| Failure::infra(format!("write in `{}`: {error}", md.display()));
        fs::create_dir_all(&md).map_err(failed)?;
        let archive = source.root().join("usr/src").join(format!("{package}.tar.xz"));
        let shell = Shell::new().map_err(|error| Failure::infra(error.to_string()))?;
        let pattern = format!("{package}/{DRIVERS_MD}/*.[ch]");
        let options = ["--strip-components=1", "--wildcards", "--no-wildcards-match-slash"];
        run(cmd!(shell, "tar --extract --xz --file {archive} --directory {folder} {options...} {pattern}"))?;
        fs::write(md.join("Kbuild"), KBUILD).map_err(failed)?;
    }
    Ok(folder)
}

/// Links every file of a folder into another, so that single ones can be replaced.
fn link(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::infra(format!("link `{}` to `{}`: {error}", from.display(), to.display()));
    fs::create_dir_all(to).map_err(failed)?;
    for entry in from.read_dir().map_err(failed)?.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        // `build` and `source` are links to what is not there.
        if source.is_symlink() || target.is_file() {
            continue;
        } else if source.is_dir() {
            link(&source, &target)?;
        } else {
            fs::hard_link(&source, &target).map_err(failed)?;
        }
    }
    Ok(())
}
