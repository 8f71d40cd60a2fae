//! The command line.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use mdlab_vm::{AccelChoice, KernelSource};

use crate::channel::Channel;
use crate::choice::{self, Choice};
use crate::failure::Failure;
use crate::tool::ToolSource;
use progress::complain;

mod attempt;
mod bisect;
mod compare;
mod disks;
mod doctor;
mod gdb;
mod grid;
mod interrupt;
mod kernel;
mod kernels;
mod manual;
mod matrix;
mod pack;
mod pool;
mod progress;
mod prove;
mod put;
mod replay;
mod report;
mod run;
mod scenarios;
mod shell;
mod snapshots;
mod trace;

/// A laboratory for Linux software RAID: real kernels, real md, recorded and compared.
///
/// Example: mdlab trace 'mdadm --create /dev/md0 --level 1 --raid-devices 2 /dev/loop0 /dev/loop1'; mdlab run mirror::
///
/// Exit status: 0 pass, 1 drift (a snapshot differs, or a scenario's own assertion does not hold), 2 usage, 3 kernel (a
/// panic, a warning, a hang, or whatever else it reports of itself), 4 boot (the kernel never reached the agent), 5 tool (a
/// command ended otherwise than it should), 6 infra (QEMU, disk space, a missing program).
#[derive(Parser)]
#[command(name = "mdlab", version)]
struct Cli {
    /// Tell only results and failures, and not what takes time.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

/// What each is for is said where its options are: said here as well, that would be all of its help.
#[derive(Subcommand)]
enum Command {
    Trace(trace::Trace),
    Shell(shell::Shell),
    Run(run::Run),
    Matrix(matrix::Matrix),
    Compare(compare::Compare),
    Bisect(bisect::Bisect),
    Prove(prove::Prove),
    Pack(pack::PackUp),
    Replay(replay::Replay),
    Gdb(gdb::Gdb),
    Report(report::Report),
    Snapshots(snapshots::Snapshots),
    Kernel(kernel::OwnKernel),
    Kernels(kernels::Kernels),
    Doctor(doctor::Doctor),
    Manual(manual::Manual),
}

/// What to run on.
#[derive(Args)]
struct Machine {
    /// The kernel: `debian:SUITE`, `file:PATH[,modules:DIR]`, `tree:PATH` or `host` [default: debian:bookworm].
    #[arg(long, env = "MDLAB_KERNEL")]
    kernel: Option<KernelSource>,
    /// The mdadm: `debian:SUITE`, or `file:PATH` [default: that of the kernel's suite].
    #[arg(long, env = "MDLAB_MDADM")]
    mdadm: Option<ToolSource>,
    /// `tcg` is the same on every run; `kvm` insists on KVM; `auto` takes KVM where the machine boots under it [default: tcg].
    #[arg(long, env = "MDLAB_ACCEL")]
    accel: Option<AccelChoice>,
    /// Another seed, another run: it goes into the guest's random pool, and disturbs who runs when.
    #[arg(long, env = "MDLAB_SEED", value_parser = choice::seed)]
    seed: Option<u64>,
}

impl Machine {
    fn choice(&self) -> Result<Choice, Failure> {
        Choice::new(self.kernel.clone(), self.mdadm.clone(), self.accel, self.seed)
    }
}

/// A channel as it is named on a command line.
fn channel(text: &str) -> Result<Channel, String> {
    let names = || Channel::ALL.map(Channel::name).join(", ");
    Channel::ALL
        .into_iter()
        .find(|channel| channel.name() == text)
        .ok_or_else(|| format!("expected one of {}", names()))
}

/// Runs the command line, and ends with the exit status of its outcome.
pub fn main() -> ExitCode {
    let Cli { quiet, command } = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    if quiet {
        progress::be_quiet();
    }
    let outcome = match command {
        Command::Trace(trace) => trace.run(),
        Command::Shell(shell) => shell.run(),
        Command::Run(run) => run.run(),
        Command::Matrix(matrix) => matrix.run(),
        Command::Bisect(bisect) => bisect.run(),
        Command::Compare(compare) => compare.run(),
        Command::Prove(prove) => prove.run(),
        Command::Pack(pack) => pack.run(),
        Command::Replay(replay) => replay.run(),
        Command::Gdb(gdb) => gdb.run(),
        Command::Report(report) => report.run(),
        Command::Snapshots(snapshots) => snapshots.run(),
        Command::Kernel(kernel) => kernel.run(),
        Command::Kernels(kernels) => kernels.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Manual(manual) => manual.run(Cli::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.to_string());
            failure.class.exit_status().into()
        }
    }
}

/// Says what is wrong with the command line, and ends.
fn refuse(error: &clap::Error) -> ! {
    let _ = error.print();
    let mut words = std::env::args_os().skip(1);
    let judges = words.next().is_some_and(|word| word == "bisect")
        && !words.any(|word| word.to_string_lossy().starts_with("--bad"));
    // Help is no error.
    let status = if judges && error.use_stderr() { bisect::ABORT } else { error.exit_code() };
    std::process::exit(status)
}

/// Prints to the standard output. Whoever reads it may stop to; that is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match progress::aside(|| anstream::stdout().write_all(text.as_bytes())) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::infra(format!("write to the standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
        let own = |command: &&clap::Command| command.get_name() != "help";
        let below = command.get_subcommands().filter(own).flat_map(leaves).collect::<Vec<_>>();
        if below.is_empty() { vec![command] } else { below }
    }

    #[test]
    fn every_command_has_an_example() {
        let mut command = Cli::command();
        command.build();
        let all = leaves(&command);
        assert!(all.len() > 15, "{}", all.len());
        for command in all {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example: mdlab "), "{}: {help}", command.get_name());
        }
    }
}
