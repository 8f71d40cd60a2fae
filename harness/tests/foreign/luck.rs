//! A scenario that does something else each time.

#[test]
fn depends_on_luck() {
    let mut guest = mdlab::Guest::fork();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    guest.step("run", |guest| guest.run(&format!("echo {}", now.as_nanos())));
}

#[test]
fn asks_for_no_guest() {}

/// As the kernel does for want of memory.
#[test]
fn may_be_killed() {
    if let Some(signal) = std::env::var_os("KILLED_BY") {
        let number = std::process::id().to_string();
        let killed = std::process::Command::new("kill").arg("-s").arg(signal).arg(number).status();
        panic!("{killed:?}");
    }
}
