//! md's ioctls: include/uapi/linux/raid/md_u.h, and the state bits of md_p.h.

use super::layout::Field::{self, Flags32, I32, Text, U32};
use super::layout::Shape::Struct;
use super::{Device, In, InOut, Int, Ioctl, Nothing, Out, ioctl};

/// `mdu_version_t`.
const VERSION: &[(&str, Field)] = &[("major", I32), ("minor", I32), ("patchlevel", I32)];

/// `mdu_array_info_t`.
const ARRAY_INFO: &[(&str, Field)] = &[
    ("major_version", I32),
    ("minor_version", I32),
    ("patch_version", I32),
    ("ctime", U32),
    ("level", I32),
    ("size", I32),
    ("nr_disks", I32),
    ("raid_disks", I32),
    ("md_minor", I32),
    ("not_persistent", I32),
    ("utime", U32),
    ("state", Flags32(ARRAY_STATE)),
    ("active_disks", I32),
    ("working_disks", I32),
    ("failed_disks", I32),
    ("spare_disks", I32),
    ("layout", I32),
    ("chunk_size", I32),
];

/// `mdu_disk_info_t`.
const DISK_INFO: &[(&str, Field)] =
    &[("number", I32), ("major", I32), ("minor", I32), ("raid_disk", I32), ("state", Flags32(DISK_STATE))];

/// `mdu_bitmap_file_t`.
const BITMAP_FILE: &[(&str, Field)] = &[("pathname", Text(4096))];

/// `mdu_param_t`.
const PARAM: &[(&str, Field)] = &[("personality", I32), ("chunk_size", I32), ("max_fault", I32)];

/// Bits of an array's state.
const ARRAY_STATE: &[(u64, &str)] =
    &[(1 << 0, "MD_SB_CLEAN"), (1 << 1, "MD_SB_ERRORS"), (1 << 5, "MD_SB_CLUSTERED"), (1 << 8, "MD_SB_BITMAP_PRESENT")];

/// Bits of a disk's state.
const DISK_STATE: &[(u64, &str)] = &[
    (1 << 0, "MD_DISK_FAULTY"),
    (1 << 1, "MD_DISK_ACTIVE"),
    (1 << 2, "MD_DISK_SYNC"),
    (1 << 3, "MD_DISK_REMOVED"),
    (1 << 4, "MD_DISK_CLUSTER_ADD"),
    (1 << 5, "MD_DISK_CANDIDATE"),
    (1 << 9, "MD_DISK_WRITEMOSTLY"),
    (1 << 10, "MD_DISK_FAILFAST"),
    (1 << 18, "MD_DISK_JOURNAL"),
];

/// Sorted as in md_u.h.
pub(super) const TABLE: &[Ioctl] = &[
    ioctl(0x800c_0910, "RAID_VERSION", Out(Struct(VERSION))),
    ioctl(0x8048_0911, "GET_ARRAY_INFO", Out(Struct(ARRAY_INFO))),
    // Declared _IOR, but the kernel reads `number` to know which disk is meant.
    ioctl(0x8014_0912, "GET_DISK_INFO", InOut(Struct(DISK_INFO))),
    ioctl(0x0914, "RAID_AUTORUN", Nothing),
    ioctl(0x9000_0915, "GET_BITMAP_FILE", Out(Struct(BITMAP_FILE))),
    ioctl(0x0920, "CLEAR_ARRAY", Nothing),
    ioctl(0x4014_0921, "ADD_NEW_DISK", In(Struct(DISK_INFO))),
    ioctl(0x0922, "HOT_REMOVE_DISK", Device),
    ioctl(0x4048_0923, "SET_ARRAY_INFO", In(Struct(ARRAY_INFO))),
    ioctl(0x0924, "SET_DISK_INFO", Nothing),
    ioctl(0x0925, "WRITE_RAID_INFO", Nothing),
    ioctl(0x0926, "UNPROTECT_ARRAY", Nothing),
    ioctl(0x0927, "PROTECT_ARRAY", Nothing),
    ioctl(0x0928, "HOT_ADD_DISK", Device),
    ioctl(0x0929, "SET_DISK_FAULTY", Device),
    ioctl(0x092a, "HOT_GENERATE_ERROR", Nothing),
    // Declared _IOW of an int, but md_ioctl takes the argument itself as the descriptor.
    ioctl(0x4004_092b, "SET_BITMAP_FILE", Int),
    ioctl(0x400c_0930, "RUN_ARRAY", In(Struct(PARAM))),
    ioctl(0x0931, "START_ARRAY", Device),
    ioctl(0x0932, "STOP_ARRAY", Nothing),
    ioctl(0x0933, "STOP_ARRAY_RO", Nothing),
    ioctl(0x0934, "RESTART_ARRAY_RW", Nothing),
    ioctl(0x0935, "CLUSTERED_DISK_NACK", Nothing),
];
