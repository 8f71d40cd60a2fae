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
    let hides = |argument: &Value| matches!(argument, Value::Text(path) if redaction.omits_result_of(path));
    let result = match call.arguments.iter().any(|(_, argument)| hides(argument)) {
        true => "…".to_owned(),
        false => result(shown(call, redaction)),
    };
    format!("{}({}) = {result}", call.name, arguments.join(", "))
}

/// What a call returned. The length of a text that was read is that of what is shown of it: /proc/mdstat is longer where the
/// kernel has more personalities.
fn shown(call: &Syscall, redaction: &Redaction) -> i64 {
    let text = call.arguments.iter().find_map(|(_, argument)| match argument {
        Value::Bytes { bytes, length } => text(bytes, *length),
        _ => None,
    });
    match text {
        Some(text) if call.name == "read" && call.result == text.len() as i64 => redaction.text(text).len() as i64,
        _ => call.result,
    }
}

/// What a call returned: a number, or the name of an error.
fn result(result: i64) -> String {
    // A stranger's pack may have any number.
    match result.checked_neg().map(i32::try_from) {
        // The kernel's errors are the last 4095 numbers below zero (include/linux/err.h).
        Some(Ok(error @ 1..4096)) if Errno::from_raw(error) != Errno::UnknownErrno => {
            format!("{:?}", Errno::from_raw(error))
        }
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
    match text(bytes, length) {
        Some(text) => format!("{:?}", redaction.text(text)),
        None => format!("{length} bytes"),
    }
}

/// What was written or read, if all of it was recorded and is text.
fn text(bytes: &[u8], length: u64) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    (is_text && bytes.len() as u64 == length).then_some(text)
}

/// `4</dev/md0>`, as strace shows it with `--decode-fds`.
pub(crate) fn descriptor(open: &Descriptor, redaction: &Redaction) -> String {
    format!("{}<{}>", open.fd, redaction.text(&open.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{MachineId, Recording};

    #[test]
    fn what_a_call_returned_is_shown_as_far_as_it_is_md_s_doing() {
        let read = |text: &str, result: i64| {
            let bytes = Value::Bytes { bytes: text.as_bytes().to_vec(), length: text.len() as u64 };
            Syscall { pid: 1, name: "read".into(), arguments: vec![("buf".into(), bytes)], result }
        };
        let machine = MachineId { kernel: "6.1".into(), mdadm: "4.2".into(), accel: "tcg".into() };
        let redaction = Redaction::of(&Recording { machine, steps: Vec::new() });
        let (many, few) = ("Personalities : [raid1] [linear] \n", "Personalities : [raid1] \n");
        assert_eq!(line(&read(many, 34), &redaction), line(&read(few, 25), &redaction));
        assert!(line(&read(many, 34), &Redaction::none()).ends_with(" = 34"));
        let open = |path: &str| {
            let path = ("pathname".into(), Value::Text(path.into()));
            line(&Syscall { pid: 1, name: "openat".into(), arguments: vec![path], result: 4 }, &redaction)
        };
        assert!(open("/sys/bus/pci/drivers/nvme").ends_with(" = …"));
        assert!(open("/sys/block/md0").ends_with(" = 4"));
        let write = Syscall { name: "write".into(), ..read(many, 34) };
        assert!(line(&write, &redaction).ends_with(" = 34"));
        assert!(line(&read(many, -5), &redaction).ends_with(" = EIO"));
        assert!(line(&read(many, i64::MIN), &redaction).ends_with(" = -9223372036854775808"));
    }
}
