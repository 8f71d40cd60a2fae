//! `mdlab kernel`: a kernel of one's own.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mdlab_vm::{Build, Cache, Kernel, KernelSource, Variant};

use super::progress::telling;
use super::{pool, print};
use crate::failure::Failure;

/// A kernel of one's own.
#[derive(Args)]
pub(super) struct OwnKernel {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds a kernel tree with the smallest configuration on which mdlab runs, and says how to run it.
    ///
    /// The tree stays as it is; what is built lies in the cache, and is built on the next time. Of builds that were not used for an
    /// hour only the eight newest are kept.
    ///
    /// Example: mdlab kernel build ~/linux --variant debug
    Build(BuildKernel),
}

#[derive(Args)]
pub(super) struct BuildKernel {
    /// The kernel's source.
    tree: PathBuf,
    #[command(flatten)]
    pub(super) options: BuildOptions,
}

/// How it is built.
#[derive(Args, Debug)]
pub(super) struct BuildOptions {
    /// What the kernel checks of itself: `debug` (locks, lists, objects) or `kasan` (every access to memory).
    #[arg(long, default_value = "plain")]
    variant: Variant,
    /// Whether md is built as modules, or into the kernel.
    #[arg(long, value_enum, default_value_t = Md::Modules)]
    md: Md,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Md {
    Modules,
    BuiltIn,
}

/// How the options of md begin.
const MD: [&str; 2] = ["CONFIG_BLK_DEV_MD", "CONFIG_MD_"];

impl OwnKernel {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Command::Build(BuildKernel { tree, options }) = &self.command;
        let cache = Cache::open()?;
        let built = options.of(tree.clone()).run(&cache, None, &mut telling())?;
        let source = KernelSource::Tree(built.folder.clone());
        let kernel = Kernel::find(&source, &cache, &mut telling())?;
        let (release, seconds) = (kernel.release(), built.took.as_secs());
        let source = source.to_string();
        let quoted = shell_words::quote(&source);
        print(&format!("built Linux {release} in {seconds} s; to run it:\n  --kernel {quoted}\n"))
    }
}

impl BuildOptions {
    /// A build of a tree.
    pub(super) fn of(&self, tree: PathBuf) -> Build {
        let built_in = match self.md {
            Md::Modules => Vec::new(),
            Md::BuiltIn => MD.map(str::to_owned).to_vec(),
        };
        let jobs = pool::jobs(None);
        Build { tree, variant: self.variant, built_in, jobs }
    }
}
