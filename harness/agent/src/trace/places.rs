//! The places in the file system where something about md is decided.

/// Everything below these is worth recording.
const ROOTS: &[&str] = &["/dev", "/sys", "/run", "/tmp", "/var", "/etc/mdadm", "/proc/sys/dev/raid"];

/// Files and beginnings of names outside.
const FILES: &[&str] = &["/proc/mdstat", "/proc/devices", "/proc/partitions", "/proc/sysrq-trigger", "/etc/mdadm.conf"];

/// What libraries ask for themselves, whatever the program does: glibc counts processors, allocators look at huge
/// pages, libselinux looks for its file system, the locale code for its catalogues.
const NOISE: &[&str] =
    &["/sys/devices/system/cpu", "/sys/kernel/mm", "/sys/fs/selinux", "/sys/fs/cgroup", "/var/lib/locale"];

/// What the command's standard streams are open on, as /proc/PID/fd shows it.
pub(super) const STREAMS: &[&str] = &["/memfd:stdin (deleted)", "/memfd:stdout (deleted)", "/memfd:stderr (deleted)"];

/// Whether a call that names this absolute path, or has it open, is worth recording.
pub(super) fn decides(path: &str) -> bool {
    (FILES.contains(&path) || ROOTS.iter().any(|root| below(path, root))) && !NOISE.iter().any(|root| below(path, root))
}

/// Whether closing a descriptor that is open on this is worth recording.
pub(super) fn decides_closed(path: &str) -> bool {
    below(path, "/dev") || path.starts_with("/sys/") && path.contains("/block/md")
}

fn below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md_decides_and_the_dynamic_linker_does_not() {
        for path in [
            "/dev/md0",
            "/dev",
            "/dev/.tmp.md.7:9:0 (deleted)",
            "/proc/mdstat",
            "/run/mdadm/map",
            "/etc/mdadm/mdadm.conf",
        ] {
            assert!(decides(path), "{path}");
        }
        for path in [
            "/etc/ld.so.cache",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/usr/share/locale",
            "/device",
            "/proc/self/fd",
            "pipe:[7]",
            "",
        ] {
            assert!(!decides(path), "{path}");
        }
        assert!(!decides("/sys/devices/system/cpu/online"));
        assert!(decides("/sys/devices/virtual/block/md0/md/level"));
    }

    #[test]
    fn a_closed_descriptor_matters_on_devices_and_md() {
        assert!(decides_closed("/dev/md0"));
        assert!(decides_closed("/sys/devices/virtual/block/md0/md/level"));
        assert!(!decides_closed("/sys/devices/virtual/block/loop0/size"));
        assert!(!decides_closed("/run/mdadm/map"));
    }
}
