//! A system call as one line.

use mdlab_protocol::{Descriptor, Syscall, Value};
use nix::errno::Errno;

use crate::redaction::Redaction;

/// `ioctl(4</dev/md0>, GET_ARRAY_INFO, …) = ENODEV`.
pub(crate) fn line(call: &Syscall, redaction: &Redaction) -> String {
    let omitted = |argument: &Value| matches!(argument, Value::Symbol(request) if redaction.omits(request));
    let omitted = call.arguments.iter().any(|(_, argument)| omitted(argument));
    let arguments = call.arguments.iter().map(|(_, argument)| match argument {
        Value::Fields(_) if omitted => "…".to_owned(),
        argument => value(argument, redaction),
    });
    let arguments: Vec<_> = arguments.collect();
    format!("{}({}) = {}", call.name, arguments.join(", "), result(call.result))
}

/// What a call returned: a number, or the name of an error.
fn result(result: i64) -> String {
    match i32::try_from(-result) {
        // The kernel's errors are the last 4095 numbers below zero (include/linux/err.h).
        Ok(error @ 1..4096) if Errno::from_raw(error) != Errno::UnknownErrno => format!("{:?}", Errno::from_raw(error)),
        _ => result.to_string(),
    }
}

fn value(value: &Value, redaction: &Redaction) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Hex(number) => format!("{number:#x}"),
        Value::Symbol(name) => name.clone(),
        Value::Text(text) => format!("{:?}", redaction.text(text)),
        Value::Bytes { bytes, length } => self::bytes(bytes, *length, redaction),
        Value::Device { major, minor } => format!("makedev({major}, {minor})"),
        Value::Descriptor(open) => descriptor(open, redaction),
        // An array's elements are named by their numbers.
        Value::Fields(fields) if fields.iter().all(|(name, _)| name.parse::<u32>().is_ok()) => {
            let elements: Vec<_> = fields.iter().map(|(_, element)| self::value(element, redaction)).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Fields(fields) => {
            let fields = fields.iter().map(|(name, field)| match redaction.is_time(name, field) {
                true => format!("{name}=TIME"),
                false => format!("{name}={}", self::value(field, redaction)),
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Text as text; anything else by its length, because another channel shows what lies on the members.
fn bytes(bytes: &[u8], length: u64, redaction: &Redaction) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text)
            if bytes.len() as u64 == length && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) =>
        {
            format!("{:?}", redaction.text(text))
        }
        _ => format!("{length} bytes"),
    }
}

/// `4</dev/md0>`, as strace shows it with `--decode-fds`.
pub(crate) fn descriptor(open: &Descriptor, redaction: &Redaction) -> String {
    format!("{}<{}>", open.fd, redaction.text(&open.path))
}
