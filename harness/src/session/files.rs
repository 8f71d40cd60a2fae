//! Files of the guest, and its disks: read, written, waited for.

use mdlab_protocol::{Reply, Request, Unsettled};

use super::{SETTLE_LIMIT_MS, Session};
use crate::failure::{Class, Failure};

/// Bytes of a file that are sent in one piece.
const PIECE: usize = 256 << 10;

/// The most bytes that are read of a disk at once.
const LONGEST_READ: u64 = 240 << 10;

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

    /// All that a disk holds.
    pub(crate) fn image(&mut self, node: &str) -> Result<Vec<u8>, Failure> {
        let disk = self.disks.iter().find(|(known, _)| known == node).map(|(_, bytes)| *bytes);
        let bytes = disk.ok_or_else(|| Failure::usage(format!("take the disk `{node}`: no such disk was attached")))?;
        let mut image = Vec::new();
        while (image.len() as u64) < bytes {
            let length = (bytes - image.len() as u64).min(LONGEST_READ);
            image.extend(self.read(node, image.len() as u64, length as u32)?);
        }
        Ok(image)
    }

    /// Attaches disks that hold this to the next loop devices. Each is taken up before the next is there: else it is luck how far
    /// the mdadm that udev runs for one of them gets before the next.
    pub(crate) fn plug_in(&mut self, images: &[Vec<u8>]) -> Result<Vec<String>, Failure> {
        let mut nodes = Vec::new();
        for (number, image) in images.iter().enumerate() {
            let path = format!("/backing/moved{number}");
            // There has to be a file, whatever it holds.
            self.put_at(&path, 0, &image[..image.len().min(512)])?;
            for (piece, offset) in image.chunks(PIECE).zip((0..).step_by(PIECE)) {
                if piece.iter().any(|byte| *byte != 0) {
                    self.put_at(&path, offset, piece)?;
                }
            }
            let bytes = image.len() as u64;
            let attached = match self.ask(Request::PlugIn { path, bytes })? {
                Reply::Attached(attached) => attached,
                other => return Err(self.unexpected("plug a disk in", &other)),
            };
            self.disks.extend(attached.iter().map(|node| (node.clone(), bytes)));
            nodes.extend(attached);
        }
        Ok(nodes)
    }

    /// Makes a file, which may be a program, of these bytes and no others; the folder must exist.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let reply = self.ask(Request::Empty { path: path.to_owned() })?;
        self.written(&format!("write to `{path}`"), &reply)?;
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
