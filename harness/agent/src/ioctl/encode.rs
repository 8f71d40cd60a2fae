//! Arguments of ioctls, made from the fields' names and issued: what [`layout`](super::layout) reads, this writes.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use mdlab_protocol::Value;

use super::layout::{Field, Shape};
use super::{Argument, Device, In, InOut, Int, Ioc, Ioctl, LONGEST, Out, Request, block, md};

// The buffer of a request that is known by its number alone holds whatever size the number can name: 14 bits.
const _: () = assert!(LONGEST > 0x3fff);

/// An ioctl and its argument.
#[derive(Debug)]
pub(crate) struct Call {
    request: Request,
    argument: Payload,
}

#[derive(Debug)]
enum Payload {
    /// The third argument itself: a number where a table says that it is one, otherwise 0, which is the null pointer too.
    Scalar(u64),
    /// What it points to. It has room for the longest structure there is, whatever the request: some tables describe only the
    /// start of what the kernel reads.
    Buffer(Vec<u8>),
}

/// Why fields make no argument.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodeError {
    /// There is no such field.
    #[error("expected a field of {0}, which are {1}")]
    NoSuchField(String, String),
    /// The request takes nothing of this kind.
    #[error("expected {0}")]
    Expected(String),
}

impl Request {
    /// Looks a request up by its name, or by its number: `0x932`.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let known = md::TABLE.iter().chain(block::TABLE).find(|ioctl| ioctl.name == text);
        known
            .map(Self::Known)
            .or_else(|| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(|n| Self::new(n.into())))
    }

    /// The names of all known requests.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        md::TABLE.iter().chain(block::TABLE).map(|ioctl| ioctl.name)
    }

    /// Its name, or its number.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Known(ioctl) => ioctl.name.to_owned(),
            Self::Unknown(number) => format!("{number:#x}"),
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Known(ioctl) => ioctl.number,
            Self::Unknown(number) => number,
        }
    }
}

impl Call {
    /// A call whose argument is all zeros.
    pub(crate) fn new(request: Request) -> Self {
        let scalar = match request {
            Request::Known(Ioctl { argument: Argument::None | Int | Device, .. }) => true,
            Request::Known(_) => false,
            Request::Unknown(number) => Ioc(number).size() == 0,
        };
        let argument = if scalar { Payload::Scalar(0) } else { Payload::Buffer(vec![0; LONGEST]) };
        Self { request, argument }
    }

    /// A call of a known name with these fields; the others are zero.
    pub(crate) fn with(name: &str, fields: &[(&str, i64)]) -> Result<Self, EncodeError> {
        let request = Request::named(name).ok_or_else(|| EncodeError::Expected("the name of an ioctl".into()))?;
        let mut call = Self::new(request);
        for (field, value) in fields {
            call.set(field, &value.to_string())?;
        }
        Ok(call)
    }

    /// Sets a field of the structure that the argument points to.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), EncodeError> {
        let known = match self.request {
            Request::Known(Ioctl { name: request, argument: In(shape) | Out(shape) | InOut(shape), .. }) => {
                Some((request, shape))
            }
            _ => None,
        };
        let (Some((request, Shape::Struct(fields))), Payload::Buffer(bytes)) = (known, &mut self.argument) else {
            return Err(EncodeError::Expected("a value alone: the argument has no fields".into()));
        };
        let mut start = 0;
        for (known, field) in *fields {
            if *known == name && field.settable() {
                return field.encode(value, &mut bytes[start..start + field.size()]);
            }
            start += field.size();
        }
        let names: Vec<_> = fields.iter().filter(|(_, field)| field.settable()).map(|(name, _)| *name).collect();
        Err(EncodeError::NoSuchField((*request).to_owned(), names.join(", ")))
    }

    /// Sets an argument that is one value.
    pub(crate) fn set_whole(&mut self, value: &str) -> Result<(), EncodeError> {
        match (self.request, &mut self.argument) {
            (Request::Known(Ioctl { argument: Device, .. }), Payload::Scalar(scalar)) => {
                *scalar =
                    device_number(value).ok_or_else(|| EncodeError::Expected("a device as `MAJOR:MINOR`".into()))?;
                Ok(())
            }
            (Request::Known(Ioctl { argument: Argument::None, name, .. }), _) => {
                Err(EncodeError::Expected(format!("nothing: {name} has no argument")))
            }
            (Request::Known(Ioctl { argument: Int, .. }), Payload::Scalar(scalar)) => {
                let number = number(value).and_then(|number| i64::try_from(number).ok());
                *scalar = number.ok_or_else(|| EncodeError::Expected("a number".into()))? as u64;
                Ok(())
            }
            (
                Request::Known(Ioctl { argument: In(Shape::One(field)) | InOut(Shape::One(field)), .. }),
                Payload::Buffer(bytes),
            ) => field.encode(value, &mut bytes[..field.size()]),
            // The kernel might take any number for a pointer, and write there.
            (Request::Unknown(_), _) => {
                Err(EncodeError::Expected("nothing: what the request takes is not known, and it gets zeros".into()))
            }
            _ => Err(EncodeError::Expected("fields as `NAME=VALUE`".into())),
        }
    }

    /// Issues it. What the kernel wrote can be read from [`answer`](Self::answer) afterwards. An error keeps its number, also
    /// one that user space has no name for.
    pub(crate) fn issue(&mut self, file: &impl AsFd) -> io::Result<i32> {
        let argument = match &mut self.argument {
            Payload::Scalar(scalar) => *scalar,
            Payload::Buffer(bytes) => bytes.as_mut_ptr() as u64,
        };
        let fd = file.as_fd().as_raw_fd();
        // SAFETY: whatever the kernel takes the argument for, it reaches no memory but the buffer. A pointer leads to LONGEST
        // bytes that live as long as `self`: as many as the size in any number can say, and more than any structure of the
        // tables. Pointers within it are null, for the tables set none, and so is the argument of a request that is known by
        // a number without a size: the kernel answers EFAULT to it. Another number than 0 is passed only where a table has
        // `Int` or `Device`, and no driver takes a pointer by these numbers. The types 0x09 and 0x12 belong to md and to the
        // block layer; `L` 00-1F has a "conflict!" of the loop driver with mpt3sas, whose requests are made by _IOWR: they
        // carry the size of a structure, and the loop driver's have none (a test below sees to it;
        // Documentation/userspace-api/ioctl/ioctl-number.rst, drivers/scsi/mpt3sas/mpt3sas_ctl.h).
        let result = unsafe { libc::ioctl(fd, self.request.number().into(), argument) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
    }

    /// What the argument points to, decoded, if the kernel writes there.
    pub(crate) fn answer(&self) -> Option<Value> {
        match &self.argument {
            Payload::Buffer(bytes) if self.request.writes() > 0 => {
                Some(self.request.decode(&bytes[..self.request.writes()]))
            }
            _ => None,
        }
    }
}

impl Field {
    /// Padding and keys are left zero.
    fn settable(self) -> bool {
        !matches!(self, Self::Skip(_))
    }

    fn encode(self, text: &str, bytes: &mut [u8]) -> Result<(), EncodeError> {
        let named = |names: &[(u64, &str)], one: &str| {
            names
                .iter()
                .find(|(_, name)| *name == one)
                .map_or_else(|| number(one), |(value, _)| Some(i128::from(*value)))
        };
        let list = |names: &[(u64, &str)]| names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let (value, expected) = match self {
            Self::Text(size) => {
                let fits = text.len() < size;
                bytes[..text.len().min(size)].copy_from_slice(&text.as_bytes()[..text.len().min(size)]);
                return if fits { Ok(()) } else { Err(EncodeError::Expected(format!("less than {size} bytes"))) };
            }
            Self::Flags32(names) => {
                let all = text.split('|').map(|one| named(names, one));
                let all = all.reduce(|all, one| Some(all? | one?)).flatten();
                (all, format!("a number, or names joined with `|` of {}", list(names)))
            }
            Self::Choice32(names) => (named(names, text), format!("a number, or one of {}", list(names))),
            _ => (number(text), format!("a number of {} bytes", self.size())),
        };
        let bits = 8 * self.size() as u32;
        // Either reading of the bits is taken: -1 and 0xffffffff are the same 32 bits.
        let fits = |value: &i128| (-(1i128 << (bits - 1))..1i128 << bits).contains(value);
        let value = value.filter(fits).ok_or(EncodeError::Expected(expected))?;
        bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
        Ok(())
    }
}

/// Decimal, or hexadecimal after `0x`; with a sign or without.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    // The standard library would take a second sign.
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * value)
}

/// `MAJOR:MINOR` in the encoding of user space (`new_encode_dev` of the kernel).
fn device_number(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    let (major, minor): (u64, u64) = (major.parse().ok()?, minor.parse().ok()?);
    (major < 1 << 12 && minor < 1 << 20).then_some(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_of(shape: &Shape) -> &'static [(&'static str, Field)] {
        match shape {
            Shape::Struct(fields) => fields,
            Shape::One(_) => &[],
        }
    }

    /// A value that the field can hold, as text, and what it decodes to.
    fn sample(field: Field) -> (String, Value) {
        match field {
            Field::U8 => ("200".into(), Value::Int(200)),
            Field::U16 => ("0xfffe".into(), Value::Int(0xfffe)),
            Field::U32 => ("4294967295".into(), Value::Int(u32::MAX.into())),
            Field::I32 => ("-2".into(), Value::Int(-2)),
            Field::U64 => ("1099511627776".into(), Value::Int(1 << 40)),
            Field::Hex64 => ("0x123456789a".into(), Value::Hex(0x12_3456_789a)),
            Field::Flags32(names) | Field::Choice32(names) => (names[0].1.into(), Value::Symbol(names[0].1.into())),
            Field::Text(_) => ("text".into(), Value::Text("text".into())),
            Field::Skip(_) => panic!("nothing to set"),
        }
    }

    #[test]
    fn every_field_of_every_table_is_read_back() {
        for ioctl in md::TABLE.iter().chain(block::TABLE) {
            let request = Request::named(ioctl.name).unwrap();
            assert_eq!(request.number(), ioctl.number);
            let mut call = Call::new(request);
            let shape = match &ioctl.argument {
                In(shape) | Out(shape) | InOut(shape) => shape,
                Int => {
                    call.set_whole("-7").unwrap();
                    assert!(
                        matches!(call.argument, Payload::Scalar(value) if request.scalar(value) == Some(Value::Int(-7)))
                    );
                    continue;
                }
                Device => {
                    call.set_whole("259:300").unwrap();
                    let expected = Value::Device { major: 259, minor: 300 };
                    assert!(matches!(call.argument, Payload::Scalar(value) if request.scalar(value) == Some(expected)));
                    continue;
                }
                Argument::None => {
                    assert!(call.set_whole("1").is_err() && call.set("x", "1").is_err(), "{}", ioctl.name);
                    continue;
                }
            };
            let mut expected = Vec::new();
            for (name, field) in fields_of(shape).iter().filter(|(_, field)| field.settable()) {
                let (text, value) = sample(*field);
                call.set(name, &text).unwrap();
                expected.push(((*name).to_owned(), value));
            }
            if let (Shape::One(field), In(_)) = (shape, &ioctl.argument) {
                let (text, value) = sample(*field);
                call.set_whole(&text).unwrap();
                let Payload::Buffer(bytes) = &call.argument else { panic!() };
                assert_eq!(request.decode(&bytes[..shape.size()]), value, "{}", ioctl.name);
                continue;
            }
            let Payload::Buffer(bytes) = &call.argument else { panic!() };
            if let Shape::Struct(_) = shape {
                assert_eq!(request.decode(&bytes[..shape.size()]), Value::Fields(expected), "{}", ioctl.name);
            }
        }
    }

    #[test]
    fn numbers_by_which_the_loop_driver_takes_a_value_have_no_size() {
        let of_loops = |ioctl: &&Ioctl| Ioc(ioctl.number).kind() == u32::from(b'L');
        let values = block::TABLE.iter().filter(|ioctl| matches!(ioctl.argument, Int | Device)).filter(of_loops);
        let sizes: Vec<_> = values.map(|ioctl| Ioc(ioctl.number).size()).collect();
        assert!(!sizes.is_empty() && sizes.iter().all(|size| *size == 0), "{sizes:?}");
    }

    #[test]
    fn an_error_names_what_would_do() {
        let mut call = Call::new(Request::named("ADD_NEW_DISK").unwrap());
        assert_eq!(
            call.set("majr", "7").unwrap_err().to_string(),
            "expected a field of ADD_NEW_DISK, which are number, major, minor, raid_disk, state"
        );
        assert_eq!(call.set("major", "seven").unwrap_err().to_string(), "expected a number of 4 bytes");
        assert!(call.set("major", "4294967296").is_err() && call.set("major", "+-1").is_err());
        assert!(call.set("state", "MD_DISK_SYNC|nonsense").unwrap_err().to_string().contains("MD_DISK_ACTIVE"));
        call.set("state", "MD_DISK_ACTIVE|0x4").unwrap();
        assert_eq!(call.set_whole("1").unwrap_err().to_string(), "expected fields as `NAME=VALUE`");
        assert!(Request::named("STOP_ARAY").is_none() && Request::named("932").is_none());
        assert_eq!(Request::named("0x932").unwrap().number(), 0x932);
    }

    #[test]
    fn what_is_not_known_gets_zeros_alone() {
        for (request, room) in [("0x099f", 0), ("0x40ff0a01", LONGEST), ("0xffff0a01", LONGEST)] {
            let mut call = Call::new(Request::named(request).unwrap());
            for word in ["4096", "-1", "7:0"] {
                let expected = "expected nothing: what the request takes is not known, and it gets zeros";
                assert_eq!(call.set_whole(word).unwrap_err().to_string(), expected);
            }
            assert!(call.set("field", "1").is_err());
            match call.argument {
                Payload::Scalar(scalar) => assert_eq!((scalar, room), (0, 0), "{request}"),
                Payload::Buffer(bytes) => assert_eq!(bytes, vec![0; room], "{request}"),
            }
        }
    }

    #[test]
    fn the_kernel_answers_by_its_error() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let mut call = Call::with("GET_ARRAY_INFO", &[]).unwrap();
        assert_eq!(call.issue(&null).unwrap_err().raw_os_error(), Some(libc::ENOTTY));
        assert!(matches!(call.answer(), Some(Value::Fields(fields)) if fields.len() == 18));
    }
}
