//! Raw ioctls of md, and what they must leave alone.

use mdlab_protocol::What;

use super::Guest;
use crate::channel::differences;

impl Guest {
    /// Makes an md node that holds no array, and asks it for nothing but md's version.
    pub fn new_node(&mut self, node: &str) {
        self.run(&format!("md ioctl --new {node} RAID_VERSION"));
    }

    /// One ioctl on a node, `GET_DISK_INFO number=1`, which must succeed.
    pub fn ioctl(&mut self, node: &str, request: &str) {
        self.run(&format!("md ioctl {node} {request}"));
    }

    /// One ioctl on a node, as a step of its own, that must fail.
    pub fn denied(&mut self, node: &str, request: &str) -> Denial {
        self.denial(&format!("md ioctl {node} {request}"))
    }

    /// As [`Guest::denied`], from a process that has opened the node and then given up every privilege.
    pub fn denied_to_nobody(&mut self, node: &str, request: &str) -> Denial {
        self.denial(&format!("md ioctl --unprivileged {node} {request}"))
    }

    fn denial(&mut self, line: &str) -> Denial {
        let before = self.session.observe();
        let before = self.expect(before);
        self.step("denied", |guest| guest.refused(|guest| guest.run(line)));
        let Some(step) = self.recording().steps.last() else { return Denial::default() };
        let outputs = step.commands.iter().map(|command| &command.output);
        let printed: String = outputs
            .flat_map(|output| [&output.stdout, &output.stderr])
            .map(|text| String::from_utf8_lossy(text))
            .collect();
        let messages = step.events.iter().filter_map(|event| match &event.what {
            What::Kernel(message) => Some(message.text.clone()),
            _ => None,
        });
        Denial {
            errno: printed.trim().rsplit(" = ").next().unwrap_or_default().to_owned(),
            said: messages.collect(),
            changed: differences(&before, self.after()),
        }
    }
}

/// What became of an ioctl that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// The name of the error: `EINVAL`.
    pub errno: String,
    /// What the kernel said meanwhile.
    pub said: Vec<String>,
    /// What is not as it was before: attributes, nodes, superblocks, a line each.
    pub changed: Vec<String>,
}
