//! What is recorded while a step runs.

use serde::{Deserialize, Serialize};

/// Something that happened in the guest. Events come in the order in which they began; kernel messages and uevents are
/// drained when a recorded system call begins and when it returns, so those that follow a call and come before the next
/// were provoked by it, or happened at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds of the guest's monotonic clock when a system call began, or when the agent learnt of anything else.
    pub at: u64,
    /// What happened.
    pub what: What,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A system call began, and has returned.
    Syscall(Syscall),
    /// The kernel logged a message.
    Kernel(KernelMessage),
    /// The kernel or udev announced a change of a device.
    Uevent(Uevent),
    /// A traced process began or ended.
    Process(Process),
    /// The open files of a process, before and after it closed its last descriptor of an md node.
    Files {
        /// The process.
        pid: u32,
        /// The descriptor that is closed.
        closing: i32,
        /// `/proc/PID/fd` before.
        before: Vec<Descriptor>,
        /// `/proc/PID/fd` after.
        after: Vec<Descriptor>,
    },
    /// Events were lost: the kernel's log or a uevent socket overflowed. The text says which.
    Lost(String),
}

/// A system call of a traced process, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syscall {
    /// The process.
    pub pid: u32,
    /// Its name in the kernel's table: `openat`, `ioctl`.
    pub name: String,
    /// Its arguments, named as in the manual page, decoded. What the kernel wrote is shown as it was on return.
    pub arguments: Vec<(String, Value)>,
    /// What it returned; an error is its negative number, as in the kernel.
    pub result: i64,
}

/// A decoded argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A number.
    Int(i64),
    /// A number that is read best in hexadecimal.
    Hex(u64),
    /// A name for a number or a set of flags: `GET_ARRAY_INFO`, `O_RDWR|O_EXCL`.
    Symbol(String),
    /// A path or another text.
    Text(String),
    /// Bytes read or written, cut at the recorder's limit.
    Bytes {
        /// The bytes.
        #[serde(with = "crate::bytes")]
        bytes: Vec<u8>,
        /// How many there were.
        length: u64,
    },
    /// A device number.
    Device {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// An open file.
    Descriptor(Descriptor),
    /// A structure, field by field, in the kernel's order and under the kernel's names.
    Fields(#[serde(deserialize_with = "crate::depth::bounded")] Vec<(String, Value)>),
}

/// A descriptor and what it is open on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The number.
    pub fd: i32,
    /// The target of `/proc/PID/fd/N`, with ` (deleted)` as the kernel adds it.
    pub path: String,
}

/// A record of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelMessage {
    /// Level, 0 (emergency) to 7 (debug).
    pub level: u8,
    /// Facility, 0 for the kernel itself.
    pub facility: u32,
    /// Sequence number since boot.
    pub sequence: u64,
    /// Time stamp in microseconds since boot.
    pub stamp: u64,
    /// The text, one line or more.
    pub text: String,
    /// The dictionary: `SUBSYSTEM=block`, `DEVICE=b9:0`.
    pub properties: Vec<(String, String)>,
}

/// A message of the uevent netlink socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uevent {
    /// Who sent it.
    pub source: UeventSource,
    /// Its properties in the order in which they came: ACTION, DEVPATH, SUBSYSTEM, SEQNUM and so on.
    pub properties: Vec<(String, String)>,
}

impl Uevent {
    /// The value of a property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Who sent a uevent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UeventSource {
    /// The kernel, as it happened.
    Kernel,
    /// udevd, once its rules were done.
    Udev,
}

/// A change in the life of a traced process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process.
    pub pid: u32,
    /// What it did.
    pub change: ProcessChange,
}

/// What a traced process did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessChange {
    /// It was made by a traced process.
    Forked {
        /// Who made it.
        parent: u32,
    },
    /// It became another program.
    Executed(Vec<String>),
    /// It ended.
    Exited(Exit),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It was killed because it was still running at its limit.
    TimedOut,
    /// It could not even be killed: it hangs in the kernel.
    Hung,
}

/// What a command wrote, cut at the agent's limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// To its standard output.
    #[serde(with = "crate::bytes")]
    pub stdout: Vec<u8>,
    /// To its standard error.
    #[serde(with = "crate::bytes")]
    pub stderr: Vec<u8>,
    /// Bytes that were cut off.
    pub cut: u64,
}
