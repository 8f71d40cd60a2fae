//! Whatever a guest writes into its mailbox: it is a message, or it is refused.

use mdlab_mailbox::{Direction, Mailbox, SIZE};
use mdlab_protocol::{Reply, Request, decode, encode};

pub(crate) fn holds(data: &[u8]) {
    let mut memory = vec![0; SIZE];
    let length = data.len().min(SIZE);
    memory[..length].copy_from_slice(&data[..length]);
    // SAFETY: the memory has `SIZE` bytes, and outlives the mailbox.
    let mailbox = unsafe { Mailbox::new(memory.as_mut_ptr()) };
    let _ = mailbox.read(Direction::ToGuest);
    if let Ok(frame) = mailbox.read(Direction::ToHost) {
        message(&frame.payload);
    }
    // Most bytes are no frame; these are a message all the same.
    message(data);
}

/// What can be decoded means the same when it is encoded again. It need not be the same bytes: a number may be written
/// longer than it has to be.
fn message(bytes: &[u8]) {
    if let Ok(reply) = decode::<Reply>(bytes) {
        assert_eq!(decode(&encode(&reply).expect("no longer than it was")), Ok(reply));
    }
    if let Ok(request) = decode::<Request>(bytes) {
        assert_eq!(decode(&encode(&request).expect("no longer than it was")), Ok(request));
    }
}
