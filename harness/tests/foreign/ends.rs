//! Scenarios that end in ways of their own.

use mdlab::{Guest, assert_story};

fn is_asked_to() -> bool {
    std::env::var_os("ENDS_BADLY").is_some()
}

/// Another program has one of this name.
#[test]
fn asks_for_no_guest() {
    assert!(!is_asked_to(), "it has none");
}

#[test]
fn fails_when_its_guest_is_gone() {
    let recording = {
        let mut guest = Guest::fork();
        guest.step("run", |guest| guest.run("true"));
        guest.recording().clone()
    };
    assert_eq!(recording.steps.len(), if is_asked_to() { 0 } else { 1 }, "its steps");
}

#[test]
#[should_panic(expected = "exit 1")]
fn is_to_fail() {
    Guest::fork().step("run", |guest| guest.run("false"));
}

#[test]
fn has_a_second_guest() {
    let (mut guest, mut other) = (Guest::fork(), Guest::fork());
    guest.step("run", |guest| guest.run("true"));
    other.step("look", |other| other.run("true"));
    assert_story!(guest);
}
