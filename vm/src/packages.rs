//! Debian's packages, fetched and unpacked into the cache: nothing is installed, and nothing needs root.
//!
//! apt runs with a configuration and a state of its own, so that it neither sees nor changes what the host has; only how
//! the host reaches the network (`Acquire`, a proxy among it) is taken over.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use crate::cache::Cache;
use crate::child;
use crate::digest::Digest;
use crate::error::{Context, Error, Result, Unavailable};
use crate::news::{News, Notice};

mod download;
mod list;
mod mirror;
mod tree;

use download::download;

/// A Debian suite by its code name: `bookworm`, `sid`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Suite(String);

impl Suite {
    /// Its code name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The suite whose user space is at home on this one's kernel: Debian's experimental lies above sid, and has none of its
    /// own.
    pub fn user_space(&self) -> Self {
        if self.0 == "experimental" { Self("sid".to_owned()) } else { self.clone() }
    }
}

impl FromStr for Suite {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(word) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("expected the code name of a Debian suite such as `bookworm`, got `{text}`")),
        }
    }
}

/// Packages of one suite, unpacked into one folder.
#[derive(Debug)]
pub struct Packages {
    folder: PathBuf,
    manifest: Manifest,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// File names of the packages, which bear their versions, and their hashes.
    packages: Vec<(String, Digest)>,
    /// Hash of the unpacked tree.
    tree: Digest,
}

/// Which packages are wanted.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// These, and all that they depend on.
    WithDependencies(&'a [&'a str]),
    /// What this one depends on, over any number of steps, as far as its name begins so.
    Followed(&'a str, &'a [&'a str]),
    /// This one, and what it depends on as far as its name begins so.
    And(&'a str, &'a [&'a str]),
    /// The source of this one, with Debian's changes.
    Source(&'a str),
}

/// The kernel of a suite in the cache.
const KERNEL: &str = "kernel";

/// Newer kernels are split, so the metapackage's dependencies are followed.
const WANTED_KERNEL: Wanted =
    Wanted::Followed("linux-image-cloud-amd64", &["linux-image-", "linux-binary-", "linux-modules-", "linux-base-"]);

impl Packages {
    /// The keys that prove Debian's packages.
    pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

    /// Programs and all that they depend on. `entry` names them in the cache; what is there is used as it is.
    pub fn programs(cache: &Cache, suite: &Suite, entry: &str, names: &[&str], notice: Notice) -> Result<Self> {
        Self::find_or_fetch(cache, suite, entry, Wanted::WithDependencies(names), notice)
    }

    /// The programs that [`Packages::programs`] has fetched, if it has.
    pub fn programs_at_hand(cache: &Cache, suite: &Suite, entry: &str) -> Result<Option<Self>> {
        Self::at_hand(cache, suite, entry)
    }

    /// The newest kernel of Debian's cloud flavour, which carries md and its friends as modules.
    pub fn kernel(cache: &Cache, suite: &Suite, notice: Notice) -> Result<Self> {
        Self::find_or_fetch(cache, suite, KERNEL, WANTED_KERNEL, notice)
    }

    /// The kernel that [`Packages::kernel`] has fetched, if it has.
    pub(crate) fn kernel_at_hand(cache: &Cache, suite: &Suite) -> Result<Option<Self>> {
        Self::at_hand(cache, suite, KERNEL)
    }

    /// Fetches the newest kernel of a suite in place of the one of this identity. If that is no longer in the cache,
    /// somebody else has replaced it by now, and theirs is taken.
    pub(crate) fn newer_kernel(cache: &Cache, suite: &Suite, old: &str, notice: Notice) -> Result<Self> {
        let name = Self::entry(suite, KERNEL);
        let _lock = cache.lock(&name, notice)?;
        let folder = cache.path(&name);
        if folder.exists() {
            let present = Self::open(folder)?;
            if present.identity() != old {
                return Ok(present);
            }
        }
        Self::fetch(cache, suite, KERNEL, WANTED_KERNEL, notice)
    }

    /// What modules of a kernel are built against (linux-headers-*, linux-kbuild-*). Debian has them for as long as it
    /// has the kernel; after that, the error says that they are unavailable.
    pub(crate) fn headers(cache: &Cache, suite: &Suite, release: &str, notice: Notice) -> Result<Self> {
        let name = format!("linux-headers-{release}");
        let wanted = Wanted::And(&name, &["linux-headers-", "linux-kbuild-"]);
        Self::find_or_fetch(cache, suite, &format!("headers-{release}"), wanted, notice)
    }

    /// One package alone, without what it depends on.
    pub fn alone(cache: &Cache, suite: &Suite, name: &str, notice: Notice) -> Result<Self> {
        Self::find_or_fetch(cache, suite, name, Wanted::And(name, &[]), notice)
    }

    /// The source of a package with Debian's changes, in a folder of its name. It takes `dpkg-source`.
    pub fn source(cache: &Cache, suite: &Suite, name: &str, notice: Notice) -> Result<Self> {
        Self::find_or_fetch(cache, suite, &format!("source-{name}"), Wanted::Source(name), notice)
    }

    fn find_or_fetch(cache: &Cache, suite: &Suite, entry: &str, wanted: Wanted, notice: Notice) -> Result<Self> {
        let name = Self::entry(suite, entry);
        let folder = cache.path(&name);
        let _lock = cache.lock(&name, notice)?;
        if folder.exists() { Self::open(folder) } else { Self::fetch(cache, suite, entry, wanted, notice) }
    }

    fn at_hand(cache: &Cache, suite: &Suite, entry: &str) -> Result<Option<Self>> {
        let folder = cache.path(Self::entry(suite, entry));
        if folder.exists() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    /// The name of an entry of the cache.
    fn entry(suite: &Suite, entry: &str) -> String {
        format!("packages/{}/{entry}", suite.name())
    }

    /// Fetches packages and then puts them in the place of those in the cache, if there are any. Whoever calls
    /// holds the entry's lock.
    fn fetch(cache: &Cache, suite: &Suite, entry: &str, wanted: Wanted, notice: Notice) -> Result<Self> {
        let name = Self::entry(suite, entry);
        notice(News::Begins(&format!("fetching Debian's packages ({entry}, {})", suite.name())));
        let draft = cache.draft(&name)?;
        let fetched = fetch(draft.path(), suite, wanted, notice)?;
        let manifest = Manifest { packages: fetched, tree: tree::digest(&draft.path().join("root"))? };
        let path = draft.path().join("manifest.json");
        fs::write(&path, serde_json::to_vec_pretty(&manifest).doing("encode a manifest")?).context("write", &path)?;
        let published = Self::open(cache.publish(draft, &name)?)?;
        notice(News::Ends);
        Ok(published)
    }

    fn open(folder: PathBuf) -> Result<Self> {
        let path = folder.join("manifest.json");
        let mend = || format!("`rm -r {}` has them fetched anew", folder.display());
        let text = fs::read(&path).context("read", &path);
        let manifest = text.and_then(|text| serde_json::from_slice(&text).context("decode", &path));
        let manifest = manifest.map_err(|error| Error::infra(format!("{error}; {}", mend())))?;
        Ok(Self { folder, manifest })
    }

    /// Names the packages with their versions and hashes.
    pub fn identity(&self) -> String {
        let names = self.manifest.packages.iter().map(|(name, digest)| format!("{name} {digest}"));
        names.collect::<Vec<_>>().join("\n")
    }

    /// The version of a package: `4.2-5`.
    pub fn version(&self, package: &str) -> Option<&str> {
        let files = self.manifest.packages.iter().filter_map(|(file, _)| file.split_once('_'));
        files.filter(|(name, _)| *name == package).find_map(|(_, rest)| rest.split('_').next())
    }

    /// The folder into which they were unpacked.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Checks that the unpacked files are what was fetched; it reads them all, so it is for those who use them.
    pub fn verify(&self) -> Result<()> {
        if tree::digest(&self.root())? == self.manifest.tree {
            return Ok(());
        }
        let path = self.folder.display();
        Err(Error::infra(format!(
            "the unpacked packages in `{path}` were altered; `rm -r {path}` has them fetched anew"
        )))
    }
}

/// Fetches packages into `folder/debs` and unpacks them into `folder/root`.
fn fetch(folder: &Path, suite: &Suite, wanted: Wanted, notice: Notice) -> Result<Vec<(String, Digest)>> {
    let shell = private_apt(folder, suite, wanted)?;
    update(&shell, suite)?;
    let debs = folder.join("debs");
    fs::create_dir_all(&debs).context("make the folder", &debs)?;
    shell.change_dir(&debs);
    match wanted {
        Wanted::WithDependencies(names) => {
            let options = ["--yes", "--no-install-recommends", "--download-only"];
            let command = cmd!(shell, "apt-get install {options...} {names...}");
            download(command, notice).map_err(|error| gone(error, suite))?;
        }
        Wanted::Followed(name, prefixes) => {
            let names = list::follow(&shell, suite, name, prefixes)?;
            if names.is_empty() {
                return Err(Error::infra(format!("follow the dependencies of `{name}`: there are none")));
            }
            download(cmd!(shell, "apt-get download {names...}"), notice)?;
        }
        Wanted::And(name, prefixes) => {
            let mut names = list::follow(&shell, suite, name, prefixes)?;
            names.insert(name.to_owned());
            download(cmd!(shell, "apt-get download {names...}"), notice)?;
        }
        Wanted::Source(name) => download(cmd!(shell, "apt-get source --download-only {name}"), notice)?,
    }
    let packages = unpack(&shell, folder, &debs)?;
    for leftover in ["debs", "archives", "lists", "etc"] {
        let path = folder.join(leftover);
        fs::remove_dir_all(&path).context("remove", &path)?;
    }
    Ok(packages)
}

/// Unpacks what was fetched into `folder/root`, and names it.
fn unpack(shell: &Shell, folder: &Path, debs: &Path) -> Result<Vec<(String, Digest)>> {
    let root = folder.join("root");
    let named =
        |path: &Path| Ok((path.file_name().unwrap_or_default().to_string_lossy().into(), Digest::of_file(path)?));
    let mut packages = Vec::new();
    for deb in files_ending(debs, ".deb")?.into_iter().chain(files_ending(&folder.join("archives"), ".deb")?) {
        run(cmd!(shell, "dpkg-deb -x {deb} {root}"))?;
        packages.push(named(&deb)?);
    }
    for source in files_ending(debs, ".dsc")? {
        let file = source.file_name().unwrap_or_default().to_string_lossy();
        let target = root.join(file.split('_').next().unwrap_or_default());
        fs::create_dir_all(&root).context("make the folder", &root)?;
        run(cmd!(shell, "dpkg-source --extract {source} {target}"))?;
        packages.push(named(&source)?);
    }
    packages.sort_by(|left: &(String, Digest), right| left.0.cmp(&right.0));
    Ok(packages)
}

/// A shell whose apt knows this suite and nothing else.
fn private_apt(folder: &Path, suite: &Suite, wanted: Wanted) -> Result<Shell> {
    let shell = Shell::new().doing("start a shell")?;
    shell.set_var("LC_ALL", "C");
    let mirror = mirror::find(&shell)?;
    let acquire = run(cmd!(shell, "apt-config dump Acquire"))?;
    let suite = suite.name();
    for path in ["etc/preferences.d", "lists/partial", "archives/partial"] {
        fs::create_dir_all(folder.join(path)).context("make a folder in", folder)?;
    }
    let etc = folder.join("etc");
    let root = folder.display();
    let configuration = format!(
        r#"{acquire}
Dir::Etc "{root}/etc";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourceparts "/dev/null";
Dir::State "{root}/etc";
Dir::State::status "{root}/etc/status";
Dir::State::lists "{root}/lists";
Dir::Cache "{root}/etc";
Dir::Cache::archives "{root}/archives";
Dir::Log "/dev/null";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
// Root would otherwise download as a user who cannot enter the cache.
APT::Sandbox::User "";
// It says how far it is.
APT::Status-Fd "1";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
// The lists of suites that have reached their end are no longer renewed.
Acquire::Check-Valid-Until "false";
Acquire::http::Timeout "30";
"#
    );
    let write = |name: &str, text: String| fs::write(etc.join(name), text).context("write in", &etc);
    write("apt.conf", configuration)?;
    // Nothing is installed, so everything that is needed is fetched. dpkg's locks lie beside this file.
    write("status", String::new())?;
    let kind = if let Wanted::Source(_) = wanted { "deb-src" } else { "deb" };
    write("sources.list", format!("{kind} [signed-by={}] {mirror} {suite} main\n", Packages::KEYRING))?;
    shell.set_var("APT_CONFIG", etc.join("apt.conf"));
    Ok(shell)
}

fn update(shell: &Shell, suite: &Suite) -> Result<()> {
    let keyring = Packages::KEYRING;
    if !Path::new(keyring).exists() {
        let mend = "`apt-get install debian-archive-keyring`";
        return Err(Error::infra(format!("find `{keyring}`, which proves Debian's packages: {mend}")));
    }
    run(cmd!(shell, "apt-get update")).map(drop).map_err(|error| {
        // apt's exit status is 100 for every failure. A mirror that is out of reach is said to be that.
        if let Some(line) = error.message.lines().find(|line| line.contains("does not have a Release file")) {
            let said = line.trim().trim_start_matches("E: ");
            let suite = suite.name();
            return Error::unavailable(
                Unavailable::Suite,
                format!("fetch Debian's suite `{suite}`: there is none of that name: {said}"),
            );
        }
        error
    })
}

/// Tells a package that the suite does not have from every other reason for which apt fails.
fn gone(error: Error, suite: &Suite) -> Error {
    let phrases = ["Unable to locate package", "has no installation candidate"];
    let line = error.message.lines().find(|line| phrases.iter().any(|phrase| line.contains(phrase)));
    match line.map(|line| line.trim().trim_start_matches("E: ")) {
        Some(said) => Error::unavailable(
            Unavailable::Package,
            format!("fetch packages of Debian's suite `{}`: {said}", suite.name()),
        ),
        None => error,
    }
}

fn files_ending(folder: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().context("list", folder)?.flatten().map(|entry| entry.path());
    Ok(entries.filter(|path| path.to_string_lossy().ends_with(suffix)).collect())
}

/// Runs a program; an error holds the end of what it complained of.
pub(crate) fn run(command: xshell::Cmd) -> Result<String> {
    let name = command.to_string();
    let output = child::output(command).map_err(|error| Error::infra(format!("run `{name}`: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = stderr.lines().rev().take(8).collect();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n  ");
    Err(Error::infra(format!("run `{name}`: {}\n  {tail}", output.status)))
}
