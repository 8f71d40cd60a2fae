//! `mdlab kernels`: which kernels there are, and which of them are at hand.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{Table, presets};
use mdlab_vm::{Cache, Kernel, KernelSource};

use super::grid::{Grid, Listed};
use super::print;
use super::progress::{complain, telling};
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;
use crate::tool::ToolSource;
use crate::userland::Userland;

/// Lists kernels, with the mdadm that comes with them, and fetches them.
///
/// What has been fetched stays as it is, so that it gives the same results; once its folder in the cache is removed
/// (`packages/sid`), Debian's newest is fetched.
///
/// Example: mdlab kernels --fetch debian:sid debian:experimental
#[derive(Args)]
pub(super) struct Kernels {
    /// Only these [default: those of the grid, and `host`].
    names: Vec<KernelSource>,
    /// Fetch what is not in the cache.
    #[arg(long)]
    fetch: bool,
    /// The file of the grid [default: `ci/matrix.toml` of the workspace around the current folder].
    #[arg(long, value_name = "FILE")]
    grid: Option<PathBuf>,
}

/// What is known of one.
struct Row {
    kernel: String,
    mdadm: String,
    /// Why it cannot be had, if it cannot.
    refusal: Option<Refusal>,
}

struct Refusal {
    class: Class,
    reason: String,
    /// Debian does not have it, which is not the same as that it could not be asked.
    gone: bool,
}

impl Kernels {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let listed = self.listed()?;
        let cache = Cache::open()?;
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(["kernel", "Linux", "mdadm"]);
        let mut classes = Vec::new();
        for Listed { source, required } in listed {
            let row = self.row(&source, &cache)?;
            match row.refusal {
                Some(Refusal { class, reason, gone }) => {
                    complain(&format!("{source}: {reason}"));
                    classes.extend(required.then_some(class));
                    let why = if gone { "unavailable" } else { "cannot be had" };
                    table.add_row([source.to_string(), why.to_owned(), row.mdadm]);
                }
                None => drop(table.add_row([source.to_string(), row.kernel, row.mdadm])),
            }
        }
        let lines: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        print(&lines)?;
        match Class::worst(&classes) {
            None => Ok(()),
            Some(class) => {
                Err(Failure::new(class, format!("{} of the kernels cannot be had, see above", classes.len())))
            }
        }
    }

    fn listed(&self) -> Result<Vec<Listed>, Failure> {
        if self.names.is_empty() {
            let mut listed = Grid::open(self.grid.as_deref(), Path::new("."))?.kernels;
            // A machine that cannot offer its own is none the worse for it.
            listed.push(Listed { source: KernelSource::Host, required: false });
            return Ok(listed);
        }
        let absolute = |source: &KernelSource| {
            let source = source.clone().absolute();
            source.map(|source| Listed { source, required: true })
        };
        let listed: std::io::Result<Vec<Listed>> = self.names.iter().map(absolute).collect();
        listed.map_err(|error| Failure::usage(format!("find the current folder: {error}")))
    }

    fn row(&self, source: &KernelSource, cache: &Cache) -> Result<Row, Failure> {
        let choice = Choice::new(Some(source.clone()), None, None, None)?;
        let ToolSource::Debian(suite) = &choice.tool else { return Err(Failure::usage("expected Debian's mdadm")) };
        let mut refusal = None;
        let mut refuse = |error: mdlab_vm::Error| {
            let gone = error.unavailable.is_some();
            let Failure { class, message, .. } = error.into();
            refusal.get_or_insert(Refusal { class, reason: message, gone });
        };
        if self.fetch {
            Laboratory::fetch(cache, &choice, &mut telling()).map(drop).unwrap_or_else(&mut refuse);
        }
        let absent = || "not in the cache".to_owned();
        let kernel = Kernel::at_hand(source, cache).unwrap_or_else(|error| {
            refuse(error);
            None
        });
        let kernel = kernel.map_or_else(absent, |kernel| kernel.release().to_owned());
        let mdadm = Userland::version_at_hand(suite, cache)?.unwrap_or_else(absent);
        Ok(Row { kernel, mdadm, refusal })
    }
}
