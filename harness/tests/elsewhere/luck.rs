//! A scenario that does something else each time.

#[test]
fn depends_on_luck() {
    let mut guest = mdlab::Guest::fork();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    guest.step("run", |guest| guest.run(&format!("echo {}", now.as_nanos())));
}

#[test]
fn asks_for_no_guest() {}
