//! Kernel trees as a build leaves them, made of Debian's kernels.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mdlab_vm::{Cache, Packages, Suite};

/// Where packages of a suite were unpacked.
pub(crate) fn packages(suite: &str, fetch: impl FnOnce(&Cache, &Suite) -> mdlab_vm::Result<Packages>) -> PathBuf {
    fetch(&Cache::open().unwrap(), &suite.parse().unwrap()).unwrap().root()
}

/// A folder as a build leaves it, made of a suite's kernel, with the modules of another or the same.
pub(crate) fn tree(folder: &Path, suite: &str, modules_of: &str) {
    let kernel = |suite: &str| {
        let root = packages(suite, |cache, suite| Packages::kernel(cache, suite, &mut |_| {}));
        let mut boot = root.join("boot").read_dir().unwrap().flatten().map(|file| file.path());
        let image = boot.find(|path| path.to_string_lossy().contains("/vmlinuz-")).unwrap();
        let release = image.file_name().unwrap().to_string_lossy().trim_start_matches("vmlinuz-").to_owned();
        (image, root.join("lib/modules").join(&release), release)
    };
    let (image, _, release) = kernel(suite);
    let (_, modules, _) = kernel(modules_of);
    for path in ["arch/x86/boot", "include/config"] {
        fs::create_dir_all(folder.join(path)).unwrap();
    }
    symlink(image, folder.join("arch/x86/boot/bzImage")).unwrap();
    fs::write(folder.join("include/config/kernel.release"), release + "\n").unwrap();
    for name in ["drivers", "lib", "crypto"] {
        symlink(modules.join("kernel").join(name), folder.join(name)).unwrap();
    }
    let order = fs::read_to_string(modules.join("modules.order")).unwrap();
    let parts = ["kernel/drivers/md/", "kernel/drivers/block/", "kernel/lib/", "kernel/crypto/"];
    let order: String = order
        .lines()
        .filter(|line| parts.iter().any(|part| line.starts_with(part)))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.join("modules.order"), order).unwrap();
}
