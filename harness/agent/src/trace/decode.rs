//! Turns the registers of a call into named, decoded arguments: first what the program gives, when it enters the kernel,
//! then what the kernel gave, when it returns.

use mdlab_protocol::{Descriptor, Syscall, Value, What};

use super::calls::{Call, Kind, Worth};
use super::tracee::{Tracee, descriptor};
use super::{places, symbols};
use crate::ioctl::Request;

/// Most bytes of a buffer that are recorded.
const BUFFER: usize = 4096;

/// Most parts of a vector that are read.
const PARTS: u64 = 16;

/// A call whose end is awaited.
pub(super) struct Pending {
    name: &'static str,
    arguments: Vec<(String, Value)>,
    later: Option<Later>,
    closing: Option<Closing>,
    /// It does more than to look.
    pub(super) alters: bool,
}

/// An argument that the kernel fills in.
struct Later {
    index: usize,
    address: u64,
    source: Source,
}

enum Source {
    /// As many bytes as the call returns.
    Buffer,
    /// What the request says.
    Ioctl(Request),
}

/// The last descriptor of an md node is being closed.
struct Closing {
    fd: i32,
    before: Vec<Descriptor>,
}

/// Decodes a call at its entry; `None` if it is not worth recording.
pub(super) fn enter(tracee: &mut Tracee, call: &'static Call, registers: &[u64; 6], md: &[u32]) -> Option<Pending> {
    let mut entry = Entry { tracee, call, registers, open_on: String::new(), block: None };
    entry.is_worth_it().then(|| entry.decode(md))
}

/// Completes a call at its end.
pub(super) fn leave(tracee: &mut Tracee, pending: Pending, result: i64) -> Vec<What> {
    let Pending { name, mut arguments, later, closing, .. } = pending;
    if let Some(Later { index, address, source }) = later {
        let value = match source {
            Source::Buffer if result >= 0 => Some(buffer(tracee, address, result as u64)),
            Source::Ioctl(request) if result >= 0 => {
                Some(request.decode(&tracee.read(address, request.writes().min(BUFFER))))
            }
            // Nothing was written, and what the pointer pointed to before means nothing.
            _ => None,
        };
        if let Some(value) = value {
            // An argument that the kernel both reads and writes was shown already as the program gave it.
            let taken = arguments.get(index).is_some_and(|(name, _)| name == "argp");
            let argument = (if name == "ioctl" { "argp" } else { "buf" }.to_owned(), value);
            if taken { arguments[index] = argument } else { arguments.insert(index, argument) }
        }
    }
    let mut events = vec![What::Syscall(Syscall { pid: tracee.pid, name: name.into(), arguments, result })];
    if let Some(Closing { fd, before }) = closing {
        events.push(What::Files { pid: tracee.pid, closing: fd, before, after: tracee.files() });
    }
    events
}

struct Entry<'a> {
    tracee: &'a mut Tracee,
    call: &'static Call,
    registers: &'a [u64; 6],
    /// What the call's descriptor is open on, if it has one.
    open_on: String,
    /// The device number of that.
    block: Option<u64>,
}

impl Entry<'_> {
    fn is_worth_it(&mut self) -> bool {
        match self.call.worth {
            Worth::Always => return true,
            Worth::Path => return self.paths().iter().any(|path| places::decides(path)),
            Worth::Descriptor | Worth::Transfer | Worth::Closed | Worth::Block => {}
        }
        self.open_on = self.tracee.target(self.fd());
        let worth = match self.call.worth {
            Worth::Transfer => places::decides(&self.open_on) || places::STREAMS.contains(&self.open_on.as_str()),
            Worth::Closed => places::decides_closed(&self.open_on),
            _ => places::decides(&self.open_on),
        };
        if worth && self.open_on.starts_with("/dev/") && self.call.worth != Worth::Descriptor {
            self.block = self.tracee.block_device(self.fd());
        }
        worth && (self.call.worth != Worth::Block || self.block.is_some())
    }

    /// The paths that the call looks up, made absolute.
    fn paths(&mut self) -> Vec<String> {
        let mut folder = None;
        let mut paths = Vec::new();
        for (index, (_, kind)) in self.call.arguments.iter().enumerate() {
            match kind {
                Kind::Directory => folder = Some(self.registers[index] as i32),
                Kind::Path => {
                    let path = self.tracee.string(self.registers[index]);
                    paths.push(if path.starts_with('/') {
                        path
                    } else {
                        let base = match folder.filter(|fd| *fd != libc::AT_FDCWD) {
                            Some(fd) => self.tracee.target(fd),
                            None => self.tracee.folder(),
                        };
                        format!("{}/{path}", base.trim_end_matches('/'))
                    });
                }
                _ => {}
            }
        }
        paths
    }

    fn decode(mut self, md: &[u32]) -> Pending {
        let mut arguments = Vec::new();
        let mut later = None;
        let mut alters = self.call.alters();
        for (index, (name, kind)) in self.call.arguments.iter().enumerate() {
            let address = self.registers[index];
            match kind {
                Kind::Read => later = Some(Later { index: arguments.len(), address, source: Source::Buffer }),
                Kind::Argp => {
                    let request = Request::new(self.registers[index - 1]);
                    alters = !request.only_asks();
                    if request.writes() > 0 && address != 0 {
                        later = Some(Later { index: arguments.len(), address, source: Source::Ioctl(request) });
                    }
                    arguments.extend(self.argp(request, address).map(|value| ((*name).to_owned(), value)));
                }
                _ => {
                    alters |= match kind {
                        Kind::OpenFlags => symbols::alters(address),
                        Kind::OpenHow => symbols::alters(self.tracee.word(address)),
                        _ => false,
                    };
                    arguments.extend(self.argument(index, *kind).map(|value| ((*name).to_owned(), value)));
                }
            }
        }
        if self.call.uses_offset()
            && self.block.is_some()
            && let Some(offset) = self.tracee.offset(self.fd())
        {
            arguments.push(("offset".into(), Value::Int(offset)));
        }
        let closing = self.closing(md);
        alters |= closing.is_some();
        alters &= !places::STREAMS.contains(&self.open_on.as_str());
        Pending { name: self.call.name, arguments, later, closing, alters }
    }

    /// An argument that the program gives, `None` if there is none.
    fn argument(&mut self, index: usize, kind: Kind) -> Option<Value> {
        let register = self.registers[index];
        let before = index.checked_sub(1).map_or(0, |index| self.registers[index]);
        let after = self.registers.get(index + 1).copied().unwrap_or_default();
        Some(match kind {
            Kind::Directory if register as i32 == libc::AT_FDCWD => Value::Symbol("AT_FDCWD".into()),
            Kind::Directory => descriptor(register as i32, &self.tracee.target(register as i32)),
            Kind::Path | Kind::Target => Value::Text(self.tracee.string(register)),
            Kind::Descriptor => descriptor(register as i32, &self.open_on),
            Kind::OpenFlags => symbols::open_flags(register),
            Kind::CreateMode if !symbols::creates(before) => return None,
            Kind::CreateMode | Kind::Mode => symbols::mode(register & 0xffff),
            Kind::Device => crate::ioctl::device(register),
            Kind::AtFlags => symbols::at_flags(register),
            Kind::RenameFlags => symbols::rename_flags(register),
            Kind::FallocateMode => symbols::fallocate_mode(register),
            Kind::Int => Value::Int(register as i64),
            Kind::Written => buffer(self.tracee, register, after),
            Kind::WrittenVector => self.vector(register, after),
            Kind::OpenHow => self.open_how(register),
            Kind::Request => Request::new(register).show(),
            Kind::Strings => {
                let strings = self.tracee.strings(register).into_iter().enumerate();
                Value::Fields(strings.map(|(index, text)| (index.to_string(), Value::Text(text))).collect())
            }
            Kind::Read | Kind::Argp | Kind::Hidden => return None,
        })
    }

    fn argp(&mut self, request: Request, address: u64) -> Option<Value> {
        if let Some(value) = request.scalar(address) {
            return Some(value);
        }
        match request.reads() {
            0 if request.writes() == 0 => None,
            _ if address == 0 => Some(Value::Symbol("NULL".into())),
            0 => None,
            length => Some(request.decode(&self.tracee.read(address, length.min(BUFFER)))),
        }
    }

    /// The bytes of a `struct iovec` array, one after the other.
    fn vector(&mut self, address: u64, count: u64) -> Value {
        let mut bytes = Vec::new();
        let mut length = 0u64;
        for index in 0..count.min(PARTS) {
            let base = self.tracee.word(address + 16 * index);
            let own = self.tracee.word(address + 16 * index + 8);
            length = length.saturating_add(own);
            let room = (BUFFER - bytes.len()) as u64;
            bytes.extend(self.tracee.read(base, own.min(room) as usize));
        }
        Value::Bytes { bytes, length }
    }

    fn open_how(&mut self, address: u64) -> Value {
        let flags = self.tracee.word(address);
        let mut fields = vec![("flags".to_owned(), symbols::open_flags(flags))];
        if symbols::creates(flags) {
            fields.push(("mode".into(), symbols::mode(self.tracee.word(address + 8))));
        }
        fields.push(("resolve".into(), Value::Hex(self.tracee.word(address + 16))));
        Value::Fields(fields)
    }

    fn closing(&self, md: &[u32]) -> Option<Closing> {
        let fd = self.fd();
        let device =
            self.block.filter(|device| self.call.worth == Worth::Closed && md.contains(&libc::major(*device)))?;
        self.tracee.is_last(fd, device).then(|| Closing { fd, before: self.tracee.files() })
    }

    fn fd(&self) -> i32 {
        self.registers[0] as i32
    }
}

fn buffer(tracee: &mut Tracee, address: u64, length: u64) -> Value {
    Value::Bytes { bytes: tracee.read(address, length.min(BUFFER as u64) as usize), length }
}
