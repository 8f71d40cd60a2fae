//! The faults that are planted: patches in `ci/planted`, each headed by what it breaks.

use std::fs;
use std::path::{Path, PathBuf};

use mdlab::Failure;

/// What is altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Debian's mdadm.
    Mdadm,
    /// The kernel's md, as modules.
    Md,
}

impl Kind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Mdadm, Self::Md];

    /// Its folder in `ci/planted`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mdadm => "mdadm",
            Self::Md => "md",
        }
    }
}

/// One small change that breaks something.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// What is altered.
    pub(crate) kind: Kind,
    /// `md/bitmap-bit-lost`.
    pub(crate) name: String,
    /// What it breaks, as a user would feel it.
    pub(crate) breaks: String,
    /// Parts of the names of scenarios that are run.
    pub(crate) scenarios: Vec<String>,
    /// The commit upstream that fixed it, where the bug is a real one.
    pub(crate) reverts: Option<String>,
    /// Why it cannot be seen.
    pub(crate) unseen: Option<String>,
    /// The patch.
    pub(crate) patch: PathBuf,
}

/// The folder of all patches.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/planted")
}

/// All mutants whose names contain one of these words, in the order of their names; no words mean all.
pub(crate) fn find(words: &[String]) -> Result<Vec<Mutant>, Failure> {
    let mut mutants = Vec::new();
    for kind in Kind::ALL {
        let folder = folder().join(kind.name());
        let list =
            folder.read_dir().map_err(|error| Failure::infra(format!("list `{}`: {error}", folder.display())))?;
        let mut paths: Vec<_> = list.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "patch")) {
            mutants.push(read(kind, path)?);
        }
    }
    mutants.retain(|mutant| words.is_empty() || words.iter().any(|word| mutant.name.contains(word)));
    match mutants.is_empty() {
        true => Err(Failure::usage(format!("find mutants whose names contain one of {words:?}: there are none"))),
        false => Ok(mutants),
    }
}

/// Reads a patch's header: a sentence on what it breaks, then lines such as `Scenarios: members data`.
fn read(kind: Kind, path: &Path) -> Result<Mutant, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::infra(format!("read `{}`: {error}", path.display())))?;
    let header: Vec<&str> = text.lines().take_while(|line| !line.starts_with("--- ")).collect();
    let field = |name: &str| header.iter().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
    let breaks = header.iter().take_while(|line| !line.contains(": ") && !line.is_empty());
    let breaks = breaks.copied().collect::<Vec<_>>().join(" ");
    let scenarios: Vec<String> =
        field("Scenarios:").iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect();
    if breaks.is_empty() || scenarios.is_empty() {
        let expected = "expected a sentence on what it breaks, and a line `Scenarios: FILTER...`";
        return Err(Failure::usage(format!("read the header of `{}`: {expected}", path.display())));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Mutant {
        kind,
        name: format!("{}/{stem}", kind.name()),
        breaks,
        scenarios,
        reverts: field("Reverts:"),
        unseen: field("Unseen:"),
        patch: path.to_owned(),
    })
}
