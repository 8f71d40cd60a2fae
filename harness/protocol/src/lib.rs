//! The messages between the host and the agent in the guest: what can be asked, and what is recorded.
//!
//! Every exchange is one [`Request`] answered by one [`Reply`], encoded with [`encode`] and [`decode`]. The guest calls
//! first (its bell freezes it), so on the wire a reply comes before the request that follows it: the agent's first
//! message is [`Reply::Ready`]. What is recorded travels as [`Event`]s: at each system call worth recording, at each
//! kernel message, at each uevent.
//!
//! This crate must not know how either side does its work: no QEMU, no ptrace, no files.

mod bytes;
mod depth;
mod event;
mod observation;
mod wire;

pub use event::{
    Descriptor, Event, Exit, KernelMessage, Output, Process, ProcessChange, Syscall, Uevent, UeventSource, Value, What,
};
pub use observation::{Attribute, Member, Node, NodeKind, Observation, Region};
pub use wire::{Command, MAX_MESSAGE, Missing, Reply, Request, Settle, Unsettled, WireError, decode, encode};
