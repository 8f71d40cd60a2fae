//! A traced process, seen through /proc: its memory, its open files.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use mdlab_protocol::{Descriptor, Value};
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::Pid;

/// Bytes of a page; a string is read page by page, because the one after its end may not be mapped.
const PAGE: u64 = 4096;

/// PATH_MAX of the kernel.
const LONGEST_PATH: usize = 4096;

/// Most characters of a path in a list of open files, and most files in it.
const SHOWN_PATH: usize = 1024;
const SHOWN_FILES: usize = 64;

/// Most strings of a vector, and most bytes of each.
const STRINGS: usize = 128;
const STRING: usize = 1024;

/// One thread under trace.
pub(super) struct Tracee {
    /// The thread.
    pub(super) tid: Pid,
    /// Its process.
    pub(super) pid: u32,
    memory: Option<File>,
    /// /proc/PID/fd and /proc/PID/fdinfo. Kept open, because a walk from the root through /proc costs tens of thousands
    /// of instructions, and most stops look at a descriptor.
    files: Option<File>,
    file_infos: Option<File>,
}

impl Tracee {
    pub(super) fn new(tid: Pid) -> Self {
        let pid = status_field(tid, "Tgid:").unwrap_or(tid.as_raw() as u32);
        let open = |name: &str| File::open(format!("/proc/{tid}/{name}")).ok();
        Self { tid, pid, memory: None, files: open("fd"), file_infos: open("fdinfo") }
    }

    /// Whether it is its process's first thread.
    pub(super) fn leads(&self) -> bool {
        self.tid.as_raw() as u32 == self.pid
    }

    /// Who made its process; the process that adopted it if that one has ended.
    pub(super) fn parent(&self) -> u32 {
        status_field(self.tid, "PPid:").unwrap_or_default()
    }

    /// It became another program: its memory is a new one.
    pub(super) fn executed(&mut self) {
        self.memory = None;
    }

    /// Its command line.
    pub(super) fn argv(&self) -> Vec<String> {
        let bytes = fs::read(self.proc("cmdline")).unwrap_or_default();
        let arguments = bytes.strip_suffix(b"\0").unwrap_or(&bytes).split(|&byte| byte == 0);
        arguments.take(STRINGS).map(|argument| text(&argument[..argument.len().min(STRING)])).collect()
    }

    /// Reads up to `length` bytes; fewer when the rest is not mapped.
    pub(super) fn read(&mut self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut done = 0;
        while done < length {
            match self.memory().and_then(|memory| memory.read_at(&mut bytes[done..], address + done as u64).ok()) {
                Some(count) if count > 0 => done += count,
                _ => break,
            }
        }
        bytes.truncate(done);
        bytes
    }

    /// Reads a string that ends with a zero.
    pub(super) fn string(&mut self, address: u64) -> String {
        text(&self.string_bytes(address, LONGEST_PATH))
    }

    /// Reads a vector of pointers to strings that ends with a null pointer.
    pub(super) fn strings(&mut self, address: u64) -> Vec<String> {
        let mut strings = Vec::new();
        for index in 0..STRINGS as u64 {
            match self.word(address + 8 * index) {
                0 => break,
                pointer => strings.push(text(&self.string_bytes(pointer, STRING))),
            }
        }
        strings
    }

    /// Reads one pointer; what cannot be read is null.
    pub(super) fn word(&mut self, address: u64) -> u64 {
        self.read(address, 8).try_into().map_or(0, u64::from_ne_bytes)
    }

    /// What a descriptor is open on, empty if it is not open.
    pub(super) fn target(&self, fd: i32) -> String {
        let link = self.files.as_ref().and_then(|files| readlinkat(files, fd.to_string().as_str()).ok());
        link.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where it is.
    pub(super) fn folder(&self) -> String {
        fs::read_link(self.proc("cwd")).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The device number, if the descriptor is open on a block device, linked or not.
    pub(super) fn block_device(&self, fd: i32) -> Option<u64> {
        // /proc/PID/fd/N leads to the file itself, even when its name is gone.
        let status = fstatat(self.files.as_ref()?, fd.to_string().as_str(), AtFlags::empty()).ok()?;
        (status.st_mode & libc::S_IFMT == libc::S_IFBLK).then_some(status.st_rdev)
    }

    /// The file offset of a descriptor.
    pub(super) fn offset(&self, fd: i32) -> Option<i64> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let info = openat(self.file_infos.as_ref()?, fd.to_string().as_str(), flags, Mode::empty()).ok()?;
        // The first line is all that is wanted: `pos:` and a number of at most 20 digits.
        let mut line = [0; 32];
        let length = nix::unistd::read(&info, &mut line).ok()?;
        let line = std::str::from_utf8(&line[..length]).ok()?.lines().next()?;
        line.strip_prefix("pos:")?.trim().parse().ok()
    }

    /// All its open files, by number.
    pub(super) fn files(&self) -> Vec<Descriptor> {
        let mut numbers: Vec<i32> = self.numbers().collect();
        numbers.sort_unstable();
        numbers.truncate(SHOWN_FILES);
        let shown = |fd| self.target(fd).chars().take(SHOWN_PATH).collect();
        numbers.into_iter().map(|fd| Descriptor { fd, path: shown(fd) }).collect()
    }

    /// Whether no other descriptor is open on the same block device.
    pub(super) fn is_last(&self, fd: i32, device: u64) -> bool {
        self.numbers().all(|other| other == fd || self.block_device(other) != Some(device))
    }

    fn numbers(&self) -> impl Iterator<Item = i32> + use<> {
        let entries = fs::read_dir(self.proc("fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    fn string_bytes(&mut self, address: u64, longest: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < longest {
            let at = address.wrapping_add(bytes.len() as u64);
            let piece = self.read(at, ((PAGE - at % PAGE) as usize).min(longest - bytes.len()).min(256));
            if let Some(end) = piece.iter().position(|&byte| byte == 0) {
                bytes.extend_from_slice(&piece[..end]);
                break;
            }
            if piece.is_empty() {
                break;
            }
            bytes.extend(piece);
        }
        bytes
    }

    /// /proc/PID/mem rather than process_vm_readv: it needs no CONFIG_CROSS_MEMORY_ATTACH.
    fn memory(&mut self) -> Option<&File> {
        if self.memory.is_none() {
            self.memory = File::open(self.proc("mem")).ok();
        }
        self.memory.as_ref()
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.tid)
    }
}

/// A descriptor argument, or the bare number if nothing is open there.
pub(super) fn descriptor(fd: i32, path: &str) -> Value {
    if path.is_empty() { Value::Int(fd.into()) } else { Value::Descriptor(Descriptor { fd, path: path.to_owned() }) }
}

fn status_field(tid: Pid, name: &str) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
