//! Looks at the arrays and their members, between two steps. Nothing is changed by looking.

mod attributes;
mod members;
mod nodes;

use std::fs;

use mdlab_protocol::Observation;

use crate::arrays::MDSTAT;
use crate::failure::Failure;
use crate::loops::Loops;

/// Observes everything.
pub(crate) fn observe(loops: &Loops) -> Result<Observation, Failure> {
    Ok(Observation {
        mdstat: fs::read_to_string(MDSTAT).ok(),
        attributes: attributes::all()?,
        nodes: nodes::all(loops)?,
        members: loops.nodes().map(members::look_at).collect::<Result<_, _>>()?,
    })
}
