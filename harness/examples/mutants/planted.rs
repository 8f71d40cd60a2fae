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

fn read(kind: Kind, path: &Path) -> Result<Mutant, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::infra(format!("read `{}`: {error}", path.display())))?;
    parse(kind, path, &text)
}

/// Reads a patch's header: a sentence on what it breaks, then lines such as `Scenarios: members data`.
fn parse(kind: Kind, path: &Path, text: &str) -> Result<Mutant, Failure> {
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

#[cfg(test)]
mod tests {
    use mdlab::Class;

    use super::*;

    const DIFF: &str = "--- a/md.c\n+++ b/md.c\n@@ -1 +1 @@\n-one\n+two\nUnseen: no\nReverts: no\n";

    fn parsed(header: &str) -> Result<Mutant, Failure> {
        parse(Kind::Md, Path::new("/planted/bit-lost.patch"), &format!("{header}{DIFF}"))
    }

    #[test]
    fn a_header_is_read_and_the_patch_below_it_is_not() {
        let mutant = parsed("A bit is lost\nwhen it is set.\n\nScenarios: members data\n").unwrap();
        assert_eq!((mutant.name.as_str(), mutant.breaks.as_str()), ("md/bit-lost", "A bit is lost when it is set."));
        assert_eq!(mutant.scenarios, ["members", "data"]);
        assert_eq!((mutant.reverts, mutant.unseen), (None, None));
    }

    #[test]
    fn what_a_patch_reverts_and_why_it_is_not_seen_are_read() {
        let header =
            "A bit is lost.\nScenarios: data\nReverts: 0123456789ab (\"md: lose no bit\")\nUnseen: it is set again\n";
        let mutant = parsed(header).unwrap();
        assert_eq!(mutant.breaks, "A bit is lost.");
        assert_eq!(mutant.reverts.as_deref(), Some("0123456789ab (\"md: lose no bit\")"));
        assert_eq!(mutant.unseen.as_deref(), Some("it is set again"));
    }

    #[test]
    fn a_patch_without_description_or_scenarios_is_refused() {
        for header in
            ["", "Scenarios: data\n", "\nScenarios: data\n", "A bit is lost.\n", "A bit is lost.\nScenarios:\n"]
        {
            let failure = parsed(header).unwrap_err();
            assert_eq!(failure.class, Class::Usage, "{header}");
            let expected = "read the header of `/planted/bit-lost.patch`: expected a sentence on what it breaks";
            assert!(failure.message.starts_with(expected), "{failure}");
        }
    }

    #[test]
    fn every_patch_of_the_project_can_be_read() {
        let mutants = find(&[]).unwrap();
        assert!(mutants.len() > 50, "only {} were found", mutants.len());
        assert_eq!(find(&["nothing is called so".into()]).unwrap_err().class, Class::Usage);
    }
}
