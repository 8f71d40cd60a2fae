//! Reading and writing whole devices and files, a megabyte at a time.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::sys::uio::{preadv, pwritev};

use super::arguments::Arguments;
use super::pattern::SECTOR;
use super::trouble::{Refused, Trouble};
use crate::aligned::Aligned;

/// Bytes moved at once: under emulation each call costs more than its bytes.
const PIECE: usize = 1 << 20;

/// Which sectors, and with which seed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) seed: u64,
    pub(super) from: u64,
    /// `None` is up to the end.
    pub(super) sectors: Option<u64>,
}

/// The most sectors that a file may grow to: its offsets are numbers of 63 bits.
const MOST_SECTORS: u64 = i64::MAX as u64 / 512;

impl Span {
    /// Takes an option if it is one of these.
    pub(super) fn take(&mut self, arguments: &mut Arguments, option: &str) -> Result<(), Trouble> {
        match option {
            "--seed" => self.seed = arguments.number(option)?,
            "--from" => self.from = arguments.number(option)?,
            "--sectors" => self.sectors = Some(arguments.number(option)?),
            _ => return Err(arguments.unknown(option)),
        }
        Ok(())
    }
}

/// An open device or file. Sectors have 512 bytes.
pub(super) struct Medium {
    path: String,
    file: File,
    is_device: bool,
    sectors: u64,
}

impl Medium {
    pub(super) fn open(path: &str) -> Result<Self, Trouble> {
        Self::open_with(path, File::options().read(true))
    }

    /// Makes the file if there is none. A node in /dev that is not there is not made a file.
    pub(super) fn open_to_fill(path: &str) -> Result<Self, Trouble> {
        Self::open_with(path, File::options().write(true).create(!path.starts_with("/dev/")))
    }

    fn open_with(path: &str, options: &mut std::fs::OpenOptions) -> Result<Self, Trouble> {
        let attempt = || format!("open `{path}`");
        let is_device = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_block_device());
        // Past the page cache of a device, which would hide what md does beneath it. A file system has its own ideas.
        let options = if is_device { options.custom_flags(libc::O_DIRECT) } else { options };
        let mut file = options.open(path).refused(attempt)?;
        let kind = file.metadata().refused(attempt)?.file_type();
        if !kind.is_block_device() && !kind.is_file() {
            return Err(Trouble::unfit(attempt(), "it is neither a block device nor a file", "name one of these"));
        }
        let bytes = file.seek(SeekFrom::End(0)).refused(|| format!("size `{path}`"))?;
        Ok(Self { path: path.to_owned(), file, is_device, sectors: bytes / SECTOR as u64 })
    }

    /// Its last name.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The end of a span; what lies behind the end of a device is an error, and so it is of a file unless it may grow.
    pub(super) fn end(&self, span: Span, may_grow: bool) -> Result<u64, Trouble> {
        let end = match span.sectors {
            Some(sectors) => span.from.checked_add(sectors),
            None => Some(self.sectors.max(span.from)),
        };
        let most = if may_grow && !self.is_device { MOST_SECTORS } else { self.sectors };
        let end = end.filter(|end| *end > span.from && *end <= most);
        end.ok_or_else(|| {
            let cause = format!("expected one sector or more, of {most}");
            Trouble::usage(format!("use `{}`", self.path), cause, "give `--from` and `--sectors` that lie within")
        })
    }

    /// Hands every piece of a range to `look`, with the number of its first sector.
    pub(super) fn read(&self, from: u64, end: u64, mut look: impl FnMut(u64, &[u8])) -> Result<(), Trouble> {
        self.pieces(from, end, |sector, buffer| {
            // preadv and pwritev, because the calls that are recorded are those of tools (`trace::calls`): hundreds of
            // these would hide what a recording is about.
            let count = preadv(&self.file, &mut [IoSliceMut::new(buffer)], offset(sector))?;
            look(sector, &buffer[..count]);
            Ok(count)
        })
    }

    /// Has `make` fill every piece of a range, and writes it.
    pub(super) fn write(&self, from: u64, end: u64, mut make: impl FnMut(u64, &mut [u8])) -> Result<(), Trouble> {
        self.pieces(from, end, |sector, buffer| {
            make(sector, buffer);
            pwritev(&self.file, &[IoSlice::new(buffer)], offset(sector))
        })?;
        self.file.sync_all().refused(|| format!("sync `{}`", self.path))
    }

    /// Moves one piece after the other; each says how many bytes it moved.
    fn pieces(
        &self,
        from: u64,
        end: u64,
        mut step: impl FnMut(u64, &mut [u8]) -> Result<usize, Errno>,
    ) -> Result<(), Trouble> {
        let mut buffer = Aligned::new(PIECE);
        let mut sector = from;
        while sector < end {
            let bytes = (((end - sector) * SECTOR as u64).min(PIECE as u64)) as usize;
            let moved = step(sector, &mut buffer[..bytes])
                .refused(|| format!("transfer `{}` at sector {sector}", self.path))?;
            // Fewer bytes than were asked for are taken as far as they are whole sectors.
            if moved < SECTOR {
                return Err(Trouble::unfit(
                    format!("transfer `{}`", self.path),
                    format!("it ends at sector {sector}"),
                    "give fewer",
                ));
            }
            sector += (moved / SECTOR) as u64;
        }
        Ok(())
    }
}

fn offset(sector: u64) -> i64 {
    (sector * SECTOR as u64) as i64
}
