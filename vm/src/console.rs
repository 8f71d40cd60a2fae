//! The serial console of a machine, bounded.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// The most bytes that QEMU can write to one file, the console's among them. It is a limit of the process: the rest is
/// dropped without QEMU or the guest noticing, so that a guest that prints for ever neither fills the memory nor
/// changes its timing. Larger than the device state, which QEMU writes to a file as well.
pub(crate) const LIMIT: u64 = 16 << 20;

/// The most bytes of a console that an error carries: its end. The stacks of all tasks take a tenth of it.
const TAIL: u64 = 1 << 20;

/// The console of a machine: a file in memory that QEMU appends to.
pub(crate) struct Console(File);

impl Console {
    pub(crate) fn new(file: File) -> Self {
        Self(file)
    }

    /// The end of what was printed, without carriage returns.
    pub(crate) fn tail(&self) -> String {
        let length = self.0.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = vec![0; length.min(TAIL) as usize];
        let read = self.0.read_at(&mut bytes, length.saturating_sub(TAIL)).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).replace('\r', "")
    }
}
