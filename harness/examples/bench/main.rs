//! Measures how fast, how small and how deterministic machines are, and prints a table.
//!
//! Durations are wall time on this host, memory is this host's too; each figure is the median of `--times` measurements,
//! beside the least and the greatest. What must not depend on the host is counted instead: how many recordings of
//! `--runs` runs are identical, byte by byte, while the host does its worst. The exit status is 1 unless all are.

use std::process::ExitCode;

use clap::Parser;
use mdlab::{Choice, Failure, Laboratory, ToolSource};
use mdlab_vm::{KernelSource, plainly};

mod boots;
mod figure;
mod forks;
mod identity;
mod memory;
mod scenario;

/// Measures how fast, how small and how deterministic machines are.
#[derive(Parser)]
#[command(name = "bench")]
struct Bench {
    /// Measurements of each figure.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Recordings that must be identical.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The kernel: `debian:SUITE`, or `file:PATH[,modules:DIR]` [default: debian:bookworm].
    #[arg(long, env = "MDLAB_KERNEL")]
    kernel: Option<KernelSource>,
    /// The mdadm: `debian:SUITE`, or `file:PATH` [default: that of the kernel's suite].
    #[arg(long, env = "MDLAB_MDADM")]
    mdadm: Option<ToolSource>,
}

fn main() -> ExitCode {
    match Bench::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            failure.class.exit_status().into()
        }
    }
}

impl Bench {
    fn run(&self) -> Result<(), Failure> {
        let choice = Choice::new(self.kernel.clone(), self.mdadm.clone(), None, None)?;
        let laboratory = Laboratory::open(&choice, &mut plainly("bench"))?;
        figure::head(laboratory.machine(), self.times);
        boots::measure(&choice, self.times)?;
        forks::measure(&laboratory, self.times)?;
        scenario::measure(&laboratory, self.times)?;
        memory::measure(&laboratory, self.times)?;
        identity::measure(&laboratory, self.runs)
    }
}
