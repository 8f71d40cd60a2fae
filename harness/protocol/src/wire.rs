//! Requests, replies and their encoding.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Event, Exit, Observation, Output};

/// Version of the messages; the first byte of each. Agent and host are built from one source, so another version means
/// that something is broken, never that something must be negotiated.
const VERSION: u8 = 5;

/// The most bytes of one message. It fits the mailbox with room to spare; longer recordings come in parts.
pub const MAX_MESSAGE: usize = 480 * 1024;

/// What the host asks of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Make this fork differ from others: mix the seed into the kernel's random pool, and from now on disturb the schedule.
    Seed(u64),
    /// Make backing files and attach each to the next loop device. Answered by [`Reply::Attached`].
    Attach {
        /// How many.
        count: u32,
        /// Size of each, in bytes.
        bytes: u64,
    },
    /// Attach a file that was put to `/backing` to the next loop device, as a disk that was somewhere else before. Answered by
    /// [`Reply::Attached`].
    PlugIn {
        /// Where it was put.
        path: String,
        /// Its size; what was not put reads as zeros.
        bytes: u64,
    },
    /// Run a command to its end. Answered by [`Reply::Exited`].
    Run(Command),
    /// Start a command and let it run beside what follows. Answered by [`Reply::Started`].
    Start(Command),
    /// Wait for a command that was started to end. Answered by [`Reply::Exited`].
    Finish {
        /// Its number.
        job: u32,
        /// Ask it to end first, with SIGTERM.
        terminate: bool,
        /// Bound in virtual time, in milliseconds; then it and its children are killed.
        limit_ms: u64,
    },
    /// Wait until nothing happens any more. Answered by [`Reply::Settled`].
    Settle(Settle),
    /// Wait until a file reads a text, apart from white space around it. Answered by [`Reply::Settled`].
    Await {
        /// Its path: an attribute of sysfs, whose changes the kernel notifies.
        path: String,
        /// The text.
        text: String,
        /// Bound in virtual time, in milliseconds.
        limit_ms: u64,
    },
    /// Make a file that holds nothing, or empty the one that is there. Answered by [`Reply::Written`].
    Empty {
        /// Its path; the folder must exist.
        path: String,
    },
    /// Write bytes into a file at an offset, which is made if it is not there. Answered by [`Reply::Written`].
    Put {
        /// Its path; the folder must exist.
        path: String,
        /// Where they begin.
        offset: u64,
        /// The bytes.
        #[serde(with = "crate::bytes")]
        bytes: Vec<u8>,
    },
    /// Write a text to a file that exists, such as an attribute of sysfs. Answered by [`Reply::Written`].
    Write {
        /// Its path.
        path: String,
        /// The text, written with one system call.
        text: String,
    },
    /// Read bytes of a block device, past any cache. Answered by [`Reply::Read`].
    Read {
        /// Its node.
        path: String,
        /// Where they begin, a multiple of 512.
        offset: u64,
        /// How many, a multiple of 512.
        length: u32,
    },
    /// Look at the arrays and their members. Answered by [`Reply::Observed`].
    Observe,
    /// Wait until the tasks that wait uninterruptibly do so no more, or for longer than the kernel's watchdog lets them.
    /// Answered by [`Reply::Rested`].
    Rest {
        /// The name of a task that is known to hang, and is not waited for.
        hanging: Option<String>,
    },
    /// Go on: the answer to [`Reply::Recorded`].
    Continue,
    /// Stop the machine, for a debugger that lets it go on. Answered by [`Reply::Ready`] then.
    Stop,
}

/// A command line to run in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program, looked up in the guest's PATH, and its arguments. No shell is involved.
    pub argv: Vec<String>,
    /// Standard input; empty means `/dev/null`.
    #[serde(with = "crate::bytes")]
    pub stdin: Vec<u8>,
    /// Record its system calls. Kernel messages and uevents are recorded in any case.
    pub trace: bool,
    /// Bound of its run in virtual time, in milliseconds; then it and its children are killed. One that is started has
    /// the bound of [`Request::Finish`] instead.
    pub limit_ms: u64,
}

/// What to wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// Wait for md as well as for udev: no resync, recovery, check or reshape runs, no array waits to be marked clean, and
    /// no command that ended has left a process behind.
    pub md: bool,
    /// Bound in virtual time, in milliseconds.
    pub limit_ms: u64,
}

/// What was still going on at the end of a wait; empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// What md had left to do, or what a file read instead.
    pub md: String,
    /// What udev had not announced.
    pub udev: String,
    /// Which commands did not come to rest, or left something behind.
    pub commands: String,
    /// Which tasks wait uninterruptibly, and have done so for longer than the kernel's own watchdog allows.
    pub blocked: String,
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Waiting for a request: the first message of a fork, and the answer to [`Request::Seed`].
    Ready {
        /// The kernel's taint, `/proc/sys/kernel/tainted`.
        taint: u64,
    },
    /// The kernel lacks something that the agent needs, so there will be no machine.
    Unfit(Vec<Missing>),
    /// The device nodes of the loop devices, in order.
    Attached(Vec<String>),
    /// A part of the recording; more follows after [`Request::Continue`].
    Recorded(Vec<Event>),
    /// The command has ended; all its events were sent before.
    Exited {
        /// How it ended.
        exit: Exit,
        /// What it wrote to its standard output and error.
        output: Output,
    },
    /// The command runs; this is its number.
    Started(u32),
    /// The text was written, or the kernel refused it with this error number.
    Written(Result<(), i32>),
    /// What was waited for is so.
    Settled,
    /// The wait's bound was reached while something was still going on.
    Unsettled(Unsettled),
    /// The state of the kernel, and the tasks that wait uninterruptibly for too long: `mdadm (process 140)`.
    Rested {
        /// The kernel's taint, `/proc/sys/kernel/tainted`.
        taint: u64,
        /// The tasks.
        blocked: Vec<String>,
    },
    /// What was read; fewer bytes than were asked for if the device ends before.
    Read(#[serde(with = "crate::bytes")] Vec<u8>),
    /// The state of the arrays and their members.
    Observed(Observation),
    /// The request makes no sense in this guest: a program that is not there, more disks than it can hold.
    Refused(String),
    /// The request could not be carried out, and neither md nor the request is to blame.
    Failed(String),
}

/// Something that the kernel lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The line to add to the kernel's configuration, `CONFIG_BLK_DEV_LOOP=y`.
    pub option: String,
    /// What was tried and how it failed.
    pub why: String,
}

/// Why a message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than [`MAX_MESSAGE`].
    #[error("expected a message of at most {MAX_MESSAGE} bytes, got {0}")]
    TooLong(usize),
    /// Another version of the messages.
    #[error("expected version {VERSION} of the messages, got {0:?}")]
    Version(Option<u8>),
    /// Not a message.
    #[error("expected a message, got {length} bytes that are none: {cause}")]
    Garbage {
        /// Bytes of the message.
        length: usize,
        /// What the decoder said.
        cause: String,
    },
}

/// Encodes a message.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let garbage = |error: postcard::Error| WireError::Garbage { length: 0, cause: error.to_string() };
    let bytes = postcard::to_extend(message, vec![VERSION]).map_err(garbage)?;
    if bytes.len() > MAX_MESSAGE { Err(WireError::TooLong(bytes.len())) } else { Ok(bytes) }
}

/// Decodes a message; every byte of it must belong to it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(WireError::TooLong(bytes.len()));
    }
    let Some((&VERSION, body)) = bytes.split_first() else {
        return Err(WireError::Version(bytes.first().copied()));
    };
    let garbage = |cause: String| WireError::Garbage { length: bytes.len(), cause };
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(garbage(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(garbage(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let request = Request::Attach { count: 2, bytes: 10 << 20 };
        assert_eq!(decode::<Request>(&encode(&request).unwrap()), Ok(request));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(decode::<Request>(&[]), Err(WireError::Version(None)));
        assert_eq!(decode::<Request>(&[9, 5]), Err(WireError::Version(Some(9))));
        assert!(matches!(decode::<Request>(&[VERSION, 200]), Err(WireError::Garbage { .. })));
        let mut long = encode(&Request::Observe).unwrap();
        long.push(0);
        assert!(matches!(decode::<Request>(&long), Err(WireError::Garbage { .. })));
        assert_eq!(decode::<Request>(&vec![VERSION; MAX_MESSAGE + 1]), Err(WireError::TooLong(MAX_MESSAGE + 1)));
    }

    #[test]
    fn bytes_are_encoded_like_any_vector() {
        let encoded = encode(&Reply::Read(vec![7, 0, 9])).unwrap();
        assert_eq!(encoded[2..], [3, 7, 0, 9]);
        assert_eq!(decode::<Reply>(&encoded), Ok(Reply::Read(vec![7, 0, 9])));
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        // `Read` with a vector that claims u64::MAX bytes.
        let read = encode(&Reply::Read(Vec::new())).unwrap()[1];
        let lie = [VERSION, read, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(matches!(decode::<Reply>(&lie), Err(WireError::Garbage { .. })));
    }
}
