//! The smallest PID 1 that can be kept and forked: it answers every message with the same bytes, in reverse.

use std::time::Duration;

use mdlab_mailbox::guest::Guest;

/// Naps, and how long each is: the processor halts, and is woken by a timer.
const NAPS: u32 = 3000;
const NAP: Duration = Duration::from_micros(20);

fn main() -> std::io::Result<()> {
    // SAFETY: the strings are constants that end with NUL.
    let mounted = unsafe { libc::mount(c"none".as_ptr(), c"/dev".as_ptr(), c"devtmpfs".as_ptr(), 0, std::ptr::null()) };
    assert_eq!(mounted, 0, "mount devtmpfs: {}", std::io::Error::last_os_error());
    let mut guest = Guest::open()?;
    guest.keep()?;
    let mut message = b"ready".to_vec();
    loop {
        message = guest.call(message)?;
        match message.as_slice() {
            // The end of PID 1 is a panic.
            b"panic" => return Ok(()),
            b"spin" => loop {
                std::hint::spin_loop();
            },
            b"nap" => {
                (0..NAPS).for_each(|_| std::thread::sleep(NAP));
                // SAFETY: rdtsc reads a counter; every x86-64 has it.
                message = unsafe { std::arch::x86_64::_rdtsc() }.to_le_bytes().into();
            }
            _ => message.reverse(),
        }
    }
}
