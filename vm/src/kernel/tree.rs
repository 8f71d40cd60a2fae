//! Kernel trees as `make` leaves them: nothing is installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::build::UNFINISHED;
use super::{image, stamp};
use crate::error::{Context, Error, Result};

/// Lists beside the modules that depmod and modprobe read.
const LISTS: [&str; 2] = ["modules.builtin", "modules.builtin.modinfo"];

/// A built tree.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
    /// Its modules, below the folder: `drivers/md/raid1.ko`. None if it builds all in.
    modules: Vec<String>,
}

impl Tree {
    /// Opens the folder of a tree, or the one that `make O=` filled; it must have been built.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let unbuilt = |cause: String| {
            let (path, quoted) =
                (folder.display().to_string(), shell_words::quote(&folder.to_string_lossy()).into_owned());
            Error::usage(format!(
                "`{path}` is no built kernel tree: {cause}; `mdlab kernel build {quoted}` builds one aside, or \
                 `make -C {quoted} bzImage modules` there"
            ))
        };
        if !folder.is_dir() {
            return Err(Error::usage(format!(
                "find the built kernel tree `{}`: there is no such folder",
                folder.display()
            )));
        }
        let there = |path: &str| folder.join(path).exists();
        if there(UNFINISHED) {
            let text = "its last build did not come to its end, and what lies there is older: build it again";
            return Err(Error::usage(format!("`{}` is no built kernel tree: {text}", folder.display())));
        }
        if !there(Self::IMAGE) {
            return Err(unbuilt(format!("`{}` is not there", Self::IMAGE)));
        }
        // Empty, or not there at all, where nothing is a module.
        let order = fs::read_to_string(folder.join("modules.order")).unwrap_or_default();
        let modules: Vec<String> = order.lines().map(built).collect();
        if let Some(missing) = modules.iter().find(|module| !there(module)) {
            return Err(unbuilt(format!("its `modules.order` lists `{missing}`, which is not there")));
        }
        let configured = fs::read_to_string(folder.join("include/config/kernel.release")).unwrap_or_default();
        let (configured, release) = (configured.trim(), image::release(&folder.join(Self::IMAGE))?);
        if configured != release {
            return Err(unbuilt(format!("its bzImage is {release}, and the tree is `{configured}` by now")));
        }
        Ok(Self { folder: folder.to_owned(), modules })
    }

    /// Where a build leaves the kernel.
    const IMAGE: &str = "arch/x86/boot/bzImage";

    /// The bzImage.
    pub(super) fn image(&self) -> PathBuf {
        self.folder.join(Self::IMAGE)
    }

    /// What changes when anything of it is built anew.
    pub(super) fn stamp(&self) -> Result<String> {
        let modules = self.modules.iter().map(|module| stamp::file(&self.folder.join(module)));
        std::iter::once(stamp::file(&self.image())).chain(modules).collect()
    }

    /// Whether nothing of it is a module.
    pub(super) fn is_monolithic(&self) -> bool {
        self.modules.is_empty()
    }

    /// Fills a folder as `make modules_install` would, with links.
    pub(super) fn lay_out(&self, target: &Path) -> Result<()> {
        for module in &self.modules {
            let link = target.join("kernel").join(module);
            if let Some(parent) = link.parent() {
                fs::create_dir_all(parent).context("make the folder", parent)?;
            }
            symlink(self.folder.join(module), &link).context("make the link", &link)?;
        }
        for list in LISTS {
            let (from, to) = (self.folder.join(list), target.join(list));
            if from.exists() {
                fs::copy(&from, &to).context("copy", &from)?;
            }
        }
        let order = target.join("modules.order");
        let lines: String = self.modules.iter().map(|module| format!("kernel/{module}\n")).collect();
        fs::write(&order, lines).context("write", &order)
    }
}

/// The file of a module that `modules.order` lists: by its own name, `kernel/` before it until 5.2, `.o` since 6.4.
fn built(line: &str) -> String {
    let path = line.strip_prefix("kernel/").unwrap_or(line);
    path.strip_suffix(".o").map_or_else(|| path.to_owned(), |stem| format!("{stem}.ko"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn modules_are_listed_as_their_kernel_does() {
        for line in ["kernel/drivers/md/raid1.ko", "drivers/md/raid1.ko", "drivers/md/raid1.o"] {
            assert_eq!(built(line), "drivers/md/raid1.ko");
        }
    }

    /// From an empty folder to a built tree, and on to one that was configured anew.
    #[test]
    fn what_is_not_built_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = || {
            let error = Tree::open(folder.path()).unwrap_err();
            assert_eq!(error.class, Class::Usage);
            error.message
        };
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(refusal().contains("`arch/x86/boot/bzImage` is not there; `mdlab kernel build "), "{}", refusal());
        image::tests::header(&folder.path().join(Tree::IMAGE), "6.12.1");
        assert!(refusal().contains("its bzImage is 6.12.1, and the tree is `` by now"), "{}", refusal());
        write("include/config/kernel.release", "6.12.1\n");
        assert!(Tree::open(folder.path()).unwrap().is_monolithic());
        // A build that failed, or was interrupted, has left the kernel before it.
        write(UNFINISHED, "");
        assert!(refusal().contains("its last build did not come to its end"), "{}", refusal());
        fs::remove_file(folder.path().join(UNFINISHED)).unwrap();
        write("modules.order", "drivers/md/raid1.o\n");
        assert!(refusal().contains("lists `drivers/md/raid1.ko`, which is not there"), "{}", refusal());
        write("drivers/md/raid1.ko", "");
        let target = tempfile::tempdir().unwrap();
        Tree::open(folder.path()).unwrap().lay_out(target.path()).unwrap();
        assert!(target.path().join("kernel/drivers/md/raid1.ko").is_file());
        assert_eq!(fs::read_to_string(target.path().join("modules.order")).unwrap(), "kernel/drivers/md/raid1.ko\n");
        write("include/config/kernel.release", "6.12.2\n");
        assert!(refusal().contains("the tree is `6.12.2` by now"), "{}", refusal());
    }
}
