//! Faults planted for real: each ends in its class, with its exit status, message, evidence and the command that runs it
//! again.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod agent;
mod ended;
mod host;
mod kernel;
mod mounts;
#[path = "../qemu/mod.rs"]
mod qemu;
mod tool;
#[path = "../until/mod.rs"]
mod until;
