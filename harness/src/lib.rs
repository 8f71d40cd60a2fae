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
//! Who makes what: a [`Choice`] names the kernel, the mdadm and the acceleration; a [`Laboratory`] is the kept machine
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
