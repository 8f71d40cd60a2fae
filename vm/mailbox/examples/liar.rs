//! A guest that lies to its host, as no honest PID 1 would: `liar garbage`. It is to run beside an honest one.

use std::arch::asm;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;

use mdlab_mailbox::guest::Guest;
use mdlab_mailbox::{BELL_BYTES, BELL_PORT, Direction, Frame, KEEP_PORT, KEEP_VALUE, Kind, MAX_PAYLOAD, Mailbox};
use mdlab_mailbox::{PHYSICAL_ADDRESS, SIZE};

/// Offset of the length in a frame's header.
const LENGTH: usize = 24;

fn main() -> std::io::Result<()> {
    // It is granted the ports; the rest is done past it.
    let _ports = Guest::open()?;
    let base = map()?;
    // SAFETY: `base` is a mapping of `SIZE` bytes that is never unmapped.
    let mut mailbox = unsafe { Mailbox::new(base) };
    let sequence = mailbox.read(Direction::ToHost).map_or(0, |frame| frame.sequence) + 1;
    let message = |sequence, payload| Frame { kind: Kind::Message, sequence, ring_ticks: 0, payload };
    let frame = |payload| message(sequence, payload);
    let lie = std::env::args().nth(1).unwrap_or_default();
    let posted = match lie.as_str() {
        "garbage" => {
            // SAFETY: within the mapping.
            unsafe { base.write_bytes(0xa5, SIZE) };
            Ok(())
        }
        "length" => mailbox.write(Direction::ToHost, &frame(Vec::new())).inspect(|()| {
            // SAFETY: within the mapping; the header begins where the mailbox does.
            unsafe { base.add(LENGTH).write_bytes(0xff, 8) }
        }),
        "again" => mailbox.write(Direction::ToHost, &Frame { sequence: sequence - 1, ..frame(Vec::new()) }),
        "noise" => mailbox.write(Direction::ToHost, &frame(vec![0x5a; MAX_PAYLOAD])),
        // The protocol's version, and a value that has itself in it: a part of a recording with a system call whose argument
        // has fields that have fields.
        "deep" => mailbox.write(Direction::ToHost, &frame(deep())),
        // For ever, as many records as there is room for.
        "many" => (sequence..).try_for_each(|sequence| {
            mailbox.write(Direction::ToHost, &message(sequence, many()))?;
            (0..BELL_BYTES).for_each(|_| out(BELL_PORT, 0));
            Ok(())
        }),
        "keep" => {
            let posted = mailbox.write(Direction::ToHost, &Frame { kind: Kind::Keep, ..frame(Vec::new()) });
            out(KEEP_PORT, KEEP_VALUE);
            posted
        }
        // Rings with nothing to say, and half.
        "half" => {
            out(BELL_PORT, 0);
            loop {
                std::hint::spin_loop();
            }
        }
        other => panic!("expected a lie that is known, got `{other}`"),
    };
    posted.map_err(std::io::Error::other)?;
    (0..BELL_BYTES).for_each(|_| out(BELL_PORT, 0));
    Ok(())
}

/// `Reply::Recorded([Event { at: 1, what: Syscall { pid: 1, name: "", arguments: [("x", Fields([("x", ...`, as postcard encodes
/// it.
fn deep() -> Vec<u8> {
    let mut bytes = vec![5, 3, 1, 1, 0, 1, 0, 1, 1, b'x'];
    while bytes.len() + 4 <= 400 * 1024 {
        bytes.extend([7, 1, 1, b'x']);
    }
    bytes
}

/// `Reply::Recorded` with events of the fewest bytes there are: `Event { at: 1, what: Lost("") }`.
fn many() -> Vec<u8> {
    // The count as postcard encodes it: seven bits in each byte, the lowest first.
    const COUNT: u32 = 160_000;
    let count = [COUNT as u8 | 0x80, (COUNT >> 7) as u8 | 0x80, (COUNT >> 14) as u8];
    [[5, 3].as_slice(), &count, &[1, 5, 0].repeat(COUNT as usize)].concat()
}

fn map() -> std::io::Result<*mut u8> {
    let memory = OpenOptions::new().read(true).write(true).open("/dev/mem")?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let (null, address) = (std::ptr::null_mut(), PHYSICAL_ADDRESS as libc::off_t);
    // SAFETY: a fresh mapping, checked below, of memory that the kernel does not use.
    let base = unsafe { libc::mmap(null, SIZE, protection, libc::MAP_SHARED, memory.as_raw_fd(), address) };
    if base == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(base.cast()) }
}

fn out(port: u16, value: u8) {
    // SAFETY: the port was granted; neither of the two devices touches the guest's memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack)) };
}
