//! Numbers shown by the names that programs use for them.

use mdlab_protocol::Value;

/// A value and its name. One that contains others (O_SYNC contains O_DSYNC) comes before them.
type Name = (u64, &'static str);

macro_rules! names {
    ($($name:ident),* $(,)?) => { &[$((libc::$name as u64, stringify!($name))),*] };
}

const ACCESS: &[Name] = names![O_RDONLY, O_WRONLY, O_RDWR];

const OPEN: &[Name] = names![
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_SYNC,
    O_DSYNC,
    O_ASYNC,
    O_DIRECT,
    O_TMPFILE,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NOATIME,
    O_CLOEXEC,
    O_PATH,
];

const FILE_TYPE: &[Name] = names![S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO];

const AT: &[Name] = names![AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH];

const RENAME: &[Name] = names![RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT];

const FALLOCATE: &[Name] = names![
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_COLLAPSE_RANGE,
    FALLOC_FL_ZERO_RANGE,
    FALLOC_FL_INSERT_RANGE,
    FALLOC_FL_UNSHARE_RANGE,
];

/// Flags of open: the access mode comes first, as everybody writes it.
pub(super) fn open_flags(flags: u64) -> Value {
    let mode = flags & libc::O_ACCMODE as u64;
    let access = ACCESS.iter().find(|(value, _)| *value == mode).map(|(_, name)| (*name).to_owned());
    let rest = flags & !(libc::O_ACCMODE as u64);
    let mut parts = vec![access.unwrap_or_else(|| format!("{mode:#x}"))];
    parts.extend(bits(OPEN, rest));
    Value::Symbol(parts.join("|"))
}

/// Whether open with these flags makes a file and so takes a mode.
pub(super) fn creates(flags: u64) -> bool {
    flags & libc::O_CREAT as u64 != 0 || flags & libc::O_TMPFILE as u64 == libc::O_TMPFILE as u64
}

/// Whether open with these flags changes what there is.
pub(super) fn alters(flags: u64) -> bool {
    creates(flags) || flags & libc::O_TRUNC as u64 != 0
}

/// Type and permissions of a file, `S_IFBLK|0600`.
pub(super) fn mode(mode: u64) -> Value {
    let kind = mode & libc::S_IFMT as u64;
    let permissions = mode & !(libc::S_IFMT as u64);
    let name = FILE_TYPE.iter().find(|(value, _)| *value == kind).map(|(_, name)| format!("{name}|"));
    Value::Symbol(format!("{}0{permissions:03o}", name.unwrap_or_default()))
}

/// Flags of the calls that end in `at`.
pub(super) fn at_flags(flags: u64) -> Value {
    flag_set(AT, flags)
}

/// Flags of renameat2.
pub(super) fn rename_flags(flags: u64) -> Value {
    flag_set(RENAME, flags)
}

/// Mode of fallocate.
pub(super) fn fallocate_mode(mode: u64) -> Value {
    flag_set(FALLOCATE, mode)
}

/// Names joined by `|`, bits without a name in hexadecimal, 0 as a number.
pub(crate) fn flag_set(names: &[Name], flags: u64) -> Value {
    if flags == 0 { Value::Int(0) } else { Value::Symbol(bits(names, flags).join("|")) }
}

fn bits(names: &[Name], flags: u64) -> Vec<String> {
    let mut left = flags;
    let mut parts = Vec::new();
    for (value, name) in names {
        if left & value == *value {
            left &= !value;
            parts.push((*name).to_owned());
        }
    }
    if left != 0 {
        parts.push(format!("{left:#x}"));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(value: Value) -> String {
        match value {
            Value::Symbol(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn open_flags_have_names() {
        let flags = |flags: i32| symbol(open_flags(flags as u64));
        assert_eq!(flags(libc::O_RDWR | libc::O_EXCL | libc::O_DIRECT), "O_RDWR|O_EXCL|O_DIRECT");
        assert_eq!(flags(0), "O_RDONLY");
        assert_eq!(flags(libc::O_WRONLY | libc::O_SYNC), "O_WRONLY|O_SYNC");
        assert_eq!(flags(libc::O_WRONLY | libc::O_DSYNC), "O_WRONLY|O_DSYNC");
        assert_eq!(flags(libc::O_TMPFILE), "O_RDONLY|O_TMPFILE");
        assert_eq!(symbol(open_flags(0x4000_0003)), "0x3|0x40000000");
    }

    #[test]
    fn a_mode_is_octal() {
        assert_eq!(symbol(mode(0o060600)), "S_IFBLK|0600");
        assert_eq!(symbol(mode(0o755)), "0755");
        assert_eq!(symbol(mode(0)), "0000");
    }

    #[test]
    fn no_flag_is_zero() {
        assert_eq!(at_flags(0), Value::Int(0));
        assert_eq!(symbol(at_flags(0x200)), "AT_REMOVEDIR");
        assert_eq!(symbol(rename_flags(0x11)), "RENAME_NOREPLACE|0x10");
    }
}
