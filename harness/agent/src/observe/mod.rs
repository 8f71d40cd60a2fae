//! Looks at the arrays and their members, between two steps.
//!
//! The members come first: reading an attribute may wake md to write superblocks that it had put off (`journal_mode` of a
//! raid5 locks the array, and `mddev_unlock` of drivers/md/md.c wakes its thread). Nothing else is changed by looking.

mod attributes;
mod members;
mod nodes;

use std::fs;

use mdlab_protocol::Observation;

use crate::arrays::MDSTAT;
use crate::failure::{Attempt, Failure};
use crate::loops::Loops;

pub(crate) use members::read;

const TAINTED: &str = "/proc/sys/kernel/tainted";

/// Observes everything.
pub(crate) fn observe(loops: &Loops) -> Result<Observation, Failure> {
    let members = loops.nodes().map(members::look_at).collect::<Result<_, _>>()?;
    Ok(Observation {
        mdstat: fs::read_to_string(MDSTAT).ok(),
        attributes: attributes::all()?,
        nodes: nodes::all(loops)?,
        members,
        taint: taint()?,
    })
}

/// The kernel's taint: a set of flags, most of which it raises when something goes wrong.
pub(crate) fn taint() -> Result<u64, Failure> {
    let text = fs::read_to_string(TAINTED).attempt(|| format!("read `{TAINTED}`"))?;
    text.trim().parse().map_err(|_| Failure::new(format!("read `{TAINTED}`"), format!("`{text}` is no number")))
}
