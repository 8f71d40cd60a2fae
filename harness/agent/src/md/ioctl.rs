//! `md ioctl`: one ioctl as it is, on any node.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use mdlab_protocol::Value;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use super::Verdict;
use super::arguments::{Argument, Arguments};
use super::array::Array;
use super::trouble::{Refused, Trouble, error_name};
use crate::ioctl::{Call, Request};

/// The user and the group nobody.
const NOBODY: u32 = 65534;

/// Most bytes that are shown of an answer without names.
const SHOWN: usize = 64;

#[derive(Default)]
struct Order {
    unprivileged: bool,
    read_only: bool,
    new: bool,
    words: Vec<String>,
}

pub(super) fn run(mut arguments: Arguments) -> Result<Verdict, Trouble> {
    let mut order = Order::default();
    while let Some(next) = arguments.next()? {
        match next {
            Argument::Option(option) => match option.as_str() {
                "--unprivileged" => order.unprivileged = true,
                "--read-only" => order.read_only = true,
                "--new" => order.new = true,
                _ => return Err(arguments.unknown(&option)),
            },
            Argument::Word(word) => order.words.push(word),
        }
    }
    let [node, request, fields @ ..] = order.words.as_slice() else {
        return Err(arguments.wrong(format!("expected NODE REQUEST [FIELD=VALUE...], got {} words", order.words.len())));
    };
    let request = Request::named(request).ok_or_else(|| no_such_request(request))?;
    let mut call = Call::new(request);
    fields.iter().try_for_each(|field| set(&mut call, field))?;

    if order.new {
        // Closed at once: a second opener would make STOP_ARRAY fail.
        drop(Array::create_mddev(node)?);
    }
    // On an md node that is not there, opening may make the array (`md_probe` of drivers/md/md.c, `create_on_open`).
    let file = File::options().read(true).write(!order.read_only).open(node).refused(|| format!("open `{node}`"))?;
    if order.unprivileged {
        become_nobody()?;
    }
    Ok(issue(&request.name(), &mut call, &file))
}

/// For the help.
pub(super) fn requests() -> String {
    let names: Vec<_> = Request::names().collect();
    names.chunks(6).map(|line| format!("  {}\n", line.join(", "))).collect()
}

/// Issues it and says how it ended.
fn issue(name: &str, call: &mut Call, file: &File) -> Verdict {
    match call.issue(file) {
        Ok(result) => {
            println!("{name} = {result}");
            call.answer().iter().for_each(|answer| print!("{}", lines(answer)));
            Verdict::Good
        }
        Err(error) => {
            println!("{name} = {}", error_name(&error));
            Verdict::Bad
        }
    }
}

/// `FIELD=VALUE`, or a value alone for an argument that is no structure.
fn set(call: &mut Call, word: &str) -> Result<(), Trouble> {
    let outcome = match word.split_once('=') {
        Some(("value", value)) => call.set_whole(&device(value)),
        Some((field, value)) => call.set(field, value),
        None => call.set_whole(&device(word)),
    };
    let remedy = "name its fields as include/uapi/linux/raid/md_u.h does";
    outcome.map_err(|error| Trouble::usage(format!("encode `{word}`"), error.to_string(), remedy))
}

/// A node's path stands for its number.
fn device(value: &str) -> String {
    let found = Some(value).filter(|value| value.starts_with('/')).and_then(|path| std::fs::metadata(path).ok());
    let found = found.filter(|found| found.file_type().is_block_device()).map(|found| found.rdev());
    found.map_or_else(|| value.to_owned(), |device| format!("{}:{}", libc::major(device), libc::minor(device)))
}

fn no_such_request(name: &str) -> Trouble {
    let nearest = Request::names().filter(|known| known.starts_with(name.get(..3).unwrap_or(name))).collect::<Vec<_>>();
    let remedy = if nearest.is_empty() {
        "`md help` lists them; others go by number".into()
    } else {
        format!("use {}", nearest.join(", "))
    };
    Trouble::usage(format!("issue `{name}`"), "there is no such request", remedy)
}

/// Gives up every privilege. Capabilities go with the user: capabilities(7), "effect of user ID changes".
fn become_nobody() -> Result<(), Trouble> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let changed =
        setgroups(&[group]).and_then(|()| setresgid(group, group, group)).and_then(|()| setresuid(user, user, user));
    changed.refused(|| format!("become the user `{NOBODY}`"))
}

/// One line for each field.
fn lines(value: &Value) -> String {
    match value {
        Value::Fields(fields) => fields.iter().map(|(name, value)| format!("{name}={}\n", text(value))).collect(),
        other => format!("{}\n", text(other)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Hex(number) => format!("{number:#x}"),
        Value::Symbol(name) => name.clone(),
        Value::Text(text) => text.escape_default().to_string(),
        Value::Device { major, minor } => format!("{major}:{minor}"),
        Value::Bytes { bytes, .. } => bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect(),
        Value::Descriptor(descriptor) => descriptor.fd.to_string(),
        Value::Fields(fields) => fields.iter().map(|(name, value)| format!("{name}={} ", text(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::md::run as md;

    fn outcome(line: &str) -> Result<Verdict, Trouble> {
        md(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_wrong_node_answers_with_an_error() {
        assert_eq!(outcome("ioctl --read-only /dev/null GET_ARRAY_INFO").unwrap(), Verdict::Bad);
        assert_eq!(outcome("ioctl /dev/null 0x932").unwrap(), Verdict::Bad);
    }

    #[test]
    fn what_is_misspelt_is_a_usage_error() {
        for (line, expected) in [
            ("ioctl /dev/null FOO", "issue `FOO`: there is no such request; `md help` lists them; others go by number"),
            ("ioctl /dev/null STOP_ARAY", "issue `STOP_ARAY`: there is no such request; use STOP_ARRAY, STOP_ARRAY_RO"),
            (
                "ioctl /dev/null ADD_NEW_DISK majr=7",
                "encode `majr=7`: expected a field of ADD_NEW_DISK, which are number, major, minor, raid_disk, state; name its fields as include/uapi/linux/raid/md_u.h does",
            ),
            (
                "ioctl /dev/null SET_DISK_FAULTY loop0",
                "encode `loop0`: expected a device as `MAJOR:MINOR`; name its fields as include/uapi/linux/raid/md_u.h does",
            ),
            (
                "ioctl /dev/null STOP_ARRAY 1",
                "encode `1`: expected nothing: STOP_ARRAY has no argument; name its fields as include/uapi/linux/raid/md_u.h does",
            ),
            (
                "ioctl /dev/null",
                "run `ioctl`: expected NODE REQUEST [FIELD=VALUE...], got 1 words; `md help` shows how",
            ),
        ] {
            let trouble = outcome(line).unwrap_err();
            assert_eq!((trouble.to_string().as_str(), trouble.status()), (expected, 2));
        }
    }

    #[test]
    fn an_answer_is_one_line_for_each_field() {
        let fields =
            Value::Fields(vec![("level".into(), Value::Int(1)), ("state".into(), Value::Symbol("MD_SB_CLEAN".into()))]);
        assert_eq!(lines(&fields), "level=1\nstate=MD_SB_CLEAN\n");
        assert_eq!(lines(&Value::Bytes { bytes: vec![1; 100], length: 100 }).len(), 2 * SHOWN + 1);
    }
}
