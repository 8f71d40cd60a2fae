//! md's attributes in sysfs, where they must refuse what is written to them.

use mdlab::{Array, Guest, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// Numbers too large for what they are kept in are refused, and change nothing.
#[rstest]
#[case::slot("dev-loop1/slot", "4294967295")]
#[case::safe_mode_delay("safe_mode_delay", "20000000")]
#[case::read_errors("max_read_errors", "4294967295")]
fn too_large(mut guest: Guest, #[case] attribute: &str, #[case] value: &str) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);

    guest.step("write", |g| g.refused(|g| g.set(&array, attribute, value)));

    assert_story!(guest);
}

/// A chunk beyond the end of the bitmap cannot be marked: nothing is.
#[rstest]
fn beyond_the_bitmap(mut guest: Guest) {
    let array = Array::raid1().with("--bitmap internal").on(guest.loops(2, mib(6)));
    guest.given(&array);

    guest.step("write", |g| g.set(&array, "bitmap_set_bits", "1000000000000"));

    assert_story!(guest);
}
