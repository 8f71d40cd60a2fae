//! Boots any kernel in QEMU once, keeps the machine, and forks it in milliseconds.
//!
//! A [`Kernel`] is found or fetched; a [`RamDisk`] is built for it; together they make a [`Recipe`]. [`Recipe::keep`]
//! boots the recipe's machine until its PID 1 asks to be kept, and stores its memory and its device state in the
//! [`Cache`] under a hash of everything that went in. [`Kept::fork`] starts another QEMU from that state: a [`Fork`],
//! whose guest calls through its mailbox and is frozen, clock and all, until the host answers.
//!
//! The machine is deterministic: one virtual CPU, a clock that counts instructions, no device that acts on its own.
//! The same recipe and the same answers give the same bytes.
//!
//! This crate must not know what the guest is for: no md, no loop devices, no snapshots.

mod accel;
mod arguments;
mod cache;
pub mod child;
mod console;
mod digest;
mod error;
mod fork;
mod headers;
mod kept;
mod kernel;
mod machine;
mod news;
mod packages;
mod process;
mod qemu;
mod qmp;
mod ramdisk;
mod recipe;
mod report;
mod scratch;
mod stored;

pub use accel::{Accel, AccelChoice};
pub use cache::Cache;
pub use digest::Digest;
pub use error::{Class, Error, Result, Unavailable};
pub use fork::Fork;
pub use headers::Headers;
pub use kept::Kept;
pub use kernel::{Build, Built, Kernel, KernelSource, Variant};
pub use machine::SILENT;
pub use news::{News, Notice, plainly};
pub use packages::{Packages, Suite};
pub use qemu::Qemu;
pub use ramdisk::{Program, RamDisk};
pub use recipe::{Limits, Recipe};
pub use report::{Report, blocked_tasks};
pub use scratch::Scratch;
pub use stored::Made;
