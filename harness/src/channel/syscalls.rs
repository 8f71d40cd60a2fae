//! Command lines, how they ended, what they wrote, and the system calls that decide something.

use std::collections::BTreeSet;

use mdlab_protocol::{Descriptor, Event, Exit, Process, ProcessChange, Value, What};

use super::call;
use crate::recording::{Command, Step};
use crate::redaction::Redaction;

pub(super) fn render(step: &Step, redaction: &Redaction) -> String {
    let commands = step.commands.iter().map(|command| of_command(command, redaction));
    let mut walks = Walks::default();
    let events = step.events.iter().filter(|event| !(redaction.omits_walks() && walks.take(&event.what)));
    let events = events.filter_map(|event| of_event(event, redaction));
    commands.chain(folded(events).map(|line| line + "\n")).collect()
}

/// Folders of /dev that processes look into as they search it for the names of a device (`map_dev` in mdadm's lib.c, by
/// nftw(3)): which there are by then, and in which order, is udev's doing.
#[derive(Default)]
struct Walks(BTreeSet<(u32, i64)>);

impl Walks {
    /// Takes note of a call, and says whether it belongs to such a search: it opens a folder below another one that is open, or
    /// closes it.
    fn take(&mut self, what: &What) -> bool {
        let What::Syscall(call) = what else { return false };
        let argument = |name: &str| call.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        match call.name.as_str() {
            "openat" => {
                let below = matches!(argument("dirfd"), Some(Value::Descriptor(open)) if is_in_dev(&open.path));
                let folder = matches!(argument("flags"), Some(Value::Symbol(flags)) if flags.contains("O_DIRECTORY"));
                if below && folder && call.result >= 0 {
                    self.0.insert((call.pid, call.result));
                }
                below && folder
            }
            "close" => match argument("fd") {
                Some(Value::Descriptor(open)) => self.0.remove(&(call.pid, open.fd.into())),
                _ => false,
            },
            _ => false,
        }
    }
}

fn is_in_dev(path: &str) -> bool {
    path == "/dev" || path.starts_with("/dev/")
}

/// Lines with what repeats said once: mdadm deletes each of sixteen partitions that a disk might have.
fn folded(lines: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for line in lines {
        match runs.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => runs.push((line, 1)),
        }
    }
    runs.into_iter().map(|(line, count)| if count == 1 { line } else { format!("{line}  [{count} times]") })
}

fn of_command(command: &Command, redaction: &Redaction) -> String {
    let mut text = format!("$ {}\n", redaction.text(&command.line()));
    let mut lines = |mark: &str, body: &str| {
        text.extend(redaction.text(body).lines().map(|line| format!("{mark} {line}").trim_end().to_owned() + "\n"));
    };
    lines("<", command.answer.as_deref().unwrap_or_default());
    lines("|", &String::from_utf8_lossy(&command.output.stdout));
    lines("!", &String::from_utf8_lossy(&command.output.stderr));
    if command.output.cut > 0 {
        lines("…", &format!("{} more bytes", command.output.cut));
    }
    text + &command.ending() + "\n"
}

/// The lines of an event that belongs to this channel.
fn of_event(event: &Event, redaction: &Redaction) -> Option<String> {
    Some(match &event.what {
        What::Syscall(call) => format!("{} {}", redaction.pid(call.pid), call::line(call, redaction)),
        What::Process(process) => return of_process(process, redaction),
        What::Files { pid, closing, before, after } => {
            let files = |files: &[Descriptor]| {
                files.iter().map(|file| format!("\n         {}", call::descriptor(file, redaction))).collect::<String>()
            };
            let pid = redaction.pid(*pid);
            format!("{pid} closes {closing}\n     before{}\n     after{}", files(before), files(after))
        }
        _ => return None,
    })
}

/// What became of a process; that it executes a program is seen in its `execve` already.
pub(crate) fn of_process(process: &Process, redaction: &Redaction) -> Option<String> {
    let pid = redaction.pid(process.pid);
    Some(match &process.change {
        ProcessChange::Executed(_) => return None,
        ProcessChange::Forked { parent } => format!("{pid} is forked by {}", redaction.pid(*parent)),
        ProcessChange::Exited(Exit::Status(status)) => format!("{pid} exits with {status}"),
        ProcessChange::Exited(Exit::Signal(signal)) => format!("{pid} is killed by signal {signal}"),
        ProcessChange::Exited(Exit::TimedOut) => format!("{pid} is killed at its limit"),
        ProcessChange::Exited(Exit::Hung) => format!("{pid} hangs in the kernel"),
    })
}
