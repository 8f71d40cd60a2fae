//! Disks that travel from one machine to another.

use mdlab_vm::Suite;

use super::Guest;
use crate::choice::Choice;
use crate::failure::Failure;
use crate::tool::ToolSource;

/// Disks that were taken out of a machine.
pub struct Disks(Vec<Vec<u8>>);

impl Guest {
    /// Another machine: the kernel of a suite of Debian's, with its mdadm.
    pub fn fork_on(suite: &str) -> Self {
        Self::fork_as(|| {
            let suite: Suite = suite.parse().map_err(Failure::usage)?;
            let (kernel, tool) = (mdlab_vm::KernelSource::Debian(suite.clone()), ToolSource::Debian(suite));
            let Choice { accel, seed, .. } = Choice::from_environment()?;
            Choice::new(Some(kernel), Some(tool), Some(accel), seed)
        })
    }

    /// Takes disks out, as they are: what uses them was stopped before.
    pub fn unplug(&mut self, nodes: &[String]) -> Disks {
        let images = nodes.iter().map(|node| self.session.image(node)).collect();
        Disks(self.expect(images))
    }

    /// Plugs disks in as the next loop devices; udev does with them what its rules say.
    pub fn plug_in(&mut self, disks: &Disks) -> Vec<String> {
        let outcome = match disks.0.is_empty() {
            true => Err(Failure::usage("plug in disks: expected one at least, got none")),
            false => self.session.plug_in(&disks.0),
        };
        self.expect(outcome)
    }
}
