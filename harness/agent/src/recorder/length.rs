//! How long an event is at most once it is encoded. Encoding it to find out would cost as much as sending it.

use mdlab_protocol::{Descriptor, Event, KernelMessage, ProcessChange, Value, What};

/// The longest encoding of a number, a length or a variant.
const NUMBER: usize = 10;

/// An upper bound of the event's encoded length.
pub(super) fn bound(event: &Event) -> usize {
    // The time, the variant, the numbers that it begins or ends with.
    6 * NUMBER
        + match &event.what {
            What::Syscall(call) => text(&call.name) + fields(&call.arguments),
            What::Kernel(KernelMessage { text: message, properties, .. }) => text(message) + pairs(properties),
            What::Uevent(uevent) => pairs(&uevent.properties),
            What::Process(process) => match &process.change {
                ProcessChange::Executed(argv) => NUMBER + argv.iter().map(|argument| text(argument)).sum::<usize>(),
                ProcessChange::Forked { .. } | ProcessChange::Exited(_) => 2 * NUMBER,
            },
            What::Files { before, after, .. } => before.iter().chain(after).map(descriptor).sum(),
            What::Lost(what) => text(what),
        }
}

fn value(value: &Value) -> usize {
    NUMBER
        + match value {
            Value::Int(_) | Value::Hex(_) => NUMBER,
            Value::Symbol(symbol) | Value::Text(symbol) => text(symbol),
            Value::Bytes { bytes, .. } => 2 * NUMBER + bytes.len(),
            Value::Device { .. } => 2 * NUMBER,
            Value::Descriptor(open) => descriptor(open),
            Value::Fields(inner) => fields(inner),
        }
}

fn fields(fields: &[(String, Value)]) -> usize {
    NUMBER + fields.iter().map(|(name, inner)| text(name) + value(inner)).sum::<usize>()
}

fn pairs(pairs: &[(String, String)]) -> usize {
    NUMBER + pairs.iter().map(|(key, value)| text(key) + text(value)).sum::<usize>()
}

fn descriptor(descriptor: &Descriptor) -> usize {
    NUMBER + text(&descriptor.path)
}

fn text(text: &str) -> usize {
    NUMBER + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdlab_protocol::{Exit, Process, Syscall, Uevent, UeventSource, encode};

    #[test]
    fn the_bound_holds() {
        let text = "x".repeat(300);
        let open = Descriptor { fd: i32::MIN, path: text.clone() };
        let values = vec![
            Value::Int(i64::MIN),
            Value::Hex(u64::MAX),
            Value::Symbol(text.clone()),
            Value::Text(text.clone()),
            Value::Bytes { bytes: vec![0; 300], length: u64::MAX },
            Value::Device { major: u32::MAX, minor: u32::MAX },
            Value::Descriptor(open.clone()),
        ];
        let named = |values: Vec<Value>| values.into_iter().map(|value| (text.clone(), value)).collect::<Vec<_>>();
        let arguments = named(vec![Value::Fields(named(values.clone())), Value::Fields(vec![])]);
        let properties = vec![(text.clone(), text.clone()); 3];
        let process = |change| What::Process(Process { pid: u32::MAX, change });
        let all = [
            What::Syscall(Syscall { pid: u32::MAX, name: text.clone(), arguments, result: i64::MIN }),
            What::Kernel(KernelMessage {
                level: 7,
                facility: u32::MAX,
                sequence: u64::MAX,
                stamp: u64::MAX,
                text: text.clone(),
                properties: properties.clone(),
            }),
            What::Uevent(Uevent { source: UeventSource::Udev, properties }),
            process(ProcessChange::Forked { parent: u32::MAX }),
            process(ProcessChange::Executed(vec![text.clone(), String::new()])),
            process(ProcessChange::Exited(Exit::Status(i32::MIN))),
            What::Files { pid: u32::MAX, closing: i32::MIN, before: vec![open.clone(); 2], after: vec![open] },
            What::Lost(text),
        ];
        for what in all {
            let event = Event { at: u64::MAX, what };
            assert!(bound(&event) >= encode(&event).unwrap().len(), "{event:?}");
        }
    }
}
