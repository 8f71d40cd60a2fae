//! Scenarios fail where they should: each expectation of the vocabulary, disappointed.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use mdlab::{Array, Fault, Guest, Level, Need, Tool, mib};

/// What a scenario that does this is told.
fn complaint(act: impl FnOnce(&mut Guest)) -> String {
    let mut guest = Guest::fork();
    let panic = catch_unwind(AssertUnwindSafe(|| act(&mut guest))).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[track_caller]
fn assert_says(complaint: &str, beginning: &str) {
    assert!(complaint.starts_with(beginning), "{complaint}");
    assert!(complaint.contains("\n  rerun:    mdlab run "), "{complaint}");
}

#[test]
fn a_command_that_fails_fails_the_scenario() {
    let text = complaint(|guest| guest.run("sh -c 'echo why; exit 3'"));
    assert_says(&text, "tool: expected `sh -c 'echo why; exit 3'` to end with status 0, got: exit 3: why\n");
}

#[test]
fn a_command_that_is_not_refused_fails_the_scenario() {
    let text = complaint(|guest| guest.refused(|guest| guest.run("true")));
    assert_says(&text, "tool: expected `true` to be refused, got: exit 0");
}

#[test]
fn a_command_that_crashes_was_neither_refused_nor_let() {
    let text = complaint(|guest| guest.either_way(|guest| guest.run("sh -c 'kill -SEGV $$'")));
    assert_says(&text, "tool: expected `sh -c 'kill -SEGV $$'` to end by itself, got: killed by SIGSEGV");
}

#[test]
fn a_command_beside_others_is_judged_when_it_ends() {
    let text = complaint(|guest| {
        let job = guest.start("false");
        guest.finish(job);
    });
    assert_says(&text, "tool: expected `false` to end with status 0, got: exit 1");
}

#[test]
fn a_command_that_is_gone_cannot_be_terminated() {
    let text = complaint(|guest| {
        let job = guest.start("false");
        guest.terminate(job);
    });
    assert_says(&text, "tool: expected `false` to end by SIGTERM, got: exit 1");
}

#[test]
fn a_wait_says_its_bound_and_what_is_so_instead() {
    let text = complaint(|guest| {
        let array = Array::raid1().on(guest.loops(2, mib(4)));
        guest.given(&array);
        guest.wait_for(&array, "array_state", "broken");
    });
    let expected =
        "kernel: after 60 s of virtual time `/sys/block/md0/md/array_state` reads `clean` instead of `broken`";
    assert_says(&text, expected);

    let text = complaint(|guest| guest.wait_for(&Array::raid1(), "array_state", "clean"));
    let expected = "kernel: after 60 s of virtual time `/sys/block/md0/md/array_state` is not there";
    assert_says(&text, expected);
}

#[test]
fn a_resync_is_held_where_there_is_one_to_hold() {
    let text = complaint(|guest| guest.hold_sync(&Array::raid1(), 0));
    let expected = "tool: write `0` to `/sys/block/md0/md/sync_max`: the kernel refused it with ENOENT; \
                    the array has to exist, the sector to begin one of its chunks, and nothing to be under way that was not \
                    held before";
    assert_says(&text, expected);
}

#[test]
#[should_panic(expected = "`/dev/md0` has 2 members, and none of index 9")]
fn a_member_that_is_not_there_has_no_node() {
    Array::raid1().on(["/dev/loop0", "/dev/loop1"]).member(9);
}

#[test]
fn data_that_changed_fails_the_scenario() {
    let text = complaint(|guest| {
        let array = Array::new(Level::Raid0).on(guest.loops(2, mib(4)));
        guest.given(&array);
        guest.fill(&array);
        guest.run("blkdiscard --offset 1048576 --length 65536 /dev/md0");
        guest.check(&array);
    });
    let expected = "tool: expected `md check /dev/md0` to end with status 0, got: exit 1: sectors 2048..2175: \
                    expected their own, got zeros";
    assert_says(&text, expected);
}

#[test]
fn a_command_of_no_step_is_refused() {
    let expected = "usage: expected `true` to run in a step: put it into `Guest::step` or `Guest::prepare`";
    let before = complaint(|guest| {
        guest.run("true");
        guest.step("next", |guest| guest.run("echo"));
        mdlab::assert_story!(*guest);
    });
    assert_says(&before, expected);

    let after = complaint(|guest| {
        guest.step("last", |guest| guest.run("true"));
        guest.run("true");
        mdlab::assert_story!(*guest);
    });
    assert_says(&after, expected);
}

#[test]
fn only_fragile_disks_are_broken() {
    let text = complaint(|guest| guest.inflict("/dev/loop0", &Fault::Dead));
    assert_says(&text, "usage: expected a disk from `Guest::fragile`, got `/dev/loop0`");
}

#[test]
fn what_a_machine_lacks_is_named() {
    let mut guest = Guest::fork();
    // Debian's kernels have them all: no scenario is skipped for want of a level unnoticed.
    for level in [Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10] {
        assert_eq!(guest.lacks(level), None, "{level}");
    }
    let reason = guest.lacks(Need::LocklessBitmap).unwrap();
    let expected = " has no lockless bitmaps: CONFIG_MD_LLBITMAP is not set, or it is older than 6.18";
    assert!(reason.starts_with("Linux ") && reason.ends_with(expected), "{reason}");

    let array = Array::raid1().on(guest.loops(2, mib(4)));
    guest.run("rmmod linear");
    let reason = guest.lacks(Level::Linear).unwrap();
    assert!(reason.contains("has no linear: CONFIG_MD_LINEAR is not set, or its module is not loaded"), "{reason}");
    assert_eq!(guest.lacks(Need::Module(Level::Linear)), Some(reason));
    guest.create(&array, Tool::Ioctl);
}

#[test]
fn sectors_past_the_end_are_not_taken_for_read() {
    let text = complaint(|guest| {
        let disks = guest.loops(1, mib(4));
        guest.sectors(&disks[0], 8190..8200);
    });
    assert_says(&text, "tool: expected 5120 bytes of `/dev/loop0` at 4193280, got 1024: it ends there");
}

#[test]
fn attributes_and_sizes_are_those_of_sysfs() {
    let mut guest = Guest::fork();
    let array = Array::raid1().with("--size 3072").on(guest.loops(2, mib(6)));
    assert_eq!(guest.attribute(&array, "level"), None);
    guest.given(&array);
    assert_eq!((guest.attribute(&array, "level"), guest.size(&array)), (Some("raid1".into()), 6144));
    assert_eq!(
        (guest.attribute(&array, "dev-loop1/slot"), guest.attribute(&array, "nothing")),
        (Some("1".into()), None)
    );

    let text = complaint(|guest| {
        guest.size(&Array::raid1());
    });
    assert_says(&text, "tool: expected `/dev/md0` to have a size");
}

#[test]
fn a_file_holds_what_was_put_last() {
    let mut guest = Guest::fork();
    for (bytes, length) in [(&b"longer"[..], 6), (b"it", 2), (b"", 0)] {
        guest.put("/tmp/file", bytes);
        guest.step("look", |guest| guest.run(&format!("sh -c 'test $(wc -c < /tmp/file) = {length}'")));
    }
}

#[test]
fn what_came_before_disks_in_a_step_is_kept() {
    let mut guest = Guest::fork();
    guest.step("both", |guest| {
        guest.run("sh -c 'echo it was said > /dev/kmsg'");
        guest.loops(1, mib(4));
    });
    let events = format!("{:?}", guest.recording().steps[0].events);
    assert!(events.contains("it was said") && !events.contains("loop0"), "{events}");
}

#[test]
fn a_question_about_the_machine_is_part_of_no_step() {
    let mut guest = Guest::fork();
    assert_eq!(guest.lacks(Need::MdModule), None);
    guest.step("run", |guest| guest.run("true"));
    let step = guest.recording().steps.iter().find(|step| !step.given).unwrap();
    assert_eq!(step.commands.len(), 1, "{:?}", step.commands);
    assert!(!format!("{:?}", step.events).contains("initstate"));
}

#[test]
fn each_guest_of_a_scenario_leaves_a_recording() {
    let mut guests = [Guest::fork(), Guest::fork()];
    let recordings = ["", "-2"].map(|number| {
        let title = format!("{}::{}{number}", env!("CARGO_PKG_NAME"), guests[0].title());
        mdlab::evidence(&guests[0].recording().machine, &title).unwrap().join("recording.json")
    });
    // Of an earlier run.
    recordings.iter().for_each(|path| drop(std::fs::remove_file(path)));
    guests[0].run("echo first");
    guests[1].run("echo second");
    drop(guests);

    let texts = recordings.map(|path| std::fs::read_to_string(path).unwrap());
    assert!(texts[0].contains("\"first\"") && !texts[0].contains("\"second\""));
    assert!(texts[1].contains("\"second\""));
}
