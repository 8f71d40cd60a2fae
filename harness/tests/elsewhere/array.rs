//! A scenario of somebody else.

#[test]
fn creates_a_mirror() {
    use mdlab::{Array, Guest, assert_story, mib};

    let mut guest = Guest::fork();
    let array = Array::raid1().on(guest.loops(2, mib(5)));

    guest.hold_sync();
    guest.step("create", |g| g.create(&array));

    assert_story!(guest);
}
