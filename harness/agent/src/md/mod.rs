//! The command `md`: what mdadm does with 1.x arrays, made of ioctls and writes alone, so that the two can be compared.
//!
//! [`create`] follows mdadm's Create step by step and under the same names; what it computes (where data begins, which
//! device gets which role, the bytes of the superblocks) is pure and lies in files of its own. [`stop`], [`assemble`] and
//! [`ioctl`] are the rest of an array's life; [`fill`], [`check`] and [`map`] show which block went where; [`alert`] is
//! what `mdadm --monitor` may run.
//!
//! It must not know mdadm: it runs no program. It knows PID 1 as little as any other program does.
//!
//! Whatever goes wrong is one line on the standard error, `md: VERB `object`: cause; what to do`, and the exit status: 2 for
//! what was asked wrongly, 1 for what the kernel or a device refused.

mod alert;
mod arguments;
mod array;
mod assemble;
mod check;
mod create;
mod fill;
mod ioctl;
mod map;
mod member;
mod pattern;
mod stop;
mod transfer;
mod trouble;

use std::ffi::OsString;
use std::path::Path;

use arguments::Arguments;
use trouble::Trouble;

/// How a subcommand that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As it was meant.
    Good,
    /// It said on the standard output what was not as it should be.
    Bad,
}

struct Subcommand {
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    run: fn(Arguments) -> Result<Verdict, Trouble>,
}

/// In the order of the help.
const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "create",
        syntax: "NODE --level LEVEL [OPTION...] DEVICE|missing...",
        about: "writes superblocks of a new array and runs it",
        run: create::run,
    },
    Subcommand { name: "stop", syntax: "NODE", about: "stops an array", run: stop::run },
    Subcommand {
        name: "assemble",
        syntax: "NODE DEVICE...",
        about: "runs an array that exists on these devices",
        run: assemble::run,
    },
    Subcommand {
        name: "ioctl",
        syntax: "[--unprivileged] [--read-only] [--new] NODE REQUEST [FIELD=VALUE...]",
        about: "issues one ioctl",
        run: ioctl::run,
    },
    Subcommand {
        name: "fill",
        syntax: "NODE [--seed N] [--from SECTOR] [--sectors N]",
        about: "writes sectors that say which they are",
        run: fill::run,
    },
    Subcommand {
        name: "check",
        syntax: "NODE [--seed N] [--from SECTOR] [--sectors N] [--zero-allowed]",
        about: "compares them",
        run: check::run,
    },
    Subcommand {
        name: "map",
        syntax: "[--seed N] [--marked] DEVICE...",
        about: "shows where the filled sectors lie on raw devices",
        run: map::run,
    },
    Subcommand {
        name: "alert",
        syntax: "EVENT DEVICE [MEMBER]",
        about: "logs an event of `mdadm --monitor` to the kernel's log, but for `Rebuild...`",
        run: alert::run,
    },
    Subcommand { name: "help", syntax: "", about: "shows this", run: help },
];

/// Runs the command if the program was called by one of its names; returns the exit status.
pub(crate) fn called(mut arguments: impl Iterator<Item = OsString>) -> Option<i32> {
    let program = arguments.next()?;
    let words = arguments.map(|word| word.to_string_lossy().into_owned());
    // mdadm's monitor runs its program with the event's words alone, so the subcommand must be in the name.
    let words: Vec<String> = match Path::new(&program).file_name()?.to_str()? {
        "md" => words.collect(),
        "md-alert" => std::iter::once("alert".to_owned()).chain(words).collect(),
        _ => return None,
    };
    Some(match run(words) {
        Ok(Verdict::Good) => 0,
        Ok(Verdict::Bad) => 1,
        Err(trouble) => {
            eprintln!("md: {trouble}");
            trouble.status()
        }
    })
}

fn run(words: Vec<String>) -> Result<Verdict, Trouble> {
    let mut words = words.into_iter();
    let Some(name) = words.next() else {
        print!("{}", usage());
        return Err(Trouble::usage("run `md`", "it was given no subcommand", "name one"));
    };
    let name = if matches!(name.as_str(), "--help" | "-h") { "help".to_owned() } else { name };
    let Some(subcommand) = SUBCOMMANDS.iter().find(|known| known.name == name) else {
        let names: Vec<_> = SUBCOMMANDS.iter().map(|known| known.name).collect();
        return Err(Trouble::usage(
            format!("run `{name}`"),
            "there is no such subcommand",
            format!("use {}", names.join(", ")),
        ));
    };
    (subcommand.run)(Arguments::new(subcommand.name, words))
}

fn help(arguments: Arguments) -> Result<Verdict, Trouble> {
    let [] = arguments.exactly([])?;
    print!("{}", usage());
    Ok(Verdict::Good)
}

fn usage() -> String {
    let line = |subcommand: &Subcommand| {
        let call = format!("{} {}", subcommand.name, subcommand.syntax);
        format!("  md {}: {}\n", call.trim_end(), subcommand.about)
    };
    let lines: String = SUBCOMMANDS.iter().map(line).collect();
    format!("usage:\n{lines}options of create:\n{}requests of ioctl:\n{}", create::OPTIONS, ioctl::requests())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(words: &[&str]) -> Option<i32> {
        called(words.iter().map(OsString::from))
    }

    #[test]
    fn only_its_own_names_call_it() {
        assert_eq!(status(&["/init"]), None);
        assert_eq!(status(&["mdadm", "help"]), None);
        assert_eq!(status(&["/sbin/md", "help"]), Some(0));
        assert_eq!(status(&["md", "help", "me"]), Some(2));
        assert_eq!(status(&["md"]), Some(2));
        assert_eq!(status(&["md", "crate"]), Some(2));
        assert_eq!(status(&["md-alert"]), Some(2));
    }

    #[test]
    fn the_help_is_bounded() {
        let usage = usage();
        assert!(usage.lines().count() <= 32 && usage.lines().all(|line| line.chars().count() <= 120), "{usage}");
        assert!(SUBCOMMANDS.iter().all(|known| usage.contains(&format!("  md {}", known.name))));
    }
}
