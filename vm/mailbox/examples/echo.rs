//! The smallest PID 1 that can be kept and forked: it answers every message with the same bytes, in reverse.

use mdlab_mailbox::guest::Guest;

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
            _ => message.reverse(),
        }
    }
}
