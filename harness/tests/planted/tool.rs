//! Tools that do not end: where the kernel is well, it is not to blame.

use mdlab::Class;

use crate::ended::{ends, trace};

/// It works for a third of its time, so that what it costs to show how it goes on for a minute is bounded, and is silent for
/// longer than the host's patience.
#[test]
fn a_job_that_works_for_ever() {
    let mut command = trace(&["sh -c 'while :; do i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; sleep 2; done &'"]);
    command.env("MDLAB_PATIENCE", "15");
    ends(command)
        .is(Class::Tool, "the guest did not settle within 60 s of virtual time: `sh` (process ")
        .says(" has ended, and left something behind that does not end\n")
        .has_evidence();
}

/// It waits uninterruptibly when it is killed, for a disk that takes 75 s to write, and in the end it has written.
#[test]
fn a_command_that_waits_for_longer_than_it_may() {
    ends(trace(&[
        "dmsetup create slow --table '0 2048 delay /dev/loop0 0 0 /dev/loop0 0 75000'",
        "dd if=/dev/zero of=/dev/mapper/slow oflag=direct count=1",
    ]))
    .is(Class::Tool, "`dd 'if=/dev/zero' 'of=/dev/mapper/slow' 'oflag=direct' 'count=1'` did not end within 60 s of ")
    .says("(still running at its limit, killed)")
    .has_evidence();
}

/// The kernel says whom it killed; the command itself ends as if nothing had been.
#[test]
fn commands_that_want_more_memory_than_there_is() {
    ends(trace(&["sh -c 'for i in 1 2 3; do dd if=/dev/zero of=/dev/null bs=110M count=2 & done; wait'"]))
        .is(Class::Kernel, "the kernel reported a want of memory: dd invoked oom-killer: ")
        .says("for i in 1 2 3; do dd if=/dev/zero of=/dev/null bs=110M count=2 & done; wait' (exit 0)\n")
        .has_evidence();
}

#[test]
fn a_command_that_prints_for_ever() {
    ends(trace(&["cat /dev/zero"]))
        .is(Class::Tool, "expected `cat /dev/zero` to end with status 0, got: killed by SIGXFSZ, as it wrote more than a file may have here: ")
        .has_evidence();
}

/// Each of its programs has an argument vector of 96 KiB, which is recorded.
#[test]
fn a_command_that_would_be_recorded_for_ever() {
    let arguments = "a=$(printf %01000d 0); a=\"$a $a $a $a\"; a=\"$a $a $a $a $a $a $a $a\"";
    ends(trace(&[&format!("sh -c '{arguments}; while :; do /usr/bin/true $a $a $a; done'")]))
        .is(Class::Tool, "expected a step to record at most 16 MiB, got more")
        .has_evidence();
}

/// More at a time than a program may have files open: each of them is traced.
#[test]
fn a_command_of_many_processes() {
    let told = ends(trace(&["sh -c 'i=0; while [ $i -lt 350 ]; do sleep 1 & i=$((i+1)); done; wait'"]));
    assert_eq!(told.complaint, "");
    assert_eq!(told.story.matches(" is forked by ").count(), 350);
}
