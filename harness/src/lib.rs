//! mdlab, a laboratory for Linux software RAID.
//!
//! A scenario is a test. It asks for a [`Guest`], a fork of a real machine with a real kernel, drives md in it step by
//! step, and compares what md did with reviewed snapshots:
//!
//! ```no_run
//! use mdlab::{Array, Guest, Tool, mib};
//!
//! #[test]
//! fn creates_and_stops() {
//!     let mut guest = Guest::fork();
//!     let array = Array::raid1().on(guest.loops(2, mib(10)));
//!
//!     guest.step("create", |g| g.create(&array, Tool::Mdadm));
//!     guest.step("resync", |g| g.wait_idle());
//!     guest.step("stop", |g| g.stop(&array, Tool::Mdadm));
//!
//!     mdlab::assert_story!(guest);
//! }
//! ```
//!
//! # Architecture
//!
//! ```text
//! scenarios ──► mdlab ──► mdlab-vm            boots any kernel once, keeps the machine, forks it
//!                 │           └─► mdlab-mailbox ◄──┐
//!                 ├──► mdlab-protocol ◄── mdlab-agent   the guest's PID 1
//!                 └──► mdlab-metadata ◄───────┘         md's superblocks, without any I/O
//! ```
//!
//! | crate | what it must not know |
//! | --- | --- |
//! | `mdlab-vm` | md, mdadm, loop devices, snapshots |
//! | `mdlab-mailbox` | what is said: it moves bytes between a frozen guest and its host |
//! | `mdlab-protocol` | how either side does its work |
//! | `mdlab-metadata` | files and devices |
//! | `mdlab-agent` | the host |
//! | `mdlab` (this one) | QEMU's options |
//! | `mdlab-scenarios` | how anything of this works |
//!
//! A run goes through them like this. A kernel and Debian's programs are found or fetched, and made into a RAM disk around the agent; the
//! machine boots once, the agent loads md, waits for udev, seeds the random pool, and asks to be kept. A scenario forks it: QEMU takes up
//! memory and devices where they were. The agent calls the host by a write that blocks, which freezes the guest, clock and all; the host
//! says what to do (run this, attach that, wait until md rests, look at everything), and the agent sends what happened meanwhile: system
//! calls, as it traces them, and at each of them the kernel messages and uevents that came. Nothing reaches the guest but by these
//! answers, so the same answers give the same bytes.
//!
//! What was recorded stays whole ([`Recording`]), beside the test's other evidence. Only what is compared with snapshots is redacted, in
//! one module, and keeps its meaning: the same UUID has the same name in every channel. Snapshots have versions ([`Since`]): the newest
//! that is not newer than what runs is the one that holds. A failure has a [`Class`] that says whose it was, and [`Evidence`].
//!
//! What tests say of themselves they append to one file that the command line gave them; it makes `run.json` of it, and every report is made
//! of that.
//!
//! # Who makes what
//!
//! A [`Choice`] names the kernel, the mdadm and the acceleration; a [`Laboratory`] is the kept machine
//! made of them; each [`Session`] is a fork of it, and yields a [`Recording`] of steps. A [`Guest`] is a session that
//! panics where a scenario should fail. A [`Story`] is a recording, redacted and rendered into [`Channel`]s, which
//! [`assert_story!`] compares with the snapshots beside the test.
//!
//! This crate must not know how a machine runs (that is `mdlab-vm`), nor how the guest is driven from inside (that is the
//! agent, embedded here, and spoken to through `mdlab-protocol`).

mod array;
mod channel;
mod choice;
pub mod cli;
mod conversation;
mod difference;
mod failure;
mod folder;
mod guest;
mod laboratory;
mod outcome;
mod pack;
mod printable;
mod recording;
mod redaction;
mod report;
mod results;
mod session;
mod snapshot;
mod story;
mod tool;
mod userland;
mod version;
mod watch;

pub use array::{Array, Level, Tool, mib};
pub use channel::Channel;
pub use choice::Choice;
pub use failure::{Class, Evidence, Failure};
pub use folder::evidence;
pub use guest::{Denial, Disks, Fault, Guest, Job, Need, Report};
pub use laboratory::Laboratory;
pub use recording::{Command, MachineId, Recording, Step};
pub use redaction::Redaction;
pub use session::Session;
pub use snapshot::{Place, Since, compare};
pub use story::Story;
pub use tool::ToolSource;
pub use version::Version;

#[doc(hidden)]
pub use insta;
pub use mdlab_metadata as metadata;
