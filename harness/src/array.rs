//! The arrays of scenarios.

/// An array as a scenario describes it.
#[derive(Clone, Debug)]
pub struct Array {
    node: String,
    level: &'static str,
    members: Vec<String>,
}

/// Mebibytes, in bytes.
pub const fn mib(count: u64) -> u64 {
    count << 20
}

impl Array {
    /// A mirror.
    pub fn raid1() -> Self {
        Self { node: "/dev/md0".into(), level: "1", members: Vec::new() }
    }

    /// Its members: nodes of block devices.
    pub fn on(mut self, members: Vec<String>) -> Self {
        self.members = members;
        self
    }

    /// The node of the array.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The command line that has mdadm create it.
    pub(crate) fn create(&self) -> Vec<String> {
        let count = self.members.len().to_string();
        let words = ["mdadm", "--create", &self.node, "--level", self.level, "--raid-devices", &count];
        words.into_iter().map(str::to_owned).chain(self.members.iter().cloned()).collect()
    }

    /// The command line that has mdadm stop it.
    pub(crate) fn stop(&self) -> Vec<String> {
        ["mdadm", "--stop", &self.node].map(str::to_owned).to_vec()
    }
}
