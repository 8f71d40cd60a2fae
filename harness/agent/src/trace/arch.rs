//! What tracing needs to know of x86-64. Nothing else below `trace` depends on the architecture.

/// AUDIT_ARCH_X86_64 of include/uapi/linux/audit.h: EM_X86_64, 64 bits, little endian. Calls of other architectures (a
/// 32-bit program) are let through untraced, because their numbers mean something else.
pub(super) const AUDIT_ARCH: u32 = 62 | 0x8000_0000 | 0x4000_0000;

/// The number of each recorded call. An x32 program sets bit 30 of its numbers, so its calls match none of these.
pub(super) const NUMBERS: &[(&str, libc::c_long)] = &[
    ("close", libc::SYS_close),
    ("creat", libc::SYS_creat),
    ("execve", libc::SYS_execve),
    ("execveat", libc::SYS_execveat),
    ("fallocate", libc::SYS_fallocate),
    ("fdatasync", libc::SYS_fdatasync),
    ("fsync", libc::SYS_fsync),
    ("ioctl", libc::SYS_ioctl),
    ("link", libc::SYS_link),
    ("linkat", libc::SYS_linkat),
    ("mkdir", libc::SYS_mkdir),
    ("mkdirat", libc::SYS_mkdirat),
    ("mknod", libc::SYS_mknod),
    ("mknodat", libc::SYS_mknodat),
    ("open", libc::SYS_open),
    ("openat", libc::SYS_openat),
    ("openat2", libc::SYS_openat2),
    ("pread64", libc::SYS_pread64),
    ("pwrite64", libc::SYS_pwrite64),
    ("read", libc::SYS_read),
    ("rename", libc::SYS_rename),
    ("renameat", libc::SYS_renameat),
    ("renameat2", libc::SYS_renameat2),
    ("symlink", libc::SYS_symlink),
    ("symlinkat", libc::SYS_symlinkat),
    ("unlink", libc::SYS_unlink),
    ("unlinkat", libc::SYS_unlinkat),
    ("write", libc::SYS_write),
    ("writev", libc::SYS_writev),
];
