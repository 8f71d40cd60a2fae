//! Uevents, the kernel's and udev's.
//!
//! One socket hears both groups, so that the order between the kernel's announcement and udev's is the true one.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use mdlab_protocol::{Uevent, UeventSource, What};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket, sockopt,
};

use super::Source;
use crate::failure::{Attempt, Failure};

/// Multicast groups: 1 is the kernel's, 2 is udev's (`MonitorNetlinkGroup` of systemd).
const GROUPS: u32 = 1 | 2;

/// Room for what comes while the agent is busy: thousands of events. The default holds a few hundred.
const BUFFER: usize = 4 << 20;

/// UEVENT_BUFFER_SIZE of the kernel is 2048; udev adds its properties and sends at most 8 KiB.
const LONGEST: usize = 16 * 1024;

/// What a message of udev begins with: "libudev", then this number in network byte order.
const UDEV_PREFIX: &[u8] = b"libudev\0";
const UDEV_MAGIC: u32 = 0xfeed_cafe;

/// The uevent socket.
pub(crate) struct Uevents {
    socket: OwnedFd,
    message: Box<[u8]>,
}

impl Uevents {
    /// Starts to listen.
    pub(crate) fn open() -> Result<Self, Failure> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)
            .attempt(|| "open a `NETLINK_KOBJECT_UEVENT` socket".into())?;
        setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)
            .attempt(|| format!("give the uevent socket `{BUFFER}` bytes"))?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))
            .attempt(|| format!("bind the uevent socket to groups `{GROUPS}`"))?;
        Ok(Self { socket, message: vec![0; LONGEST].into() })
    }
}

impl Source for Uevents {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn drain(&mut self, into: &mut Vec<What>) {
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.message, MsgFlags::empty()) {
                Ok(length) => into.push(match parse(&self.message[..length]) {
                    Some(uevent) => What::Uevent(uevent),
                    None => What::Lost("a uevent that is none".into()),
                }),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(Errno::ENOBUFS) => into.push(What::Lost("uevents: the socket's buffer overflowed".into())),
                Err(error) => {
                    into.push(What::Lost(format!("uevents: {error}")));
                    return;
                }
            }
        }
    }
}

/// Parses a message: the kernel's is `action@devpath` and properties, udev's a binary header and properties.
fn parse(message: &[u8]) -> Option<Uevent> {
    let (source, properties) = if message.starts_with(UDEV_PREFIX) {
        (UeventSource::Udev, udev_properties(message)?)
    } else {
        let end = message.iter().position(|&byte| byte == 0)?;
        message[..end].contains(&b'@').then_some((UeventSource::Kernel, &message[end + 1..]))?
    };
    let properties = properties
        .split(|&byte| byte == 0)
        .filter_map(|property| {
            let property = String::from_utf8_lossy(property);
            property.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))
        })
        .collect();
    Some(Uevent { source, properties })
}

/// `struct monitor_netlink_header` of systemd: `prefix[8]`, `magic`, `header_size`, `properties_off`, `properties_len`, filters.
fn udev_properties(message: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| message.get(at..at + 4)?.try_into().ok();
    if u32::from_be_bytes(word(8)?) != UDEV_MAGIC {
        return None;
    }
    let offset = u32::from_ne_bytes(word(16)?) as usize;
    let length = u32::from_ne_bytes(word(20)?) as usize;
    message.get(offset..offset.checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(uevent: &Uevent) -> Vec<(&str, &str)> {
        uevent.properties.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    fn from_udev(properties: &[u8], length: u32) -> Vec<u8> {
        let mut message = UDEV_PREFIX.to_vec();
        message.extend(UDEV_MAGIC.to_be_bytes());
        for word in [40, 40, length, 0, 0, 0, 0] {
            message.extend(word.to_ne_bytes());
        }
        message.extend(properties);
        message
    }

    #[test]
    fn both_kinds_are_parsed() {
        let kernel =
            parse(b"add@/devices/virtual/block/md0\0ACTION=add\0DEVPATH=/devices/virtual/block/md0\0").unwrap();
        assert_eq!(kernel.source, UeventSource::Kernel);
        assert_eq!(pairs(&kernel), [("ACTION", "add"), ("DEVPATH", "/devices/virtual/block/md0")]);

        let udev = parse(&from_udev(b"ACTION=add\0TAGS=a=b\0", 20)).unwrap();
        assert_eq!(udev.source, UeventSource::Udev);
        assert_eq!(pairs(&udev), [("ACTION", "add"), ("TAGS", "a=b")]);
    }

    #[test]
    fn a_message_that_lies_is_refused() {
        assert_eq!(parse(&from_udev(b"A=b\0", 5)), None);
        assert_eq!(parse(&from_udev(b"A=b\0", u32::MAX)), None);
        assert_eq!(parse(b"libudev\0\xfe"), None);
        assert_eq!(parse(b"no announcement\0A=b\0"), None);
        assert_eq!(parse(b""), None);
    }
}
