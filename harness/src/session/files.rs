//! Files of the guest, and its disks: read, written, waited for.

use mdlab_protocol::{Reply, Request, Unsettled};

use super::{SETTLE_LIMIT_MS, Session};
use crate::failure::{Class, Failure};

/// Bytes of a file that are sent in one piece.
const PIECE: usize = 256 << 10;

impl Session {
    /// Waits until a file, such as an attribute of sysfs, reads a text.
    pub fn wait_for(&mut self, path: &str, text: &str) -> Result<(), Failure> {
        let (path, text, limit_ms) = (path.to_owned(), text.to_owned(), SETTLE_LIMIT_MS);
        match self.ask(Request::Await { path, text, limit_ms })? {
            Reply::Settled => Ok(()),
            Reply::Unsettled(Unsettled { md, .. }) => {
                let limit = SETTLE_LIMIT_MS / 1000;
                Err(self.failure(Class::Kernel, format!("after {limit} s of virtual time {md}")))
            }
            other => Err(self.unexpected("wait for an attribute", &other)),
        }
    }

    /// Reads bytes of a block device, past any cache: whole sectors, 240 KiB at most. All of them must be there.
    pub fn read(&mut self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Failure> {
        match self.ask(Request::Read { path: path.to_owned(), offset, length })? {
            Reply::Read(bytes) if bytes.len() == length as usize => Ok(bytes),
            Reply::Read(bytes) => {
                let text = format!("expected {length} bytes of `{path}` at {offset}, got {}", bytes.len());
                Err(self.failure(Class::Tool, format!("{text}: it ends there")))
            }
            other => Err(self.unexpected(&format!("read `{path}`"), &other)),
        }
    }

    /// Makes a file, which may be a program; the folder must exist.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put_at(path, 0, bytes)
    }

    /// Writes bytes at an offset of a file or a disk.
    pub(crate) fn put_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        for (piece, offset) in bytes.chunks(PIECE).zip((offset..).step_by(PIECE)) {
            let reply = self.ask(Request::Put { path: path.to_owned(), offset, bytes: piece.to_owned() })?;
            self.written(&format!("write to `{path}`"), &reply)?;
        }
        Ok(())
    }

    /// Writes a text to a file that exists, such as an attribute of sysfs.
    pub fn write(&mut self, path: &str, text: &str) -> Result<(), Failure> {
        let reply = self.ask(Request::Write { path: path.to_owned(), text: text.to_owned() })?;
        self.written(&format!("write `{text}` to `{path}`"), &reply)
    }

    fn written(&self, what: &str, reply: &Reply) -> Result<(), Failure> {
        match reply {
            Reply::Written(Ok(())) => Ok(()),
            Reply::Written(Err(error)) => {
                let error = nix::errno::Errno::from_raw(*error);
                Err(self.failure(Class::Tool, format!("{what}: the kernel refused it with {error:?}")))
            }
            other => Err(self.unexpected(what, other)),
        }
    }
}
