//! The kernel's log through /dev/kmsg: one record for each read (Documentation/ABI/testing/dev-kmsg).

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use mdlab_protocol::{KernelMessage, What};

use super::Source;
use crate::failure::{Attempt, Failure};

/// Longer than any record: CONSOLE_EXT_LOG_MAX was 8192 until 6.3, PRINTK_MESSAGE_MAX is 2048 since.
const LONGEST: usize = 16 * 1024;

const PATH: &str = "/dev/kmsg";

/// An open /dev/kmsg.
pub(crate) struct KernelLog {
    file: File,
    record: Box<[u8]>,
}

impl KernelLog {
    /// Opens the log at its end.
    pub(crate) fn open() -> Result<Self, Failure> {
        let mut options = File::options();
        let mut file =
            options.read(true).custom_flags(libc::O_NONBLOCK).open(PATH).attempt(|| format!("open `{PATH}`"))?;
        file.seek(SeekFrom::End(0)).attempt(|| format!("seek to the end of `{PATH}`"))?;
        Ok(Self { file, record: vec![0; LONGEST].into() })
    }
}

impl Source for KernelLog {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn drain(&mut self, into: &mut Vec<What>) {
        loop {
            match self.file.read(&mut self.record) {
                Ok(length) => into.push(match parse(&self.record[..length]) {
                    Some(message) => What::Kernel(message),
                    None => What::Lost(format!("a record of `{PATH}` that is none")),
                }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // EPIPE: records were overwritten before they were read. The next read goes on with the oldest.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    into.push(What::Lost(format!("records of `{PATH}`, overwritten before they were read")));
                }
                Err(error) => {
                    into.push(What::Lost(format!("records of `{PATH}`: {error}")));
                    return;
                }
            }
        }
    }
}

/// Parses `level,sequence,stamp,flags[,...];text`, followed by dictionary lines that begin with a space.
fn parse(record: &[u8]) -> Option<KernelMessage> {
    let split = record.iter().position(|&byte| byte == b';')?;
    let prefix = std::str::from_utf8(&record[..split]).ok()?;
    let mut numbers = prefix.split(',');
    let priority: u32 = numbers.next()?.parse().ok()?;
    let sequence = numbers.next()?.parse().ok()?;
    let stamp = numbers.next()?.parse().ok()?;

    let mut lines = record[split + 1..].split(|&byte| byte == b'\n');
    let text = unescape(lines.next()?);
    let properties = lines
        .filter_map(|line| line.strip_prefix(b" "))
        .map(|line| {
            let line = unescape(line);
            let (key, value) = line.split_once('=').unwrap_or((&line, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect();
    Some(KernelMessage { level: (priority & 7) as u8, facility: priority >> 3, sequence, stamp, text, properties })
}

/// Decodes `\x0a`: the kernel escapes so what is not printable, and the backslash.
fn unescape(escaped: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((&first, after)) = rest.split_first() {
        let code = match after {
            [b'x', high, low, ..] if first == b'\\' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        bytes.push(code.map_or(first, |(high, low)| high << 4 | low));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_a_dictionary_is_parsed() {
        let record = b"6,339,5140900,-,caller=T1;md/raid1:md0: active\n SUBSYSTEM=block\n DEVICE=b9:0\n";
        let message = parse(record).unwrap();
        assert_eq!((message.level, message.facility, message.sequence, message.stamp), (6, 0, 339, 5_140_900));
        assert_eq!(message.text, "md/raid1:md0: active");
        let pairs: Vec<_> = message.properties.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("SUBSYSTEM", "block"), ("DEVICE", "b9:0")]);
    }

    #[test]
    fn the_facility_and_escapes_are_decoded() {
        let message = parse(b"30,1,2,-;two\\x0alines; a back\\x5cslash \\xzz\n").unwrap();
        assert_eq!((message.level, message.facility), (6, 3));
        assert_eq!(message.text, "two\nlines; a back\\slash \\xzz");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for record in [&b""[..], b"6,1,2,-", b"x,1,2,-;text", b"6;text"] {
            assert_eq!(parse(record), None);
        }
    }
}
