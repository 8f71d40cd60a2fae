//! The supported grid: which kernels, and which mdadm, from the file that names them.

use std::path::{Path, PathBuf};

use mdlab_vm::{AccelChoice, KernelSource};
use serde::Deserialize;

use crate::choice::Choice;
use crate::failure::Failure;
use crate::tool::ToolSource;

/// Where a workspace names its grid.
const FILE: &str = "ci/matrix.toml";

/// Kernels, from the oldest on, and tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) kernels: Vec<Listed>,
    pub(super) tools: Vec<ToolSource>,
}

/// A kernel of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) source: KernelSource,
    /// Whether it is a failure if it cannot be had.
    pub(super) required: bool,
}

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    kernels: Vec<String>,
    mdadm: Vec<String>,
    #[serde(default)]
    when_available: Vec<String>,
}

impl Grid {
    /// Reads the grid from a file, or from that of the workspace around a folder.
    pub(super) fn open(file: Option<&Path>, folder: &Path) -> Result<Self, Failure> {
        let path = match file {
            Some(path) => path.to_owned(),
            None => of_workspace(folder)?,
        };
        let failed = |cause: String| Failure::usage(format!("read the grid `{}`: {cause}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        Self::read(&text).map_err(failed)
    }

    fn read(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        let listed = |names: Vec<String>, required| {
            let read = move |name: String| name.parse().map(|source| Listed { source, required });
            names.into_iter().map(read).collect::<Result<Vec<Listed>, String>>()
        };
        let kernels = [listed(written.kernels, true)?, listed(written.when_available, false)?].concat();
        let tools = written.mdadm.iter().map(|name| name.parse()).collect::<Result<Vec<ToolSource>, String>>()?;
        if kernels.is_empty() || tools.is_empty() {
            return Err("expected one of `kernels` and one of `mdadm` at least".into());
        }
        Ok(Self { kernels, tools })
    }

    /// The same with other kernels, or other tools, where some are named.
    pub(super) fn with(mut self, kernels: &[KernelSource], tools: &[ToolSource]) -> Self {
        if !kernels.is_empty() {
            self.kernels = kernels.iter().map(|source| Listed { source: source.clone(), required: true }).collect();
        }
        if !tools.is_empty() {
            self.tools = tools.to_vec();
        }
        self
    }

    /// Every kernel with every tool, kernel by kernel, and whether it is required.
    pub(super) fn cells(&self, accel: Option<AccelChoice>) -> Result<Vec<(Choice, bool)>, Failure> {
        let pairs = self.kernels.iter().flat_map(|kernel| self.tools.iter().map(move |tool| (kernel, tool)));
        let cell = |(kernel, tool): (&Listed, &ToolSource)| {
            let choice = Choice::new(Some(kernel.source.clone()), Some(tool.clone()), accel, None)?;
            Ok((choice, kernel.required))
        };
        pairs.map(cell).collect()
    }
}

/// The grid's file of the workspace around a folder.
fn of_workspace(folder: &Path) -> Result<PathBuf, Failure> {
    let here = std::path::absolute(folder);
    let here = here.map_err(|error| Failure::usage(format!("find the folder `{}`: {error}", folder.display())))?;
    let found = here.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let here = here.display();
        Failure::usage(format!(
            "find `{FILE}` in `{here}` or above it: it is not there; `--grid FILE` names another, `--kernel` and \
             `--mdadm` do without"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_of_this_project_is_every_pair() {
        let grid = Grid::read(include_str!("../../../ci/matrix.toml")).unwrap();
        let cells = grid.cells(None).unwrap();
        assert_eq!(cells.len(), grid.kernels.len() * grid.tools.len());
        assert_eq!(cells.iter().filter(|(_, required)| *required).count(), 16);
        assert_eq!(cells[1].0.options(), "--kernel debian:bullseye --mdadm debian:bookworm");
    }

    #[test]
    fn a_grid_that_makes_no_sense_is_refused() {
        for (text, expected) in [
            ("kernels = []\nmdadm = ['debian:sid']", "expected one of `kernels`"),
            ("kernels = ['sid']\nmdadm = []", "got `sid`"),
            ("kernels = ['host']", "missing field `mdadm`"),
            ("kernels = ['host']\nmdadm = ['debian:sid']\ntools = 1", "unknown field `tools`"),
        ] {
            let error = Grid::read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_grid_is_that_of_the_workspace_around_a_folder() {
        let workspace = tempfile::tempdir().unwrap();
        let inner = workspace.path().join("scenarios");
        std::fs::create_dir_all(workspace.path().join("ci")).unwrap();
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(workspace.path().join(FILE), "kernels = ['host']\nmdadm = ['debian:sid']").unwrap();
        assert_eq!(Grid::open(None, &inner).unwrap().kernels[0].source, KernelSource::Host);
        let error = Grid::open(None, Path::new("/")).unwrap_err();
        assert!(error.message.starts_with("find `ci/matrix.toml` in `/` or above it: "), "{error}");
    }

    #[test]
    fn what_is_named_takes_the_place_of_what_is_written() {
        let grid = Grid::read("kernels = ['host']\nmdadm = ['debian:sid']").unwrap();
        let other = grid.clone().with(&["tree:/linux".parse().unwrap()], &[]);
        assert_eq!((other.kernels[0].source.to_string(), other.tools), ("tree:/linux".into(), grid.tools));
    }
}
