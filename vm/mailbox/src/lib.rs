//! A mailbox of bytes between a guest and its host, and the bell that freezes the guest while the host thinks.
//!
//! The mailbox is one mebibyte of guest memory which the kernel was told to leave alone; the guest maps it through
//! `/dev/mem`, the host through the file behind it. There is no driver, no interrupt and nothing asynchronous: the
//! guest writes a frame, rings the bell, and while the bell rings the host reads, answers, and lets it go on.
//!
//! [`Frame`] and [`Mailbox`] are the layout, used at both ends. [`guest`] is the guest's end. This crate must not know
//! what the bytes mean, nor how the host runs the machine.

#[cfg(target_arch = "x86_64")]
pub mod guest;

mod frame;

pub use frame::{Direction, Frame, FrameError, Kind, MAX_PAYLOAD, Mailbox, VERSION};

/// Guest physical address of the mailbox: the second NUMA node of the machine starts here, at 254 MiB.
pub const PHYSICAL_ADDRESS: u64 = 0x0fe0_0000;

/// Bytes of the mailbox. The kernel keeps its hands off them because of `memmap=1M$0xFE00000`.
pub const SIZE: usize = 1 << 20;

/// I/O port of the bell, QEMU's `isa-debugcon`. Not 0x402, where SeaBIOS looks for one and prints what it does.
pub const BELL_PORT: u16 = 0xe9;

/// Bytes that one ring writes to the bell. The first wakes the host; about the seventh blocks QEMU inside the device,
/// and the guest with it, until the host has drained them all. More than a socket's smallest buffer ever holds, and
/// always the same number, so that a ring always takes the same number of instructions.
pub const BELL_BYTES: usize = 32;

/// I/O port of QEMU's `pvpanic`; with `-action panic=pause` a write of [`KEEP_VALUE`] stops the machine.
pub const KEEP_PORT: u16 = 0x505;

/// What the guest writes to [`KEEP_PORT`] to be kept: `PVPANIC_PANICKED`, the one event every QEMU since 1.5 knows.
pub const KEEP_VALUE: u8 = 1;
