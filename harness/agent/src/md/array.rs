//! An array, driven by md's ioctls, and how its node comes to be.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use mdlab_metadata::Role;
use mdlab_protocol::Value;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::member::Member;
use super::trouble::{Refused, Trouble};
use crate::arrays::BLOCK;
use crate::ioctl::Call;

/// md's major number (include/uapi/linux/major.h).
const MD_MAJOR: u64 = 9;

/// Writing a name here makes an array of that name. Linux 4.12 and later.
const NEW_ARRAY: &str = "/sys/module/md_mod/parameters/new_array";

/// Bits of `mdu_disk_info_t.state` (include/uapi/linux/raid/md_p.h), and the role that stands for a journal.
const FAULTY: u32 = 1 << 0;
const ACTIVE_AND_SYNC: u32 = 1 << 1 | 1 << 2;
const JOURNAL: u32 = 1 << 18;
const JOURNAL_ROLE: i32 = 0xfffd;

/// The place of a member in `mdu_disk_info_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) number: u32,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) raid_disk: i32,
    pub(super) state: u32,
}

impl Disk {
    /// What ADD_NEW_DISK is told of a member with this number and role (`getinfo_super1` of mdadm's super1.c).
    pub(super) fn new(number: u32, role: Role, member: &Member) -> Self {
        let (raid_disk, state) = match role {
            Role::Active(raid_disk) => (raid_disk.into(), ACTIVE_AND_SYNC),
            Role::Journal => (JOURNAL_ROLE, JOURNAL),
            Role::Faulty => (-1, FAULTY),
            Role::Spare | Role::Reserved(_) => (-1, 0),
        };
        Self { number, major: member.major, minor: member.minor, raid_disk, state }
    }
}

/// An open md node.
pub(super) struct Array {
    node: String,
    file: File,
}

impl Array {
    /// Opens a node to end its array. Who could write to it has udev look at it once more when it is closed (the watch of
    /// 60-block.rules); and if the array is gone by then, looking for it may bring it back (`md_probe`).
    pub(super) fn open(node: &str) -> Result<Self, Trouble> {
        let file = File::open(node).refused(|| format!("open `{node}`"))?;
        Ok(Self { node: node.to_owned(), file })
    }

    /// Makes an array that holds nothing and opens it: `create_mddev` of mdadm's mdopen.c.
    ///
    /// The node in /dev is udev's to make, and waiting for it would be sleeping. So, as mdadm does, it is opened by a node of
    /// its own that is gone at once. Where `new_array` is missing, or the array is there already, opening the node makes it:
    /// `md_probe` of drivers/md/md.c, which a kernel may be built or told not to do (`create_on_open`).
    pub(super) fn create_mddev(node: &str) -> Result<Self, Trouble> {
        let minor = minor(node)?;
        if !Path::new(&format!("{BLOCK}/md{minor}")).exists() && Path::new(NEW_ARRAY).exists() {
            let written = File::options().write(true).open(NEW_ARRAY);
            let written = written.and_then(|mut file| file.write_all(format!("md{minor}").as_bytes()));
            written.refused(|| format!("make `md{minor}` by `{NEW_ARRAY}`"))?;
        }
        let temporary = format!("/dev/.tmp.md.{}:{MD_MAJOR}:{minor}", std::process::id());
        mknod(temporary.as_str(), SFlag::S_IFBLK, Mode::S_IRUSR | Mode::S_IWUSR, makedev(MD_MAJOR, minor))
            .refused(|| format!("make the node `{temporary}`"))?;
        let opened =
            File::options().read(true).write(true).custom_flags(libc::O_EXCL | libc::O_DIRECT).open(&temporary);
        let removed = fs::remove_file(&temporary);
        let file = opened.refused(|| format!("open `{node}`"))?;
        removed.refused(|| format!("remove `{temporary}`"))?;
        Ok(Self { node: node.to_owned(), file })
    }

    /// Fails if the array holds something already.
    pub(super) fn refuse_running(&self) -> Result<(), Trouble> {
        let info = self.call("GET_ARRAY_INFO", &[]);
        let working = |fields: &[(String, Value)]| {
            fields.iter().any(|(name, value)| name == "working_disks" && *value != Value::Int(0))
        };
        let cause = match info {
            Ok(Some(Value::Fields(fields))) if working(&fields) => "another array by this name is already running",
            // To GET_ARRAY_INFO an array that waits for members is no array yet, but STOP_ARRAY would take it apart.
            _ if self.has_members() => "another array by this name is half assembled",
            _ => return Ok(()),
        };
        let mend = format!("stop it with `md stop {}`, or take another node", self.node);
        Err(Trouble::unfit(format!("use `{}`", self.node), cause, mend))
    }

    /// Whether sysfs says that there is something (`array_state_show` of drivers/md/md.c).
    fn has_members(&self) -> bool {
        let name = self.node.trim_start_matches("/dev/");
        let state = std::fs::read_to_string(format!("/sys/block/{name}/md/array_state"));
        state.is_ok_and(|state| state.trim() != "clear")
    }

    /// SET_ARRAY_INFO with the version of the superblocks alone: the rest comes from them (`set_array_info` of mdadm's util.c).
    pub(super) fn set_array_info(&self, minor_version: i64) -> Result<(), Trouble> {
        self.issue("SET_ARRAY_INFO", &[("major_version", 1), ("minor_version", minor_version)])
    }

    /// ADD_NEW_DISK.
    pub(super) fn add_new_disk(&self, disk: Disk) -> Result<(), Trouble> {
        let Disk { number, major, minor, raid_disk, state } = disk;
        let fields = [
            ("number", number.into()),
            ("major", major.into()),
            ("minor", minor.into()),
            ("raid_disk", raid_disk.into()),
            ("state", state.into()),
        ];
        self.issue("ADD_NEW_DISK", &fields)
    }

    /// RUN_ARRAY; its parameter is not used by any kernel since 2.6.
    pub(super) fn run_array(&self) -> Result<(), Trouble> {
        self.issue("RUN_ARRAY", &[])
    }

    /// Ends the automatic read-only mode that the parameter `start_ro` of md_mod begins with, and which would hold up the
    /// resync. An array that is not in it answers with an error that means nothing.
    pub(super) fn restart_array_rw(&self) {
        let _ = self.call("RESTART_ARRAY_RW", &[]);
    }

    /// STOP_ARRAY.
    pub(super) fn stop_array(&self) -> Result<(), Trouble> {
        let stopped = self.call("STOP_ARRAY", &[]).map(drop).refused(|| format!("stop `{}`", self.node));
        stopped.map_err(|trouble| match trouble.is(libc::EBUSY) {
            true => trouble.hint("unmount it, and close what has it open"),
            false => trouble,
        })
    }

    fn issue(&self, request: &str, fields: &[(&str, i64)]) -> Result<(), Trouble> {
        self.call(request, fields).map(drop).refused(|| format!("issue `{request}` on `{}`", self.node))
    }

    fn call(&self, request: &str, fields: &[(&str, i64)]) -> io::Result<Option<Value>> {
        // The names are constants of this file, and its test asks for all of them.
        let mut call = Call::with(request, fields).map_err(io::Error::other)?;
        call.issue(&self.file.as_fd())?;
        Ok(call.answer())
    }
}

/// The number in `/dev/mdN`. Names in /dev/md are udev's links.
pub(super) fn minor(node: &str) -> Result<u64, Trouble> {
    let digits = node.strip_prefix("/dev/md").filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    // 20 bits: MINORBITS of the kernel.
    let minor = digits.and_then(|digits| digits.parse().ok()).filter(|minor| *minor < 1 << 20);
    minor.ok_or_else(|| {
        Trouble::usage(format!("create `{node}`"), "it is no name of a new md node", "name it `/dev/mdN`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_its_number() {
        assert_eq!(minor("/dev/md127").unwrap(), 127);
        for node in ["/dev/md", "/dev/md/0", "md0", "/dev/md_d0", "/dev/md1048576", "/dev/md+1"] {
            assert_eq!(minor(node).unwrap_err().status(), 2, "{node}");
        }
    }

    #[test]
    fn what_is_no_array_refuses_every_ioctl() {
        let array = Array::open("/dev/null").unwrap();
        let disk = Disk { number: 0, major: 7, minor: 0, raid_disk: 0, state: 6 };
        for outcome in [array.set_array_info(2), array.add_new_disk(disk), array.run_array(), array.stop_array()] {
            let line = outcome.unwrap_err().to_string();
            assert!(line.ends_with("`/dev/null`: ENOTTY"), "{line}");
        }
        assert!(array.refuse_running().is_ok());
    }
}
