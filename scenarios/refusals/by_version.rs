//! What one kernel refuses otherwise than another.

use mdlab::{Guest, Version};
use rstest::rstest;

use super::There::{self, Half, Mirror, Nothing, ReadOnly};
use super::{GONE, assert_denied};
use crate::guest;

/// Kernels from which rows were taken, and which answered otherwise than the one before.
const LINUX_5_10: Version = Version { major: 5, minor: 10 };
const LINUX_6_1: Version = Version { major: 6, minor: 1 };
const LINUX_6_12: Version = Version { major: 6, minor: 12 };
const LINUX_7_2: Version = Version { major: 7, minor: 2 };

const NO_BITMAP_FILE: &str = "md0: error: failed to get bitmap file";
const NO_UPDATE: &str = "md_update_sb: can't update sb for read-only array md0";

/// From which kernel on it answers so: the errno, what the kernel says, what changes.
type Answer = (Version, &'static str, &'static [&'static str], &'static [&'static str]);

/// Answers, from the oldest kernel on: each case names its own number of them.
const fn answers(answers: &'static [Answer]) -> &'static [Answer] {
    answers
}

/// The same where kernels do not agree. Bitmaps in files are a thing of the past.
#[rstest]
#[case::no_bitmap_to_drop(
    Nothing, "SET_BITMAP_FILE value=-1",
    answers(&[(LINUX_5_10, "ENOENT", &[], GONE), (LINUX_7_2, "EINVAL", &[], &[])])
)]
#[case::bitmap_in_no_file(
    Nothing, "SET_BITMAP_FILE 99",
    answers(&[
        (LINUX_5_10, "EBADF", &[NO_BITMAP_FILE], GONE),
        (LINUX_6_12, "EBADF", &["md0: using deprecated bitmap file support", NO_BITMAP_FILE], GONE),
        (LINUX_7_2, "EINVAL", &[], &[]),
    ])
)]
#[case::drop_no_bitmap(
    Mirror, "SET_BITMAP_FILE value=-1",
    answers(&[(LINUX_5_10, "ENOENT", &[], &[]), (LINUX_7_2, "EINVAL", &[], &[])])
)]
#[case::add_to_read_only(
    ReadOnly, "ADD_NEW_DISK major=7 minor=2",
    answers(&[(LINUX_5_10, "EROFS", &[], &[]), (LINUX_7_2, "EROFS", &[NO_UPDATE], &[])])
)]
#[case::hot_add_to_read_only(
    ReadOnly, "HOT_ADD_DISK 7:2",
    answers(&[(LINUX_5_10, "EROFS", &[], &[]), (LINUX_7_2, "EROFS", &[NO_UPDATE], &[])])
)]
// What is read-only cannot be made read-only again. Bug in 5.10: resyncs stay frozen after it (`md_set_readonly` freezes them
// first, and returns without thawing).
#[case::protected_already(
    ReadOnly, "STOP_ARRAY_RO",
    answers(&[
        (LINUX_5_10, "ENXIO", &[], &["md0/md/sync_action = idle -> frozen"]),
        (LINUX_6_1, "ENXIO", &[], &[]),
        (LINUX_7_2, "ENXIO", &[NO_UPDATE], &[]),
    ])
)]
// The last disk of a mirror stays, and nothing happens. Suspected bug since 6.1: the array is marked as broken all the same,
// although nothing failed.
#[case::fail_the_last(
    Half, "SET_DISK_FAULTY 7:0",
    answers(&[
        (LINUX_5_10, "EBUSY", &[], &[]),
        (LINUX_6_1, "EBUSY", &[], &["md0/md/array_state = clean -> broken"]),
    ])
)]
fn refused_by_version(mut guest: Guest, #[case] there: There, #[case] call: &str, #[case] answers: &[Answer]) {
    there.prepare(&mut guest);
    let answer = answers.iter().rfind(|(since, ..)| *since <= guest.linux());
    let (_, errno, said, changed) = answer.expect("an answer of the oldest kernel");

    let mut denial = guest.denied("/dev/md0", call);
    // `/proc/mdstat`, which is shown whole, says nothing else than the attributes do.
    let whole = |line: &str| line.is_empty() || line == "/proc/mdstat" || line.starts_with(' ');
    denial.changed.retain(|line| !whole(line));
    assert_denied(&denial, errno, said, changed);
}
