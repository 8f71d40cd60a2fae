//! `mdlab compare`: what scenarios do on two machines, and what differs.

pub(super) mod observed;

use std::sync::{Mutex, PoisonError};

use clap::Args;
use mdlab_vm::{AccelChoice, KernelSource};

use super::attempt::Attempt;
use super::interrupt::Interrupts;
use super::pool::{self, Done};
use super::progress::{complain, counting, telling};
use super::scenarios::{self, Scenario, Workspace, environment};
use super::{channel, print};
use crate::channel::Channel;
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::laboratory::Laboratory;
use crate::snapshot::IGNORED;
use crate::tool::ToolSource;
use observed::Observed;

/// Runs scenarios on two machines, and shows what differs, channel by channel. Snapshots play no part in it.
///
/// Exit status: 0 if nothing differs, 1 if something does; that of its class where something was no run of a scenario.
///
/// Example: mdlab compare --kernel debian:bookworm --kernel tree:. stop; mdlab compare --mdadm debian:sid --mdadm file:./mdadm
#[derive(Args)]
pub(super) struct Compare {
    /// Run only scenarios whose names contain this.
    #[arg(value_parser = scenarios::part)]
    filter: Option<String>,
    #[command(flatten)]
    workspace: Workspace,
    /// A kernel: named twice, they are compared; named once, it is that of both machines [default: debian:bookworm].
    #[arg(long, value_name = "KERNEL")]
    kernel: Vec<KernelSource>,
    /// An mdadm: named twice, they are compared; named once, it is that of both machines [default: that of the first
    /// kernel's suite].
    ///
    /// A suite's mdadm comes with its udev, whose doing differs as well; a file's with that of the suite whose mdadm is about
    /// as new.
    #[arg(long, value_name = "MDADM")]
    mdadm: Vec<ToolSource>,
    /// `tcg`, `kvm` or `auto`, as in `mdlab run` [default: tcg].
    #[arg(long, env = "MDLAB_ACCEL")]
    accel: Option<AccelChoice>,
    /// Compare only this channel; may be named several times.
    #[arg(long, value_parser = channel)]
    channel: Vec<Channel>,
    /// Scenarios to run at the same time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: Option<u32>,
}

impl Compare {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let choices = self.choices()?;
        let channels = if self.channel.is_empty() { Channel::ALL.to_vec() } else { self.channel.clone() };
        let shell = self.workspace.shell()?;
        let scenarios = scenarios::list(&shell, self.filter.as_deref())?;
        let mut names = Vec::new();
        for choice in &choices {
            names.push(Laboratory::open(choice, &mut telling())?.machine().to_string());
        }
        if names[0] == names[1] {
            // Two builds of one version.
            for (name, choice) in names.iter_mut().zip(&choices) {
                name.push_str(&format!(" ({}, {})", choice.kernel, choice.tool));
            }
        }
        let jobs = pool::jobs(self.jobs);
        let interrupts = Interrupts::heed()?;
        let observed = observe(&scenarios, &choices, jobs, &interrupts, true);
        if let Some(interrupt) = interrupts.next() {
            interrupt.end("not all runs were made");
        }
        let observed = observed?;
        Interrupts::let_through(|| tell(&scenarios, &choices, &names, &channels, &observed))
    }

    /// The two machines.
    fn choices(&self) -> Result<[Choice; 2], Failure> {
        if self.kernel.len() > 2 || self.mdadm.len() > 2 || self.kernel.len().max(self.mdadm.len()) < 2 {
            return Err(Failure::usage("compare two machines: name `--kernel` twice, or `--mdadm`"));
        }
        let kernel = |number: usize| self.kernel.get(number).or(self.kernel.first()).cloned();
        let tool = |number: usize| self.mdadm.get(number).or(self.mdadm.first()).cloned();
        let one = Choice::new(kernel(0), tool(0), self.accel, None)?;
        // The same user space on both, or what differs would be its doing as well.
        let other = Choice::new(kernel(1), tool(1).or(Some(one.tool.clone())), self.accel, None)?;
        Ok([one, other])
    }
}

/// Says what differs, and what else there is to know.
fn tell(
    scenarios: &[Scenario],
    choices: &[Choice; 2],
    names: &[String],
    channels: &[Channel],
    [one, other]: &[Vec<Observed>; 2],
) -> Result<(), Failure> {
    let (mut differing, mut failing, mut empty, mut none) = (Vec::new(), 0, 0, Vec::new());
    for (Scenario { name, .. }, (one, other)) in scenarios.iter().zip(one.iter().zip(other)) {
        for failure in [one, other].into_iter().filter_map(Observed::was_none) {
            complain(&format!("`{name}` {}", failure.message));
            none.push(failure.class);
        }
        if one.was_none().or(other.was_none()).is_some() {
            continue;
        }
        match (one.differences(other, channels).text(name, [&names[0], &names[1]]), one.failure()) {
            (Some(text), _) => {
                print(&text)?;
                differing.push(name.as_str());
            }
            (None, Some(how)) => {
                failing += 1;
                print(&format!("{name}, on both: {how}\n"))?;
            }
            (None, None) if one.is_empty() && other.is_empty() => empty += 1,
            (None, None) => {}
        }
    }
    let (count, all) = (differing.len(), scenarios.len());
    let empty = match empty {
        0 => String::new(),
        _ => format!("; {empty} of them have nothing to compare: they are skipped on both, or have no guest"),
    };
    let [first, second] = choices.each_ref().map(|choice| format!("\n  mdlab run NAME {}", choice.options()));
    let alone = format!("each alone:{first}{second}");
    let list = differing.iter().map(|name| format!("\n  {name}")).collect::<String>();
    match (Class::worst(&none), count) {
        (Some(class), _) => {
            let text = format!(
                "{} runs were no runs of the scenario, see above; {count} of {all} scenarios differ",
                none.len()
            );
            Err(Failure::new(class, format!("{text}{list}\n{alone}")))
        }
        (None, 0) => {
            let alike = if failing > 0 { format!("; {failing} fail alike on both") } else { String::new() };
            print(&format!("{all} scenarios: nothing differs between {} and {}{alike}{empty}\n", names[0], names[1]))
        }
        (None, _) => {
            let text = format!("{count} of {all} scenarios differ, as shown above{empty}:{list}\n{alone}");
            Err(Failure::new(Class::Drift, text))
        }
    }
}

/// What each scenario comes to on each of the machines; a failure if a signal came.
pub(super) fn observe<const N: usize>(
    scenarios: &[Scenario],
    choices: &[Choice; N],
    jobs: usize,
    interrupts: &Interrupts,
    keep: bool,
) -> Result<[Vec<Observed>; N], Failure> {
    let mut environments = Vec::new();
    for choice in choices {
        let mut environment = environment(choice)?;
        environment.push((IGNORED, "1".into()));
        environments.push(environment);
    }
    let all = scenarios.len() * N;
    let slots: Vec<Mutex<Option<Observed>>> = (0..all).map(|_| Mutex::new(None)).collect();
    let bar = counting("runs: ", all);
    let outcome = pool::work(all, jobs, interrupts, |number| {
        let attempt = Attempt { scenario: &scenarios[number / N], environment: &environments[number % N] };
        match attempt.run(interrupts)? {
            Some((ran, _)) if !interrupts.has_come() => {
                let observed = Observed::of(ran, keep)?;
                *slots[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(observed);
                bar.inc(1);
                Ok(Done::Yes)
            }
            _ => Ok(Done::Interrupted),
        }
    });
    bar.finish_and_clear();
    outcome?;
    if interrupts.has_come() {
        return Err(Failure::infra(format!("{} of {all} runs were made, then a signal came", bar.position())));
    }
    let mut observed: [Vec<Observed>; N] = std::array::from_fn(|_| Vec::new());
    for (number, slot) in slots.into_iter().enumerate() {
        observed[number % N].extend(slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    Ok(observed)
}
