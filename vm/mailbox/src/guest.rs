//! The guest's end, on x86-64: the mailbox through `/dev/mem`, the bell through an I/O port.
//!
//! Everything here depends on the architecture; nothing else in the guest does.

use std::arch::asm;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;

use crate::{BELL_BYTES, BELL_PORT, Direction, Frame, KEEP_PORT, KEEP_VALUE, Kind, Mailbox, PHYSICAL_ADDRESS, SIZE};

/// The guest's end of the mailbox. There is one for each machine.
pub struct Guest {
    mailbox: Mailbox,
    sequence: u64,
    ring_ticks: u64,
}

impl Guest {
    /// Maps the mailbox and asks for the ports; needs root, `CONFIG_DEVMEM` and `CONFIG_X86_IOPL_IOPERM`.
    pub fn open() -> io::Result<Self> {
        for (port, count) in [(BELL_PORT, 1), (KEEP_PORT, 1)] {
            // SAFETY: ioperm takes no pointers.
            if unsafe { libc::ioperm(port.into(), count, 1) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let memory = OpenOptions::new().read(true).write(true).open("/dev/mem")?;
        // SAFETY: a fresh mapping, checked below; `PHYSICAL_ADDRESS` is memory that the kernel does not use.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                memory.as_raw_fd(),
                PHYSICAL_ADDRESS as libc::off_t,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the mapping has `SIZE` bytes and is never unmapped.
        let mailbox = unsafe { Mailbox::new(base.cast()) };
        Ok(Self { mailbox, sequence: 0, ring_ticks: 0 })
    }

    /// Sends a message and returns the answer. The guest is frozen meanwhile, clock and all.
    pub fn call(&mut self, payload: Vec<u8>) -> io::Result<Vec<u8>> {
        self.post(Kind::Message, payload)?;
        let before = ticks();
        ring();
        self.ring_ticks = ticks() - before;
        let answer = self.mailbox.read(Direction::ToGuest).map_err(io::Error::other)?;
        if answer.sequence != self.sequence {
            let text = format!("expected the answer to frame {}, found one to {}", self.sequence, answer.sequence);
            return Err(io::Error::other(text));
        }
        Ok(answer.payload)
    }

    /// Asks the host to keep the machine; every fork of it returns from here.
    pub fn keep(&mut self) -> io::Result<()> {
        self.post(Kind::Keep, Vec::new())?;
        let before = ticks();
        // SAFETY: `open` was granted the port; pvpanic does nothing but stop the machine.
        unsafe { asm!("out dx, al", in("dx") KEEP_PORT, in("al") KEEP_VALUE, options(nostack)) };
        self.ring_ticks = ticks() - before;
        Ok(())
    }

    fn post(&mut self, kind: Kind, payload: Vec<u8>) -> io::Result<()> {
        self.sequence += 1;
        let frame = Frame { kind, sequence: self.sequence, ring_ticks: self.ring_ticks, payload };
        self.mailbox.write(Direction::ToHost, &frame).map_err(io::Error::other)
    }
}

/// Rings: one string instruction, so that the guest's scheduler sees it as a fixed piece of work.
fn ring() {
    let bytes = [0u8; BELL_BYTES];
    // SAFETY: `rep outsb` reads `BELL_BYTES` bytes at `bytes`, and `open` was granted the port. The host writes the
    // mailbox meanwhile, so the compiler may not assume that memory stays as it was (no `nomem`, no `readonly`).
    unsafe {
        asm!(
            "rep outsb",
            in("dx") BELL_PORT,
            inout("rsi") bytes.as_ptr() => _,
            inout("rcx") BELL_BYTES => _,
            options(nostack)
        );
    }
}

fn ticks() -> u64 {
    // SAFETY: rdtsc reads a counter; every x86-64 has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}
