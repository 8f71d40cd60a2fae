//! PID 1 of a guest: sets the machine up, asks to be kept, then serves requests.
//!
//! The agent knows md, loop devices and Linux. It must not know the host: not QEMU, not what the recordings are for, not
//! whether anybody reads them.
//!
//! [`boot`] runs once. After [`link::Link::keep`] the machine is a template, and everything that follows happens in a fork of
//! it: [`service`] answers requests, [`machine`] is the only place that waits, [`recorder`] gathers what is recorded,
//! [`trace`] and [`ioctl`] turn system calls into something readable, [`observe`] looks at the arrays between steps.
//!
//! There are no threads and no sleeping: one loop, bounded by virtual time.
//!
//! The same binary is the command [`md`] in the guest, under that name: a second tool beside mdadm, made of ioctls alone.

mod aligned;
mod arrays;
mod boot;
mod children;
mod clock;
mod command;
mod console;
mod disturb;
mod failure;
mod ioctl;
mod link;
mod loops;
mod machine;
mod md;
mod observe;
mod processes;
mod program;
mod recorder;
mod rest;
mod service;
mod settle;
mod trace;

use std::convert::Infallible;

use failure::Failure;

fn main() {
    if let Some(status) = md::called(std::env::args_os()) {
        std::process::exit(status);
    }
    if std::process::id() != 1 {
        eprintln!("mdlab-agent: expected to be PID 1 of a guest, not a program on a running system");
        std::process::exit(2);
    }
    console::take_panics();
    let Err(failure) = run();
    console::die(&failure.to_string());
}

fn run() -> Result<Infallible, Failure> {
    let mut machine = boot::boot()?;
    machine.link.keep()?;
    service::serve(&mut machine)
}
