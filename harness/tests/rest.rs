//! When a machine counts as at rest: what commands do beside, or leave behind, is waited for.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use mdlab::Guest;
use mdlab_protocol::What;

/// Longer than the time in which nothing must happen, without a word to the kernel.
const WORK: &str = "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; echo worked > /dev/kmsg";

fn said(guest: &Guest, text: &str) -> usize {
    let events = guest.recording().steps.iter().flat_map(|step| &step.events);
    events.filter(|event| matches!(&event.what, What::Kernel(message) if message.text == text)).count()
}

#[test]
fn a_command_that_runs_beside_is_at_rest_when_it_waits() {
    let mut guest = Guest::fork();
    guest.trace_nothing();
    let mut job = None;
    guest.step("start", |guest| job = Some(guest.start(&format!("sh -c '{WORK}; exec sleep infinity'"))));
    assert_eq!(said(&guest, "worked"), 1);
    guest.terminate(job.unwrap());
}

#[test]
fn what_a_command_leaves_behind_is_waited_for_with_md() {
    let mut guest = Guest::fork();
    guest.trace_nothing();
    guest.step("leave", |guest| guest.run("sh -c '(sleep 1; echo late > /dev/kmsg) &'"));
    assert_eq!(said(&guest, "late"), 0);
    guest.step("rest", |guest| guest.wait_idle());
    assert_eq!(said(&guest, "late"), 1);
}

#[test]
#[should_panic(expected = "left something behind that does not end")]
fn what_a_command_leaves_for_ever_is_named() {
    let mut guest = Guest::fork();
    guest.run("sh -c 'sleep infinity &'");
    guest.wait_idle();
}
