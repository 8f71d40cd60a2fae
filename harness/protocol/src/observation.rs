//! What is looked at when a step has ended.

use serde::{Deserialize, Serialize};

/// The arrays and their members, between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// `/proc/mdstat`; `None` while md is not loaded.
    pub mdstat: Option<String>,
    /// The attributes of every array: `/sys/block/md*/md/` with its `dev-*` and `rd*` folders, and size and read-only flag of
    /// the block device.
    pub attributes: Vec<Attribute>,
    /// The nodes and links below `/dev` that belong to md, and those of the members.
    pub nodes: Vec<Node>,
    /// The attached devices and their superblocks.
    pub members: Vec<Member>,
    /// The kernel's taint, `/proc/sys/kernel/tainted` (Documentation/admin-guide/tainted-kernels.rst).
    pub taint: u64,
}

/// One attribute of sysfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Path below `/sys/block`: `md0/md/array_state`.
    pub path: String,
    /// What it read, without the last newline, or the error number.
    pub value: Result<String, i32>,
}

/// A file below `/dev`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its path.
    pub path: String,
    /// What it is.
    pub kind: NodeKind,
}

/// What a file below `/dev` is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// A block device.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
    /// A symbolic link and its target.
    Link(String),
}

/// An attached device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its node, `/dev/loop0`.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The places where a superblock may lie and something that claims to be one does.
    pub superblocks: Vec<Region>,
}

/// Bytes read from a device, past any cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Where they begin, in bytes.
    pub offset: u64,
    /// The bytes.
    #[serde(with = "crate::bytes")]
    pub bytes: Vec<u8>,
}
