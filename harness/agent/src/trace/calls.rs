//! The recorded system calls and their arguments, named as in the manual pages.

use super::arch;

/// A recorded call.
pub(super) struct Call {
    pub(super) name: &'static str,
    /// By register.
    pub(super) arguments: &'static [(&'static str, Kind)],
    pub(super) worth: Worth,
}

/// What decides whether a call is worth recording.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Always.
    Always,
    /// One of its paths does.
    Path,
    /// What its descriptor is open on does.
    Descriptor,
    /// Its descriptor is open on something worth it, or is one of the command's standard streams.
    Transfer,
    /// Its descriptor is open on a device node or on an attribute of md.
    Closed,
    /// Its descriptor is open on a block device.
    Block,
}

/// How an argument is decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The descriptor that the path after it is relative to.
    Directory,
    /// A path that is looked up.
    Path,
    /// A path that is not looked up: the target of a symbolic link.
    Target,
    Descriptor,
    OpenFlags,
    /// Permissions of a new file; only there if the flags before it make one.
    CreateMode,
    /// Type and permissions.
    Mode,
    Device,
    AtFlags,
    RenameFlags,
    FallocateMode,
    Int,
    /// Bytes that the program gives, as many as the next argument says.
    Written,
    /// A vector of them.
    WrittenVector,
    /// Bytes that the kernel gives, as many as the call returns.
    Read,
    /// `struct open_how`.
    OpenHow,
    Request,
    Argp,
    /// A vector of strings.
    Strings,
    /// Not shown.
    Hidden,
}

use Kind::*;

const FD: (&str, Kind) = ("fd", Descriptor);
const DIRFD: (&str, Kind) = ("dirfd", Directory);
const PATHNAME: (&str, Kind) = ("pathname", Path);
const COUNT: (&str, Kind) = ("count", Int);
const OFFSET: (&str, Kind) = ("offset", Int);

/// Sorted by name.
const CALLS: &[Call] = &[
    call("close", Worth::Closed, &[FD]),
    call("creat", Worth::Path, &[PATHNAME, ("mode", Mode)]),
    call("execve", Worth::Always, &[PATHNAME, ("argv", Strings), ("envp", Hidden)]),
    call("execveat", Worth::Always, &[DIRFD, PATHNAME, ("argv", Strings), ("envp", Hidden), ("flags", AtFlags)]),
    call("fallocate", Worth::Descriptor, &[FD, ("mode", FallocateMode), OFFSET, ("len", Int)]),
    call("fdatasync", Worth::Block, &[FD]),
    call("fsync", Worth::Block, &[FD]),
    call("ioctl", Worth::Descriptor, &[FD, ("request", Request), ("argp", Argp)]),
    call("link", Worth::Path, &[("oldpath", Path), ("newpath", Path)]),
    call(
        "linkat",
        Worth::Path,
        &[("olddirfd", Directory), ("oldpath", Path), ("newdirfd", Directory), ("newpath", Path), ("flags", AtFlags)],
    ),
    call("mkdir", Worth::Path, &[PATHNAME, ("mode", Mode)]),
    call("mkdirat", Worth::Path, &[DIRFD, PATHNAME, ("mode", Mode)]),
    call("mknod", Worth::Path, &[PATHNAME, ("mode", Mode), ("dev", Device)]),
    call("mknodat", Worth::Path, &[DIRFD, PATHNAME, ("mode", Mode), ("dev", Device)]),
    call("open", Worth::Path, &[PATHNAME, ("flags", OpenFlags), ("mode", CreateMode)]),
    call("openat", Worth::Path, &[DIRFD, PATHNAME, ("flags", OpenFlags), ("mode", CreateMode)]),
    call("openat2", Worth::Path, &[DIRFD, PATHNAME, ("how", OpenHow), ("size", Int)]),
    call("pread64", Worth::Transfer, &[FD, ("buf", Read), COUNT, OFFSET]),
    call("pwrite64", Worth::Transfer, &[FD, ("buf", Written), COUNT, OFFSET]),
    call("read", Worth::Transfer, &[FD, ("buf", Read), COUNT]),
    call("rename", Worth::Path, &[("oldpath", Path), ("newpath", Path)]),
    call(
        "renameat",
        Worth::Path,
        &[("olddirfd", Directory), ("oldpath", Path), ("newdirfd", Directory), ("newpath", Path)],
    ),
    call(
        "renameat2",
        Worth::Path,
        &[
            ("olddirfd", Directory),
            ("oldpath", Path),
            ("newdirfd", Directory),
            ("newpath", Path),
            ("flags", RenameFlags),
        ],
    ),
    call("symlink", Worth::Path, &[("target", Target), ("linkpath", Path)]),
    call("symlinkat", Worth::Path, &[("target", Target), ("newdirfd", Directory), ("linkpath", Path)]),
    call("unlink", Worth::Path, &[PATHNAME]),
    call("unlinkat", Worth::Path, &[DIRFD, PATHNAME, ("flags", AtFlags)]),
    call("write", Worth::Transfer, &[FD, ("buf", Written), COUNT]),
    call("writev", Worth::Transfer, &[FD, ("iov", WrittenVector), ("iovcnt", Int)]),
];

const fn call(name: &'static str, worth: Worth, arguments: &'static [(&'static str, Kind)]) -> Call {
    Call { name, arguments, worth }
}

impl Call {
    /// The recorded call with this number.
    pub(super) fn by_number(number: u64) -> Option<&'static Self> {
        let (name, _) = arch::NUMBERS.iter().find(|(_, known)| *known as u64 == number)?;
        CALLS.iter().find(|call| call.name == *name)
    }

    /// Whether it does more than to look, whatever its arguments are. What a program opens or closes, or asks a device
    /// for, may do so or not.
    pub(super) fn alters(&self) -> bool {
        let may = ["close", "execve", "execveat", "ioctl", "open", "openat", "openat2", "pread64", "read"];
        !may.contains(&self.name)
    }

    /// Whether the file offset of its descriptor says where it reads or writes.
    pub(super) fn uses_offset(&self) -> bool {
        ["read", "write", "writev"].contains(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_number_and_every_number_a_call() {
        let names: Vec<_> = CALLS.iter().map(|call| call.name).collect();
        let numbered: Vec<_> = arch::NUMBERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, numbered);
        assert!(names.is_sorted());
        for (name, number) in arch::NUMBERS {
            assert_eq!(Call::by_number(*number as u64).unwrap().name, *name);
        }
        assert!(Call::by_number(libc::SYS_mmap as u64).is_none());
    }

    #[test]
    fn what_worth_looks_at_is_there() {
        for call in CALLS {
            let has = |kind| call.arguments.iter().any(|(_, argument)| *argument == kind);
            let there = match call.worth {
                Worth::Always => true,
                Worth::Path => has(Path),
                Worth::Descriptor | Worth::Transfer | Worth::Closed | Worth::Block => call.arguments[0] == FD,
            };
            assert!(there, "{}", call.name);
        }
    }
}
