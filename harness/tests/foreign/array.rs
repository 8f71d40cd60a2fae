//! A scenario of somebody else.

#[test]
fn creates_a_mirror() {
    use mdlab::{Array, Guest, Tool, assert_story, mib};

    let mut guest = Guest::fork();
    let array = Array::raid1().on(guest.loops(2, mib(5)));

    guest.slow_syncs();
    guest.step("create", |g| g.create(&array, Tool::Mdadm));

    assert_story!(guest);
}

#[test]
fn asks_for_what_is_not_there() {
    use mdlab::{Guest, Need, needs};

    let mut guest = Guest::fork();
    needs!(guest, Need::LocklessBitmap);
    unreachable!("Linux 6.1 has none");
}

#[test]
fn asserts_itself() {
    use mdlab::{Array, Guest, mib};

    let mut guest = Guest::fork();
    let array = Array::raid1().on(guest.loops(2, mib(5)));
    guest.given(&array);
    let expected = std::env::var("EXPECTED_LEVEL").unwrap_or("raid1".into());
    assert_eq!(guest.attribute(&array, "level"), Some(expected));
}
