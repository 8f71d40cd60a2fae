//! The kernel's random pool.
//!
//! A kernel that has not gathered entropy lets readers wait (mdadm reads it for UUIDs), and one that has is different
//! every time. Fixed bytes, credited in full, make it ready and always the same.

use std::fs::File;

use crate::failure::{Attempt, Failure};

/// Bytes that one seed may have: the pool never had more.
const MOST: usize = 512;

/// What every kept machine is seeded with. The value does not matter; that it never changes does.
const FIXED: &[u8; 32] = b"mdlab: the same for every boot.\n";

/// `struct rand_pool_info` of include/uapi/linux/random.h with its flexible array filled.
#[repr(C)]
struct PoolInfo {
    entropy_count: libc::c_int,
    buf_size: libc::c_int,
    buf: [u8; MOST],
}

// RNDADDENTROPY is declared with the size of two ints, although it takes a longer structure.
nix::ioctl_write_ptr_bad!(add_entropy, nix::request_code_write!(b'R', 0x03, size_of::<[libc::c_int; 2]>()), PoolInfo);
nix::ioctl_none!(reseed, b'R', 0x07);

/// Seeds the pool with the bytes that are always the same.
pub(crate) fn seed_fixed() -> Result<(), Failure> {
    seed(FIXED)
}

/// Mixes `bytes` into the pool, credits them in full, and has the generator take them up at once.
pub(crate) fn seed(bytes: &[u8]) -> Result<(), Failure> {
    if bytes.is_empty() || bytes.len() > MOST {
        let cause = format!("expected 1 to {MOST} bytes, got {}", bytes.len());
        return Err(Failure::new("seed `/dev/random`", cause));
    }
    let mut info = PoolInfo { entropy_count: 8 * bytes.len() as i32, buf_size: bytes.len() as i32, buf: [0; MOST] };
    info.buf[..bytes.len()].copy_from_slice(bytes);
    let random = File::options().write(true).open("/dev/random").attempt(|| "open `/dev/random`".into())?;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&random);
    // SAFETY: the descriptor is open, and the kernel reads `buf_size` bytes of `buf`, which has at least so many.
    unsafe { add_entropy(descriptor, &info) }.attempt(|| "add entropy to `/dev/random`".into())?;
    // SAFETY: the descriptor is open; the request takes no argument.
    unsafe { reseed(descriptor) }.attempt(|| "reseed `/dev/random`".into())?;
    Ok(())
}
