//! Kernel modules and a real `/lib/modules` for modprobe.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use super::RamDisk;
use crate::cache::Cache;
use crate::error::{Context, Error, Result};
use crate::kernel::Kernel;
use crate::packages::run;

/// What depmod reads beside the modules, and what modprobe needs to know what is built in.
const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

impl RamDisk {
    /// Adds those of the named modules that this kernel has as modules, and all that they need; returns those of the first
    /// list that were found. What is missing may be built in, or absent: who needs it finds out when the kernel runs.
    pub fn modules(&mut self, cache: &Cache, kernel: &Kernel, names: &[&str], more: &[&str]) -> Result<Vec<String>> {
        let source = cache.scratch()?;
        let Some(folder) = kernel.lay_out_modules(source.path())? else { return Ok(Vec::new()) };
        let shell = Shell::new().doing("start a shell")?;
        // depmod lies in /sbin, which is not in every user's PATH.
        let path = std::env::var("PATH").unwrap_or_default();
        shell.set_var("PATH", format!("{path}:/usr/sbin:/sbin"));
        let release = kernel.release();
        let dependencies = dependencies(&shell, release, source.path(), &folder)?;
        let mut wanted = BTreeSet::new();
        let mut found = Vec::new();
        for name in names.iter().chain(more) {
            if let Some((path, needed)) = dependencies.get(&canonical(name)) {
                found.push((*name).to_owned());
                wanted.extend(needed.iter().chain([path]).cloned());
            }
        }
        found.retain(|name| names.contains(&name.as_str()));
        refuse_others(&shell, release, &folder, &wanted)?;
        let base = cache.scratch()?;
        let inside = format!("lib/modules/{release}");
        let target = base.path().join(&inside);
        for path in &wanted {
            let (from, to) = (folder.join(path), target.join(path));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).context("make the folder", parent)?;
            }
            match kernel.has_raw_modules() {
                true => drop(run(cmd!(shell, "strip --strip-debug {from} -o {to}"))?),
                false => drop(fs::copy(&from, &to).context("copy the module", &from)?),
            }
        }
        for list in LISTS {
            match fs::copy(folder.join(list), target.join(list)) {
                // One may be missing (`modules.builtin.modinfo` came with 5.2): depmod does without, or says so.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                result => drop(result.context("copy", &folder.join(list))?),
            }
        }
        let base = base.path();
        run(cmd!(shell, "depmod -b {base} {release}"))?;
        self.tree(base, &inside)?;
        Ok(found)
    }
}

/// Every module of a kernel: where it lies, and which ones it needs. depmod says it, because packages do not bring
/// `modules.dep`, and prints it, because the folder is not ours to write to.
fn dependencies(
    shell: &Shell,
    release: &str,
    base: &Path,
    folder: &Path,
) -> Result<BTreeMap<String, (String, Vec<String>)>> {
    let text = run(cmd!(shell, "depmod -n -b {base} {release}"))?;
    let modules: BTreeMap<_, _> = text.lines().map_while(entry).collect();
    if modules.is_empty() {
        return Err(Error::usage(format!("find modules in `{}`: there are none", folder.display())));
    }
    Ok(modules)
}

/// Refuses modules that were built for another kernel, which this one would not load: the first word of their `vermagic` is
/// the release (include/linux/vermagic.h).
fn refuse_others(shell: &Shell, release: &str, folder: &Path, wanted: &BTreeSet<String>) -> Result<()> {
    let paths = wanted.iter().map(|path| folder.join(path));
    if wanted.is_empty() {
        return Ok(());
    }
    let text = run(cmd!(shell, "modinfo --field vermagic {paths...}"))?;
    let built = text.lines().map(|line| line.split(' ').next().unwrap_or_default());
    match wanted.iter().zip(built).find(|(_, built)| *built != release) {
        None => Ok(()),
        Some((path, built)) => {
            let path = folder.join(path);
            let path = path.canonicalize().unwrap_or(path);
            Err(Error::usage(format!(
                "match the module `{}` with its kernel: the kernel is {release}, the module was built for {built}; \
                 `make modules` in its tree builds it anew",
                path.display()
            )))
        }
    }
}

/// A line of `modules.dep`, the first of the lists that depmod prints: `kernel/drivers/md/raid1.ko: kernel/drivers/md/md-mod.ko`.
fn entry(line: &str) -> Option<(String, (String, Vec<String>))> {
    let (path, needed) = line.split_once(':')?;
    let file = PathBuf::from(path);
    let name = file.file_name()?.to_str()?.split(".ko").next()?;
    let needed = needed.split_whitespace().map(str::to_owned).collect();
    (path.contains(".ko")).then(|| (canonical(name), (path.to_owned(), needed)))
}

/// The kernel does not distinguish `-` and `_` in the names of modules.
fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn a_line_of_modules_dep_is_read() {
        let line = "kernel/drivers/md/raid1.ko.xz: kernel/drivers/md/md-mod.ko.xz";
        let (name, (path, needed)) = entry(line).unwrap();
        assert_eq!((name.as_str(), path.as_str()), ("raid1", "kernel/drivers/md/raid1.ko.xz"));
        assert_eq!(needed, ["kernel/drivers/md/md-mod.ko.xz"]);
        assert_eq!(entry("kernel/drivers/md/md-mod.ko:").unwrap().0, "md_mod");
        assert_eq!(entry("# Aliases extracted from modules themselves."), None);
        assert_eq!(entry("alias block-major-9-* md_mod"), None);
    }
}
