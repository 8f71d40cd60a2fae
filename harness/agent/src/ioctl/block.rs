//! The block layer's ioctls (include/uapi/linux/fs.h, blkpg.h, hdreg.h) and the loop driver's (loop.h).

use super::layout::Field::{self, Choice32, Flags32, Hex64, I32, Skip, Text, U8, U16, U32, U64};
use super::layout::Shape::{One, Struct};
use super::{In, Int, Ioctl, Nothing, Out, ioctl};

/// Two numbers: where, and how much.
const RANGE: &[(&str, Field)] = &[("start", U64), ("length", U64)];

/// `struct blkpg_ioctl_arg` without its pointer to the partition.
const BLKPG_ARG: &[(&str, Field)] = &[("op", Choice32(BLKPG_OP)), ("flags", I32), ("datalen", I32)];

const BLKPG_OP: &[(u64, &str)] =
    &[(1, "BLKPG_ADD_PARTITION"), (2, "BLKPG_DEL_PARTITION"), (3, "BLKPG_RESIZE_PARTITION")];

/// `struct hd_geometry`.
const GEOMETRY: &[(&str, Field)] = &[("heads", U8), ("sectors", U8), ("cylinders", U16), ("", Skip(4)), ("start", U64)];

/// `struct loop_info64`.
const LOOP_INFO: &[(&str, Field)] = &[
    ("lo_device", Hex64),
    ("lo_inode", U64),
    ("lo_rdevice", Hex64),
    ("lo_offset", U64),
    ("lo_sizelimit", U64),
    ("lo_number", U32),
    ("lo_encrypt_type", U32),
    ("lo_encrypt_key_size", U32),
    ("lo_flags", Flags32(LOOP_FLAGS)),
    ("lo_file_name", Text(64)),
    ("lo_crypt_name", Text(64)),
    ("lo_encrypt_key", Skip(32)),
    ("lo_init", Skip(16)),
];

/// `struct loop_config`: the start of `struct loop_info64` that anybody sets.
const LOOP_CONFIG: &[(&str, Field)] = &[
    ("fd", U32),
    ("block_size", U32),
    ("info.lo_device", Hex64),
    ("info.lo_inode", U64),
    ("info.lo_rdevice", Hex64),
    ("info.lo_offset", U64),
    ("info.lo_sizelimit", U64),
    ("info.lo_number", U32),
    ("", Skip(8)),
    ("info.lo_flags", Flags32(LOOP_FLAGS)),
    ("info.lo_file_name", Text(64)),
];

const LOOP_FLAGS: &[(u64, &str)] =
    &[(1, "LO_FLAGS_READ_ONLY"), (4, "LO_FLAGS_AUTOCLEAR"), (8, "LO_FLAGS_PARTSCAN"), (16, "LO_FLAGS_DIRECT_IO")];

/// Sorted by family, then by number.
pub(super) const TABLE: &[Ioctl] = &[
    ioctl(0x0301, "HDIO_GETGEO", Out(Struct(GEOMETRY))),
    ioctl(0x125d, "BLKROSET", In(One(I32))),
    ioctl(0x125e, "BLKROGET", Out(One(I32))),
    ioctl(0x125f, "BLKRRPART", Nothing),
    ioctl(0x1260, "BLKGETSIZE", Out(One(U64))),
    ioctl(0x1261, "BLKFLSBUF", Nothing),
    ioctl(0x1262, "BLKRASET", Int),
    ioctl(0x1263, "BLKRAGET", Out(One(U64))),
    ioctl(0x1264, "BLKFRASET", Int),
    ioctl(0x1265, "BLKFRAGET", Out(One(U64))),
    ioctl(0x1267, "BLKSECTGET", Out(One(U16))),
    ioctl(0x1268, "BLKSSZGET", Out(One(I32))),
    ioctl(0x1269, "BLKPG", In(Struct(BLKPG_ARG))),
    ioctl(0x8008_1270, "BLKBSZGET", Out(One(I32))),
    ioctl(0x4008_1271, "BLKBSZSET", In(One(I32))),
    ioctl(0x8008_1272, "BLKGETSIZE64", Out(One(U64))),
    ioctl(0x1277, "BLKDISCARD", In(Struct(RANGE))),
    ioctl(0x1278, "BLKIOMIN", Out(One(U32))),
    ioctl(0x1279, "BLKIOOPT", Out(One(U32))),
    ioctl(0x127a, "BLKALIGNOFF", Out(One(I32))),
    ioctl(0x127b, "BLKPBSZGET", Out(One(U32))),
    ioctl(0x127c, "BLKDISCARDZEROES", Out(One(U32))),
    ioctl(0x127d, "BLKSECDISCARD", In(Struct(RANGE))),
    ioctl(0x127e, "BLKROTATIONAL", Out(One(U16))),
    ioctl(0x127f, "BLKZEROOUT", In(Struct(RANGE))),
    ioctl(0x8008_1280, "BLKGETDISKSEQ", Out(One(U64))),
    ioctl(0x4c00, "LOOP_SET_FD", Int),
    ioctl(0x4c01, "LOOP_CLR_FD", Nothing),
    // The two of before 2.6, whose structure nobody uses any more; by name alone.
    ioctl(0x4c02, "LOOP_SET_STATUS", Nothing),
    ioctl(0x4c03, "LOOP_GET_STATUS", Nothing),
    ioctl(0x4c04, "LOOP_SET_STATUS64", In(Struct(LOOP_INFO))),
    ioctl(0x4c05, "LOOP_GET_STATUS64", Out(Struct(LOOP_INFO))),
    ioctl(0x4c06, "LOOP_CHANGE_FD", Int),
    ioctl(0x4c07, "LOOP_SET_CAPACITY", Nothing),
    ioctl(0x4c08, "LOOP_SET_DIRECT_IO", Int),
    ioctl(0x4c09, "LOOP_SET_BLOCK_SIZE", Int),
    ioctl(0x4c0a, "LOOP_CONFIGURE", In(Struct(LOOP_CONFIG))),
    ioctl(0x4c80, "LOOP_CTL_ADD", Int),
    ioctl(0x4c81, "LOOP_CTL_REMOVE", Int),
    ioctl(0x4c82, "LOOP_CTL_GET_FREE", Nothing),
];
