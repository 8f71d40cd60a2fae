//! The ioctls of md and of the block layer: numbers, names, and what their argument is.
//!
//! This is the only place that knows an ioctl by its number. The tables are in [`md`] and [`block`]; how a structure's
//! bytes become named fields is in [`layout`], and how fields become bytes and are issued in [`encode`].

mod block;
mod encode;
mod layout;
mod md;

use mdlab_protocol::Value;

pub(crate) use encode::Call;
use layout::Shape;
pub(crate) use layout::device;

/// Longest argument that is read of an ioctl without a name: no ioctl's size has more than 14 bits.
const LONGEST: usize = 1 << 14;

/// A known ioctl.
#[derive(Debug)]
pub(crate) struct Ioctl {
    number: u32,
    name: &'static str,
    argument: Argument,
}

/// What the third argument of an ioctl is. The direction in the number does not always tell: BLKGETSIZE and others are
/// older than the encoding, and SET_BITMAP_FILE is declared to take a pointer but takes a number.
#[derive(Debug)]
enum Argument {
    /// Nothing.
    None,
    /// A number.
    Int,
    /// A device number in the encoding of user space.
    Device,
    /// A pointer to what the kernel reads.
    In(Shape),
    /// A pointer to what the kernel writes.
    Out(Shape),
    /// A pointer to what the kernel first reads and then writes.
    InOut(Shape),
}

use Argument::{Device, In, InOut, Int, None as Nothing, Out};

const fn ioctl(number: u32, name: &'static str, argument: Argument) -> Ioctl {
    Ioctl { number, name, argument }
}

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// Everything.
    Known(&'static Ioctl),
    /// The number alone.
    Unknown(u32),
}

impl Request {
    /// Looks a request up. The kernel takes 32 bits of it.
    pub(crate) fn new(number: u64) -> Self {
        let number = number as u32;
        let found = md::TABLE.iter().chain(block::TABLE).find(|ioctl| ioctl.number == number);
        found.map_or(Self::Unknown(number), Self::Known)
    }

    /// The request itself, decoded: its name, or what `_IOC` was made of.
    pub(crate) fn show(self) -> Value {
        match self {
            Self::Known(ioctl) => Value::Symbol(ioctl.name.into()),
            Self::Unknown(number) => {
                let ioc = Ioc(number);
                let field = |name: &str, value| (name.to_owned(), value);
                Value::Fields(vec![
                    field("request", Value::Hex(number.into())),
                    field("dir", Value::Symbol(ioc.direction().into())),
                    field("type", Value::Hex(ioc.kind().into())),
                    field("nr", Value::Hex(ioc.nr().into())),
                    field("size", Value::Int(ioc.size() as i64)),
                ])
            }
        }
    }

    /// The argument, if it is not a pointer.
    pub(crate) fn scalar(self, argument: u64) -> Option<Value> {
        match self {
            Self::Known(Ioctl { argument: Int, .. }) => Some(Value::Int(i64::from(argument as i32))),
            Self::Known(Ioctl { argument: Device, .. }) => Some(device(argument)),
            _ => Option::None,
        }
    }

    /// Bytes that the kernel reads at the argument.
    pub(crate) fn reads(self) -> usize {
        match self {
            Self::Known(Ioctl { argument: In(shape) | InOut(shape), .. }) => shape.size(),
            Self::Unknown(number) if Ioc(number).writes_to_kernel() => Ioc(number).size().min(LONGEST),
            _ => 0,
        }
    }

    /// Whether it hands something out, and changes nothing: so says its number, or all that it takes in. The first goes for
    /// GET_DISK_INFO, which takes in the number of a disk.
    pub(crate) fn only_asks(self) -> bool {
        let (Self::Known(&Ioctl { number, .. }) | Self::Unknown(number)) = self;
        let ioc = Ioc(number);
        ioc.reads_from_kernel() && !ioc.writes_to_kernel() || self.writes() > 0 && self.reads() == 0
    }

    /// Bytes that the kernel writes at the argument when it succeeds.
    pub(crate) fn writes(self) -> usize {
        match self {
            Self::Known(Ioctl { argument: Out(shape) | InOut(shape), .. }) => shape.size(),
            Self::Unknown(number) if Ioc(number).reads_from_kernel() => Ioc(number).size().min(LONGEST),
            _ => 0,
        }
    }

    /// Decodes what is at the argument.
    pub(crate) fn decode(self, bytes: &[u8]) -> Value {
        match self {
            Self::Known(Ioctl { argument: In(shape) | Out(shape) | InOut(shape), .. }) => shape.decode(bytes),
            _ => Value::Bytes { bytes: bytes.to_vec(), length: bytes.len() as u64 },
        }
    }
}

/// The parts of an encoded number (include/uapi/asm-generic/ioctl.h).
#[derive(Clone, Copy)]
struct Ioc(u32);

impl Ioc {
    fn writes_to_kernel(self) -> bool {
        self.0 >> 30 & 1 != 0
    }

    fn reads_from_kernel(self) -> bool {
        self.0 >> 30 & 2 != 0
    }

    fn direction(self) -> &'static str {
        ["_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"][(self.0 >> 30) as usize]
    }

    fn size(self) -> usize {
        (self.0 >> 16 & 0x3fff) as usize
    }

    fn kind(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    fn nr(self) -> u32 {
        self.0 & 0xff
    }
}

#[cfg(test)]
mod tests;
