//! Kernels of one's own: a tree, built with the smallest configuration that will do, in a folder of the cache.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xshell::{Cmd, Shell, cmd};

use crate::cache::Cache;
use crate::child::{End, overheard};
use crate::digest::Digest;
use crate::error::{Class, Context, Error, Result};
use crate::news::{News, Notice};

/// What every build has.
const CONFIG: &str = include_str!("../../kernel.config");
const DEBUG: &str = include_str!("../../debug.config");
const KASAN: &str = include_str!("../../kasan.config");

/// What the kernel checks of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Hung tasks alone.
    Plain,
    /// Locks, lists, objects.
    Debug,
    /// Every access to memory.
    Kasan,
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "plain" => Ok(Self::Plain),
            "debug" => Ok(Self::Debug),
            "kasan" => Ok(Self::Kasan),
            _ => Err(format!("expected `plain`, `debug` or `kasan`, got `{text}`")),
        }
    }
}

/// A kernel to be built.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its source, which stays as it is: it must not have been built in its own folder.
    pub tree: PathBuf,
    /// What it checks of itself.
    pub variant: Variant,
    /// Options that begin so are built in instead of as modules: `CONFIG_MD_`.
    pub built_in: Vec<String>,
    /// Compilers at the same time.
    pub jobs: usize,
}

/// A kernel that was built. As long as this lives nobody builds on it.
#[derive(Debug)]
pub struct Built {
    /// The folder, as `tree:` takes it.
    pub folder: PathBuf,
    /// How long it took.
    pub took: Duration,
    _lock: File,
}

/// The longest that make may work: all of a distribution's kernel takes an hour or two, and this is a small part of one.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// Builds that a cache holds beside those of the last hour; each takes some hundred megabytes. The oldest go first.
const MOST_BUILDS: usize = 8;

/// The file of a build that says what was asked for, and by its time when the build was used last.
pub(super) const ASKED: &str = "mdlab.config";

/// The file in it while it is built, and until it is built again if that did not come to its end.
pub(super) const UNFINISHED: &str = "mdlab.unfinished";

/// What a build takes, programs and a header, and the package of Debian that has it.
const NEEDS: [(&str, &str); 7] = [
    ("gcc", "gcc"),
    ("ld", "binutils"),
    ("make", "make"),
    ("flex", "flex"),
    ("bison", "bison"),
    ("bc", "bc"),
    ("/usr/include/gelf.h", "libelf-dev"),
];

/// Lines that make prints while it builds Linux 6.1, plain, from nothing; it is where a build is thought to end.
const LINES: f64 = 1800.0;

impl Build {
    /// Builds it, or what has changed of it since the last time, unless the interrupt can be read.
    pub fn run(&self, cache: &Cache, interrupt: Option<BorrowedFd>, notice: Notice) -> Result<Built> {
        let tree = self
            .tree
            .canonicalize()
            .map_err(|error| Error::usage(format!("find the kernel tree `{}`: {error}", self.tree.display())))?;
        if tree.to_str().is_none() {
            return Err(Error::usage(format!("build `{}`: expected a path in UTF-8", tree.display())));
        }
        refuse_unfit(&tree)?;
        refuse_unequipped()?;
        let config = self.config();
        // Another configuration of the same kind is built on.
        let kind = format!("{} {:?} {:?}", tree.display(), self.variant, self.built_in);
        let name = format!("builds/{}", Digest::of(kind.as_bytes()).short());
        let lock = cache.lock(&name, notice)?;
        let began = Instant::now();
        let folder = cache.folder(&name)?;
        notice(News::Begins(&format!("building `{}` in `{}`", tree.display(), folder.display())));
        // What lies there, another source's perhaps, is not to be taken for what is built now.
        let unfinished = folder.join(UNFINISHED);
        fs::write(&unfinished, "").context("write", &unfinished)?;
        let asked = folder.join(ASKED);
        fs::write(&asked, &config).context("write", &asked)?;
        let shell = Shell::new().doing("start a shell")?;
        // The same source gives the same kernel.
        for (name, value) in [
            ("KBUILD_BUILD_TIMESTAMP", "1970-01-01"),
            ("KBUILD_BUILD_VERSION", "1"),
            ("KBUILD_BUILD_USER", "mdlab"),
            ("KBUILD_BUILD_HOST", "mdlab"),
        ] {
            shell.set_var(name, value);
        }
        // What is said of failures is read; the kernel's Makefile passes LC_ALL on to nobody.
        for name in ["LANG", "LC_MESSAGES", "LANGUAGE"] {
            shell.set_var(name, "C");
        }
        shell.set_var("KCONFIG_ALLCONFIG", &asked);
        let jobs = format!("-j{}", self.jobs);
        // `quiet=quiet_` has the kernel's Makefiles say what they do all the same, a line each, by which it is known how far it is.
        // `LOCALVERSION=` leaves the `+` away that git would have a changed tree called by.
        let make = ["--silent", "quiet=quiet_", "ARCH=x86_64", "LOCALVERSION=", &jobs];
        let mut run = |targets: &[&str]| {
            let command = cmd!(shell, "make -C {tree} O={folder} {make...} {targets...}");
            let mut lines = 0;
            let mut heard = |said: &[u8]| {
                lines += said.iter().filter(|byte| **byte == b'\n').count();
                notice(News::Done((lines as f64 / LINES).min(0.99)));
            };
            run_make(command, &tree, LIMIT.saturating_sub(began.elapsed()), interrupt, &mut heard)
        };
        run(&["allnoconfig"])?;
        refuse_refused(&tree, &folder, &config)?;
        run(&["bzImage", "modules"])?;
        fs::remove_file(&unfinished).context("remove", &unfinished)?;
        notice(News::Ends);
        cache.discard_oldest("builds", ASKED, MOST_BUILDS, notice);
        Ok(Built { folder, took: began.elapsed(), _lock: lock })
    }

    /// Debian's packages that a build takes, and that are not installed.
    pub fn missing() -> Vec<&'static str> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let runs = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
        let has = |need: &str| if need.starts_with('/') { Path::new(need).exists() } else { runs(need) };
        NEEDS.iter().filter(|(need, _)| !has(need)).map(|(_, package)| *package).collect()
    }

    /// The lines of the configuration.
    fn config(&self) -> String {
        let variant = match self.variant {
            Variant::Plain => "",
            Variant::Debug => DEBUG,
            Variant::Kasan => KASAN,
        };
        let line = |line: &str| match line.strip_suffix("=m") {
            Some(option) if self.built_in.iter().any(|begin| option.starts_with(begin)) => format!("{option}=y\n"),
            _ => format!("{line}\n"),
        };
        CONFIG.lines().chain(variant.lines()).filter(|line| line.starts_with("CONFIG_")).map(line).collect()
    }
}

/// Whether a folder is a kernel's source, and was not built in.
fn refuse_unfit(tree: &Path) -> Result<()> {
    let path = tree.display();
    if !["Makefile", "Kconfig", "arch/x86"].iter().all(|name| tree.join(name).exists()) {
        return Err(Error::usage(format!("`{path}` is no kernel tree: expected `Makefile`, `Kconfig` and `arch/x86`")));
    }
    // As the kernel's own Makefile checks it (`outputmakefile`).
    if [".config", "include/config", "arch/x86/include/generated"].iter().any(|name| tree.join(name).exists()) {
        let quoted = shell_words::quote(tree.to_str().unwrap_or_default());
        return Err(Error::usage(format!(
            "build `{path}` in a folder of its own: it was configured in its own one; `--kernel tree:{quoted}` takes what was \
             built there, `git -C {quoted} worktree add ../clean` has a clean tree beside it, `make -C {quoted} mrproper` \
             removes what was built"
        )));
    }
    Ok(())
}

fn refuse_unequipped() -> Result<()> {
    let missing = Build::missing();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::infra(format!("build a kernel: `apt-get install {}`", missing.join(" ")))),
    }
}

/// Runs make; an error holds what the compilers complained of.
fn run_make(
    command: Cmd,
    tree: &Path,
    limit: Duration,
    interrupt: Option<BorrowedFd>,
    heard: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    // By this signal make has its compilers end first.
    let (end, status, said) = overheard(command.into(), limit, interrupt, Signal::SIGTERM, heard).doing("run make")?;
    let (tree, reason) = (tree.display(), host_failure(&said));
    match (end, status.code()) {
        (End::Itself, Some(0)) => Ok(()),
        (End::Itself, Some(_)) if reason.is_none() => {
            let said = complaints(&said);
            Err(Error::new(Class::Boot, format!("build `{tree}`: make ended with {status}:{said}")))
        }
        (End::Itself, _) => {
            let reason = reason.map_or_else(|| status.to_string(), str::to_owned);
            Err(Error::infra(format!("build `{tree}`: it is not the tree's fault: {reason}")))
        }
        (End::TooLate, _) => {
            let hours = LIMIT.as_secs() / 3600;
            Err(Error::infra(format!("build `{tree}`: make did not end within {hours} hours")))
        }
        (End::Interrupted, _) => Err(Error::infra(format!("build `{tree}`: it was interrupted"))),
    }
}

/// The line that says what the host lacked, if it was that: whatever the tree is, it proves nothing of it.
fn host_failure(said: &str) -> Option<&str> {
    // strerror(3) of ENOSPC, ENOMEM, EROFS, EDQUOT, EAGAIN, EMFILE and EIO; gcc and ld without memory; make, gcc and a shell, whose
    // statuses are 128 and the signal's number, of a program that SIGKILL or SIGTERM has ended.
    const SIGNS: [&str; 14] = [
        "No space left on device",
        "Cannot allocate memory",
        "Read-only file system",
        "Disk quota exceeded",
        "Resource temporarily unavailable",
        "Too many open files",
        "Input/output error",
        "out of memory allocating",
        "memory exhausted",
        "Killed signal terminated program",
        "] Killed",
        "] Terminated",
        "] Error 137",
        "] Error 143",
    ];
    said.lines().find(|line| SIGNS.iter().any(|sign| line.contains(sign)))
}

/// The first errors in what make printed, or its end if nothing calls itself one.
fn complaints(stderr: &str) -> String {
    const MOST: usize = 8;
    let errors = stderr.lines().filter(|line| line.contains("error: ") || line.starts_with("ERROR: "));
    let mut lines: Vec<&str> = errors.take(MOST).collect();
    if lines.is_empty() {
        let all: Vec<&str> = stderr.lines().collect();
        lines = all[all.len().saturating_sub(MOST)..].to_vec();
    }
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

/// Refuses a configuration in which something is not as it was asked for. Options of which the tree does not know are left out:
/// they came later, or are gone.
fn refuse_refused(tree: &Path, folder: &Path, asked: &str) -> Result<()> {
    let path = folder.join(".config");
    let text = fs::read_to_string(&path).context("read", &path)?;
    let refused = refused(asked, &text);
    if refused.is_empty() {
        return Ok(());
    }
    let known = options(tree)?;
    let refused: Vec<&str> =
        refused.into_iter().filter(|(option, _)| known.contains(*option)).map(|(_, l)| l).collect();
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Error::new(
            Class::Boot,
            format!(
                "configure `{}`: it knows of these and does not take them, something that they depend on is missing: {}",
                tree.display(),
                refused.join(", ")
            ),
        )),
    }
}

/// The options that a configuration does not have as they were asked for, without `CONFIG_`, and the lines that asked.
fn refused<'a>(asked: &'a str, config: &str) -> Vec<(&'a str, &'a str)> {
    let has = |option: &str, value: &str| {
        let line = config.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix('='));
        // What something else needs to be built in is no module.
        line == Some(value) || value == "m" && line == Some("y")
    };
    let asked = asked.lines().filter_map(|line| Some((line.split_once('=')?, line)));
    let refused = asked.filter(|((option, value), _)| !has(option, value));
    refused.map(|((option, _), line)| (option.trim_start_matches("CONFIG_"), line)).collect()
}

/// All options that a tree knows of.
fn options(tree: &Path) -> Result<BTreeSet<String>> {
    let (mut known, mut open) = (BTreeSet::new(), vec![tree.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().context("list", &folder)?.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if name.to_string_lossy().starts_with("Kconfig") {
                let text = fs::read_to_string(&path).context("read", &path)?;
                let words =
                    text.lines().filter_map(|line| line.strip_prefix("config ").or(line.strip_prefix("menuconfig ")));
                known.extend(words.map(|option| option.trim().to_owned()));
            }
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(variant: Variant, built_in: &[&str]) -> Build {
        let built_in = built_in.iter().map(|begin| (*begin).to_owned()).collect();
        Build { tree: "/linux".into(), variant, built_in, jobs: 1 }
    }

    #[test]
    fn what_is_to_be_built_in_is_no_module() {
        let modules = build(Variant::Plain, &[]).config();
        assert!(
            modules.contains("\nCONFIG_MD_RAID1=m\n") && modules.contains("\nCONFIG_BLK_DEV_LOOP=m\n"),
            "{modules}"
        );
        let built_in = build(Variant::Debug, &["CONFIG_MD_"]).config();
        assert!(
            built_in.contains("\nCONFIG_MD_RAID1=y\n") && built_in.contains("\nCONFIG_BLK_DEV_LOOP=m\n"),
            "{built_in}"
        );
        assert!(built_in.contains("\nCONFIG_PROVE_LOCKING=y\n"), "{built_in}");
        assert!(build(Variant::Kasan, &[]).config().contains("\nCONFIG_KASAN=y\n"));
    }

    #[test]
    fn an_option_that_was_not_taken_is_named() {
        let asked = "CONFIG_MD=y\nCONFIG_MD_RAID1=m\nCONFIG_MD_RAID0=m\nCONFIG_KASAN=y\n";
        let config = "CONFIG_MD=y\nCONFIG_MD_RAID1=y\n# CONFIG_MD_RAID0 is not set\n";
        assert_eq!(refused(asked, config), [("MD_RAID0", "CONFIG_MD_RAID0=m"), ("KASAN", "CONFIG_KASAN=y")]);
    }

    #[test]
    fn what_the_compiler_said_comes_before_what_make_says() {
        let make = "make[4]: *** [raid1.o] Error 1\nmake: *** [__sub-make] Error 2\n";
        let stderr =
            format!("raid1.c: In function `x`:\nraid1.c:3:2: error: #error does not build\n    3 | #error\n{make}");
        assert_eq!(complaints(&stderr), "\n  raid1.c:3:2: error: #error does not build");
        assert_eq!(complaints(make), "\n  make[4]: *** [raid1.o] Error 1\n  make: *** [__sub-make] Error 2");
        assert_eq!(complaints(""), "");
    }

    #[test]
    fn what_the_host_lacked_is_not_the_tree_s_fault() {
        for line in [
            "fatal error: error writing to /tmp/cc1.s: No space left on device",
            "gcc: fatal error: Killed signal terminated program cc1",
            "make[4]: *** [scripts/Makefile.build:250: drivers/md/raid1.o] Killed",
            "make[2]: *** [scripts/Makefile.vmlinux:34: vmlinux] Error 137",
        ] {
            assert_eq!(host_failure(&format!("  CC raid1.o\n{line}\nmake: ...")), Some(line));
        }
        assert_eq!(host_failure("make[4]: *** [scripts/Makefile.build:250: drivers/md/raid1.o] Error 1"), None);
    }

    #[test]
    fn a_tree_that_cannot_be_built_aside_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = || refuse_unfit(folder.path()).unwrap_err().to_string();
        assert!(refusal().contains("is no kernel tree"), "{}", refusal());
        fs::create_dir_all(folder.path().join("arch/x86")).unwrap();
        for name in ["Makefile", "Kconfig"] {
            fs::write(folder.path().join(name), "config MD_RAID1\nmenuconfig MD\n").unwrap();
        }
        assert!(refuse_unfit(folder.path()).is_ok());
        assert_eq!(options(folder.path()).unwrap().into_iter().collect::<Vec<_>>(), ["MD", "MD_RAID1"]);
        fs::write(folder.path().join(".config"), "").unwrap();
        assert!(refusal().contains("it was configured in its own one; `--kernel tree:"), "{}", refusal());
    }
}
