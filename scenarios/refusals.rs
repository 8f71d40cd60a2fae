//! The ioctls of md where they must fail: out of order, with wrong numbers, on the wrong node, without privilege.
//!
//! Each row says what is there, what is asked, the errno, and all that the kernel says; that arrays, members and nodes are
//! afterwards what they were before is compared every time (`md_ioctl` and what it calls, drivers/md/md.c).

use mdlab::metadata::{Superblock, diff};
use mdlab::{Array, Denial, Guest, Level, mib};
use rstest::rstest;

use crate::guest;

mod by_version;

/// What is there before the call. `/dev/loop2` is always a blank disk.
#[derive(Clone, Copy)]
enum There {
    /// A node without an array.
    Nothing,
    /// A running mirror of /dev/loop0 and /dev/loop1.
    Mirror,
    /// A running mirror that has lost /dev/loop1.
    Half,
    /// A running mirror that has lost /dev/loop1, which was removed.
    Removed,
    /// A running mirror that is read-only.
    ReadOnly,
    /// A running stripe set of /dev/loop0 and /dev/loop1.
    Stripes,
    /// A node without an array, after these ioctls.
    After(&'static [&'static str]),
    /// A stopped mirror of /dev/loop0 and /dev/loop1 whose node has had these ioctls.
    Stopped(&'static [&'static str]),
}

impl There {
    fn prepare(self, guest: &mut Guest) -> Array {
        let level = if matches!(self, Self::Stripes) { Level::Raid0 } else { Level::Raid1 };
        let array = Array::new(level).on(guest.loops(3, mib(4)).into_iter().take(2));
        match self {
            Self::Nothing | Self::After(_) => {}
            _ => guest.given(&array),
        }
        guest.prepare(|g| match self {
            Self::Mirror | Self::Stripes => {}
            Self::Half => g.fail(&array, "/dev/loop1"),
            Self::Removed => {
                g.fail(&array, "/dev/loop1");
                g.remove(&array, "/dev/loop1");
            }
            Self::ReadOnly => g.make_read_only(&array, true),
            Self::Nothing => node(g, &[]),
            Self::After(calls) => node(g, calls),
            Self::Stopped(calls) => {
                g.stop(&array, mdlab::Tool::Ioctl);
                node(g, calls);
            }
        });
        array
    }
}

/// Makes the array's node, and issues ioctls on it.
fn node(guest: &mut Guest, calls: &[&str]) {
    guest.new_node("/dev/md0");
    calls.iter().for_each(|call| guest.ioctl("/dev/md0", call));
}

use There::{After, Mirror, Nothing, ReadOnly, Removed, Stopped, Stripes};

/// Superblocks of format 1.2 are to be loaded.
const V1_2: &[&str] = &["SET_ARRAY_INFO major_version=1 minor_version=2"];
/// One member of a mirror is bound.
const ONE_BOUND: &[&str] = &["SET_ARRAY_INFO major_version=1 minor_version=2", "ADD_NEW_DISK major=7 minor=0"];
/// A mirror of format 0.90 is described, and has no disks yet.
const DESCRIBED: &[&str] = &["SET_ARRAY_INFO level=1 raid_disks=2 size=2048"];
/// Two disks of an array that cannot be: of a level that does not exist.
const LEVEL_77: &[&str] = &["SET_ARRAY_INFO level=77 raid_disks=2 size=2048", DISK_0, DISK_1];
/// Stripes of no size.
const NO_CHUNK: &[&str] = &["SET_ARRAY_INFO level=0 raid_disks=2 size=2048", DISK_0, DISK_1];
/// Stripes with parity whose size is no power of two.
const ODD_CHUNK: &[&str] = &["SET_ARRAY_INFO level=5 raid_disks=2 size=2048 chunk_size=12288 layout=2", DISK_0, DISK_1];
/// A way to spread parity that does not exist.
const NO_LAYOUT: &[&str] =
    &["SET_ARRAY_INFO level=5 raid_disks=2 size=2048 chunk_size=65536 layout=99", DISK_0, DISK_1];
/// Two parities, and two disks in all.
const TOO_FEW: &[&str] = &["SET_ARRAY_INFO level=6 raid_disks=2 size=2048 chunk_size=65536 layout=2", DISK_0, DISK_1];
/// A disk in a place that the mirror does not have.
const NO_PLACE: &[&str] =
    &["SET_ARRAY_INFO level=1 raid_disks=2 size=2048", "ADD_NEW_DISK number=0 major=7 minor=0 raid_disk=2 state=6"];
/// A disk in a place before the first.
const NEGATIVE_PLACE: &[&str] =
    &["SET_ARRAY_INFO level=1 raid_disks=2 size=2048", "ADD_NEW_DISK number=0 major=7 minor=0 raid_disk=-5 state=6"];
/// Two disks in one place.
const ONE_PLACE: &[&str] = &[
    "SET_ARRAY_INFO level=1 raid_disks=2 size=2048",
    DISK_0,
    "ADD_NEW_DISK number=1 major=7 minor=1 raid_disk=0 state=6",
];
/// One disk of two is there.
const ONE_DISK: &[&str] = &["SET_ARRAY_INFO level=1 raid_disks=2 size=2048", DISK_0];
/// Fewer disks than none.
const NEGATIVE_DISKS: &[&str] = &["SET_ARRAY_INFO level=1 raid_disks=-2 size=2048", DISK_0, DISK_1];
/// Stripes that are narrower than nothing.
const NEGATIVE_CHUNK: &[&str] =
    &["SET_ARRAY_INFO level=5 raid_disks=2 size=2048 chunk_size=-65536 layout=2", DISK_0, DISK_1];

/// What becomes of a node without an array: once it was asked anything that takes the array's lock, and the answer was not
/// EINVAL, it goes as soon as it is closed (`hold_active` of `struct mddev`).
const GONE: &[&str] = &["/dev/md0 is gone", "md0/ is gone"];

const DISK_0: &str = "ADD_NEW_DISK number=0 major=7 minor=0 raid_disk=0 state=6";
const DISK_1: &str = "ADD_NEW_DISK number=1 major=7 minor=1 raid_disk=1 state=6";

const NOT_V0: &[&str] = &[
    "md: invalid raid superblock magic on loop2",
    "md: loop2 does not have a valid v0.0 superblock, not importing!",
    "md: md_import_device returned -22",
];
const NOT_V1_2: &[&str] =
    &["md: loop2 does not have a valid v1.2 superblock, not importing!", "md: md_import_device returned -22"];
const CLAIMED: &[&str] = &["md: could not open device unknown-block(7,0).", "md: md_import_device returned -16"];
const NO_DEVICE: &[&str] = &["md: could not open device unknown-block(259,99).", "md: md_import_device returned -6"];
const NO_NUMBER: &[&str] = &["md: could not open device unknown-block(0,0).", "md: md_import_device returned -6"];
const NOT_UPDATED: &[&str] = &["md: couldn't update array info. -22"];
const NOT_SET: &str = "md: couldn't set array info. -22";
const NOT_CLEAN: &str = "md/raid:md0: not clean -- starting background reconstruction";
const RUN_FAILED: &str = "md: pers->run() failed ...";

#[rstest]
// Nothing there yet.
#[case::describe_nothing(Nothing, "GET_ARRAY_INFO", "ENODEV", &[], &[])]
#[case::disk_of_nothing(Nothing, "GET_DISK_INFO number=0", "ENODEV", &[], &[])]
#[case::run_nothing(Nothing, "RUN_ARRAY", "EINVAL", &[], &[])]
#[case::protect_nothing(Nothing, "STOP_ARRAY_RO", "ENODEV", &[], GONE)]
#[case::unprotect_nothing(Nothing, "RESTART_ARRAY_RW", "ENODEV", &[], GONE)]
#[case::remove_from_nothing(Nothing, "HOT_REMOVE_DISK 7:0", "ENODEV", &[], GONE)]
#[case::hot_add_to_nothing(Nothing, "HOT_ADD_DISK 7:0", "ENODEV", &[], GONE)]
#[case::fail_in_nothing(Nothing, "SET_DISK_FAULTY 7:0", "ENODEV", &[], &[])]
#[case::nack_nothing(Nothing, "CLUSTERED_DISK_NACK", "ENODEV", &[], GONE)]
#[case::add_a_blank_disk(Nothing, "ADD_NEW_DISK major=7 minor=2", "EINVAL", NOT_V0, &[])]
#[case::add_no_disk(Nothing, "ADD_NEW_DISK major=259 minor=99", "ENXIO", NO_DEVICE, GONE)]
#[case::add_no_device(Nothing, "ADD_NEW_DISK", "ENXIO", NO_NUMBER, GONE)]
#[case::add_past_majors(Nothing, "ADD_NEW_DISK major=5000 minor=0", "EOVERFLOW", &[], GONE)]
#[case::add_past_minors(Nothing, "ADD_NEW_DISK major=7 minor=1048576", "EOVERFLOW", &[], GONE)]
#[case::no_such_version(
    Nothing, "SET_ARRAY_INFO major_version=7", "EINVAL",
    &["md: superblock version 7 not known", NOT_SET], &[]
)]
#[case::negative_version(
    Nothing, "SET_ARRAY_INFO major_version=-1", "EINVAL",
    &["md: superblock version -1 not known", NOT_SET], &[]
)]
// Requests that md_u.h has and the kernel has given up, or never had.
#[case::clear_array(Nothing, "CLEAR_ARRAY", "ENOTTY", &[], &[])]
#[case::set_disk_info(Nothing, "SET_DISK_INFO", "ENOTTY", &[], &[])]
#[case::write_raid_info(Nothing, "WRITE_RAID_INFO", "ENOTTY", &[], &[])]
#[case::unprotect_array(Nothing, "UNPROTECT_ARRAY", "ENOTTY", &[], &[])]
#[case::protect_array(Nothing, "PROTECT_ARRAY", "ENOTTY", &[], &[])]
#[case::hot_generate_error(Nothing, "HOT_GENERATE_ERROR", "ENOTTY", &[], &[])]
#[case::start_array(Nothing, "START_ARRAY 7:0", "ENOTTY", &[], &[])]
#[case::no_such_request(Nothing, "0x099f", "ENOTTY", &[], &[])]
// RUN_ARRAY with an argument of 16 bytes instead of 12: the size is part of the number.
#[case::run_of_another_size(Mirror, "0x40100930", "ENOTTY", &[], &[])]
// On its way.
#[case::version_is_no_array(After(V1_2), "GET_ARRAY_INFO", "ENODEV", &[], &[])]
#[case::run_without_disks(After(V1_2), "RUN_ARRAY", "EINVAL", &[], &[])]
#[case::add_without_superblock(After(V1_2), "ADD_NEW_DISK major=7 minor=2", "EINVAL", NOT_V1_2, &[])]
#[case::describe_twice(
    After(DESCRIBED), "SET_ARRAY_INFO level=1 raid_disks=2 size=2048", "EBUSY",
    &["md: array md0 already initialised!"], &[]
)]
#[case::run_described(After(DESCRIBED), "RUN_ARRAY", "EINVAL", &[], &[])]
#[case::remove_from_described(After(DESCRIBED), "HOT_REMOVE_DISK 7:0", "ENODEV", &[], &[])]
#[case::hot_add_to_described(After(DESCRIBED), "HOT_ADD_DISK 7:0", "ENODEV", &[], &[])]
#[case::fail_in_described(After(DESCRIBED), "SET_DISK_FAULTY 7:0", "ENODEV", &[], &[])]
// A level that does not start leaves its name behind: `mddev->clevel` is set before the personality is asked.
#[case::run_level_77(After(LEVEL_77), "RUN_ARRAY", "EINVAL", &["md: personality for level 77 is not loaded!"], &[])]
#[case::run_without_chunk(
    After(NO_CHUNK), "RUN_ARRAY", "EINVAL",
    &["md/raid0:md0: chunk size must be set.", RUN_FAILED], &["md0/md/level = 0 -> raid0"]
)]
#[case::run_odd_chunk(
    After(ODD_CHUNK), "RUN_ARRAY", "EINVAL",
    &[NOT_CLEAN, "md/raid:md0: invalid chunk size 12288", RUN_FAILED], &["md0/md/level = 5 -> raid5"]
)]
#[case::run_no_layout(
    After(NO_LAYOUT), "RUN_ARRAY", "EIO",
    &[NOT_CLEAN, "md/raid:md0: layout 99 not supported", RUN_FAILED], &["md0/md/level = 5 -> raid5"]
)]
#[case::run_too_few(
    After(TOO_FEW), "RUN_ARRAY", "EINVAL",
    &[NOT_CLEAN, "md/raid:md0: not enough configured devices (2, minimum 4)", RUN_FAILED], &["md0/md/level = 6 -> raid6"]
)]
#[case::run_without_place(After(NO_PLACE), "RUN_ARRAY", "EINVAL", &[RUN_FAILED], &["md0/md/level = 1 -> raid1"])]
#[case::run_negative_place(After(NEGATIVE_PLACE), "RUN_ARRAY", "EINVAL", &[RUN_FAILED], &["md0/md/level = 1 -> raid1"])]
#[case::run_with_one_place(After(ONE_PLACE), "RUN_ARRAY", "EINVAL", &[RUN_FAILED], &["md0/md/level = 1 -> raid1"])]
#[case::run_negative_chunk(
    After(NEGATIVE_CHUNK), "RUN_ARRAY", "EINVAL",
    &[NOT_CLEAN, "md/raid:md0: invalid chunk size -65536", RUN_FAILED], &["md0/md/level = 5 -> raid5"]
)]
#[case::number_taken(After(ONE_DISK), "ADD_NEW_DISK number=0 major=7 minor=1", "EBUSY", &[], &[])]
#[case::number_too_large(
    After(ONE_DISK), "ADD_NEW_DISK number=99 major=7 minor=1", "EBUSY",
    &["md: md0: array is limited to 27 devices"], &[]
)]
#[case::describe_with_disks(
    Stopped(ONE_BOUND), "SET_ARRAY_INFO level=1 raid_disks=2 size=2048", "EBUSY",
    &["md: array md0 already has disks!"], &[]
)]
#[case::bind_twice(Stopped(ONE_BOUND), "ADD_NEW_DISK major=7 minor=0", "EBUSY", CLAIMED, &[])]
#[case::bind_a_blank_disk(Stopped(ONE_BOUND), "ADD_NEW_DISK major=7 minor=2", "EINVAL", NOT_V1_2, &[])]
#[case::remove_bound(Stopped(ONE_BOUND), "HOT_REMOVE_DISK 7:0", "ENODEV", &[], &[])]
// Running.
#[case::run_twice(Mirror, "RUN_ARRAY", "EBUSY", &[], &[])]
#[case::add_a_member(Mirror, "ADD_NEW_DISK major=7 minor=0", "EBUSY", CLAIMED, &[])]
#[case::add_a_disk_without_superblock(Mirror, "ADD_NEW_DISK major=7 minor=2", "EINVAL", NOT_V1_2, &[])]
#[case::remove_a_working_member(Mirror, "HOT_REMOVE_DISK 7:0", "EBUSY", &[], &[])]
#[case::remove_a_stranger(Mirror, "HOT_REMOVE_DISK 7:2", "ENXIO", &[], &[])]
#[case::hot_add(
    Mirror, "HOT_ADD_DISK 7:2", "EINVAL",
    &["md0: HOT_ADD may only be used with version-0 superblocks."], &[]
)]
#[case::fail_a_stranger(Mirror, "SET_DISK_FAULTY 7:2", "ENODEV", &[], &[])]
#[case::return_to_another_place(Removed, "ADD_NEW_DISK major=7 minor=1 raid_disk=0 state=4", "EINVAL", &[], &[])]
#[case::another_level(
    Mirror, "SET_ARRAY_INFO major_version=1 minor_version=2 level=5 raid_disks=2", "EINVAL",
    NOT_UPDATED, &[]
)]
#[case::another_version(
    Mirror, "SET_ARRAY_INFO major_version=0 minor_version=90 level=1 raid_disks=2", "EINVAL",
    NOT_UPDATED, &[]
)]
#[case::writable_already(Mirror, "RESTART_ARRAY_RW", "EBUSY", &[], &[])]
#[case::nack_without_cluster(Mirror, "CLUSTERED_DISK_NACK", "EINVAL", &[], &[])]
#[case::run_read_only(ReadOnly, "RUN_ARRAY", "EROFS", &[], &[])]
#[case::add_to_stripes(
    Stripes, "ADD_NEW_DISK major=7 minor=2", "EINVAL",
    &["md0: personality does not support diskops!"], &[]
)]
#[case::remove_from_stripes(Stripes, "HOT_REMOVE_DISK 7:0", "EBUSY", &[], &[])]
fn refused(
    mut guest: Guest,
    #[case] there: There,
    #[case] call: &str,
    #[case] errno: &str,
    #[case] said: &[&str],
    #[case] changed: &[&str],
) {
    there.prepare(&mut guest);

    assert_denied(&guest.denied("/dev/md0", call), errno, said, changed);
}

#[track_caller]
fn assert_denied(denial: &Denial, errno: &str, said: &[&str], changed: &[&str]) {
    assert_eq!(denial.errno, errno, "{denial:?}");
    assert_eq!(denial.said, said, "{denial:?}");
    assert_eq!(denial.changed, changed, "{denial:?}");
}

/// A running array's shape is changed by SET_ARRAY_INFO too, if all else is as it is: to a shape that it cannot have it is
/// not.
///
/// Suspected bug in 5.10 and 6.1: all superblocks are written all the same, with one event more (`update_array_info` in
/// drivers/md/md.c ends with `md_update_sb` whatever became of the change), unless two changes are asked for at once.
#[rstest]
#[case::no_disks("raid_disks=0 size=-1", "EINVAL", NOT_UPDATED, 1)]
#[case::negative_disks("raid_disks=-1 size=-1", "EINVAL", NOT_UPDATED, 1)]
#[case::too_many_disks("raid_disks=1000000 size=-1", "EINVAL", NOT_UPDATED, 1)]
#[case::too_large("raid_disks=2 size=1000000", "ENOSPC", &["md: couldn't update array info. -28"], 1)]
#[case::two_changes("raid_disks=3 size=1024", "EINVAL", NOT_UPDATED, 0)]
fn reshaped_wrongly(
    mut guest: Guest,
    #[case] shape: &str,
    #[case] errno: &str,
    #[case] said: &[&str],
    #[case] events: u64,
) {
    let array = Mirror.prepare(&mut guest);
    let before = guest.superblocks(&array);
    let Superblock::V1(first) = &before[0] else { panic!("another format") };
    let same = format!("major_version=1 minor_version=2 level=1 ctime={}", first.ctime.seconds);

    let denial = guest.denied("/dev/md0", &format!("SET_ARRAY_INFO {same} {shape}"));
    let Denial { errno: found, said: heard, changed } = &denial;
    assert_eq!((found.as_str(), heard.join("\n")), (errno, said.join("\n")), "{denial:?}");
    assert!(changed.iter().all(|line| line == "as before" || line.starts_with("/dev/loop")), "{denial:?}");
    for (before, after) in before.iter().zip(guest.superblocks(&array)) {
        assert_eq!(after.events(), before.events() + events, "{denial:?}");
        let fields = diff(before, &after).into_iter().map(|change| change.name);
        let others = fields.filter(|name| !["events", "sb_csum", "utime"].contains(&name.as_ref()));
        assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{denial:?}");
    }
}

/// A mirror is described with fewer disks than none, and run.
///
/// Bug in 5.10 and 6.1: nothing looks at the number before memory is asked for by it (`md_set_array_info` in
/// drivers/md/md.c, `setup_conf` in raid1.c), so that the kernel warns of a page allocation that cannot be.
#[rstest]
fn run_negative_disks(mut guest: Guest) {
    After(NEGATIVE_DISKS).prepare(&mut guest);
    guest.expect_report("mm/page_alloc.c");
    let denial = guest.denied("/dev/md0", "RUN_ARRAY");

    assert_eq!(denial.errno, "ENOMEM", "{denial:?}");
}

/// Without privilege the node may be open, but nothing can be changed, nor the bitmap's file be named.
#[rstest]
#[case::describe("SET_ARRAY_INFO")]
#[case::add("ADD_NEW_DISK major=7 minor=2")]
#[case::run("RUN_ARRAY")]
#[case::stop("STOP_ARRAY")]
#[case::protect("STOP_ARRAY_RO")]
#[case::fail("SET_DISK_FAULTY 7:0")]
#[case::remove("HOT_REMOVE_DISK 7:0")]
#[case::bitmap("GET_BITMAP_FILE")]
#[case::unprotect("RESTART_ARRAY_RW")]
#[case::hot_add("HOT_ADD_DISK 7:2")]
#[case::drop_bitmap("SET_BITMAP_FILE value=-1")]
fn needs_privilege(mut guest: Guest, #[case] call: &str) {
    Mirror.prepare(&mut guest);

    assert_denied(&guest.denied_to_nobody("/dev/md0", call), "EACCES", &[], &[]);
}

/// What is no array knows nothing of md's ioctls.
#[rstest]
#[case::disk("/dev/loop0", "EINVAL")]
#[case::null("/dev/null", "ENOTTY")]
#[case::memory("/dev/mem", "ENOTTY")]
fn wrong_node(mut guest: Guest, #[case] node: &str, #[case] errno: &str) {
    Mirror.prepare(&mut guest);

    assert_denied(&guest.denied(node, "GET_ARRAY_INFO"), errno, &[], &[]);
}

/// While somebody else has the array open it can be neither stopped nor made read-only.
#[rstest]
#[case::stop("STOP_ARRAY")]
#[case::protect("STOP_ARRAY_RO")]
fn held_open(mut guest: Guest, #[case] call: &str) {
    let array = Mirror.prepare(&mut guest);
    let holder = guest.hold_open(&array);

    assert_denied(&guest.denied("/dev/md0", call), "EBUSY", &[], &[]);
    guest.terminate(holder);
}
