//! `mdlab` from the outside: what it prints, and the exit status of each class of failure.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

const CREATE: &str = "mdadm --create /dev/md0 --level 1 --raid-devices 2 /dev/loop0 /dev/loop1";
const STOP: &str = "mdadm --stop /dev/md0";

fn mdlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.args(arguments);
    command
}

/// Runs it and checks its exit status; returns what it printed and what it complained of.
fn ends(mut command: Command, status: i32) -> (String, String) {
    let Output { status: ended, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(ended.code(), Some(status), "{stdout}\n{stderr}");
    (stdout, stderr)
}

#[test]
fn the_story_shows_each_call_and_what_it_provoked() {
    let (story, _) = ends(mdlab(&["trace", "--kernel", "debian:bookworm", CREATE, STOP]), 0);
    // What the README shows of it, but for times and process numbers, which change with mdlab.
    let without_numbers = |line: &str| line.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let readme = include_str!("../../README.md").split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let shown: Vec<_> = readme.lines().filter(|line| !line.is_empty() && line.trim() != "[...]").collect();
    assert!(shown.len() > 30, "{readme}");
    let mut lines = story.lines().map(without_numbers);
    for line in shown {
        let expected = without_numbers(line.trim_end_matches("..."));
        assert!(lines.any(|line| line.starts_with(&expected)), "`{line}` is not there, or not in order:\n{story}");
    }
    // What a call provoked follows it, set in, before the next call.
    let provoked = |call: &str| {
        let lines = story.lines().skip_while(|line| !line.contains(call)).skip(1);
        let lines = lines.take_while(|line| line.get(10..).is_some_and(|text| text.starts_with("    ")));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert!(provoked("new_array>, \"md0\", 3)").contains("KERNEL add     /devices/virtual/block/md0"), "{story}");
    assert!(provoked("RUN_ARRAY").contains("not clean -- starting background reconstruction"), "{story}");
    assert!(provoked("STOP_ARRAY").contains("md0 stopped"), "{story}");
}

#[test]
fn the_raw_recording_is_the_same_on_every_run_and_the_seed_changes_it() {
    let raw = |more: &[&str]| ends(mdlab(&[&["trace", "--raw", CREATE, STOP], more].concat()), 0).0;
    let first = raw(&[]);
    assert!(serde_json::from_str::<mdlab::Recording>(&first).is_ok());
    assert_eq!(first, raw(&[]));
    let seeded = raw(&["--seed", "7"]);
    assert_ne!(first, seeded);
    assert_eq!(seeded, raw(&["--seed", "7"]));
}

#[test]
fn the_redacted_recording_has_all_channels() {
    let (json, _) = ends(mdlab(&["trace", "--json", CREATE]), 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for channel in mdlab::Channel::ALL {
        let lines = json["steps"][0]["channels"][channel.name()].as_array().unwrap();
        assert!(!lines.is_empty(), "{channel}");
    }
    assert!(json.to_string().contains("array-uuid-1"));
}

#[test]
fn the_prompt_is_answered_as_was_asked() {
    let (story, error) = ends(mdlab(&["trace", "--stdin", "n", CREATE]), 5);
    assert!(story.contains("create aborted"), "{story}");
    assert!(error.starts_with("mdlab: tool: expected `mdadm --create"), "{error}");
}

#[test]
fn disks_are_as_many_and_as_large_as_was_asked() {
    let (story, _) = ends(mdlab(&["trace", "--disks", "3", "--size", "3M", "cat /sys/block/loop2/size"]), 0);
    assert!(story.lines().any(|line| line.trim() == "6144"), "{story}");
    ends(mdlab(&["trace", "--disks", "0", "cat /proc/mdstat"]), 0);
    let (_, error) = ends(mdlab(&["trace", "--disks", "100", "true"]), 2);
    assert!(error.contains("expected at most 32, and 128 MiB in all"), "{error}");
}

#[test]
fn a_command_that_fails_is_the_tool_s_fault() {
    let (_, error) = ends(mdlab(&["trace", "false", "true"]), 5);
    assert!(error.contains("expected `false` to end with status 0, got: exit 1"), "{error}");
    assert!(error.contains("after:    false (exit 1)"), "{error}");
    let (_, error) = ends(mdlab(&["trace", "md stop /dev/md7"]), 5);
    assert!(error.contains("got: exit 1: md: open `/dev/md7`: "), "{error}");
}

#[test]
fn evidence_that_cannot_be_kept_is_not_lost_silently() {
    let mut command = mdlab(&["trace", "false"]);
    command.env("CARGO_TARGET_DIR", "/proc/target");
    let (_, error) = ends(command, 5);
    assert!(error.contains("mdlab: infra: make the folder `/proc/target/mdlab/"), "{error}");
}

#[test]
fn scenarios_are_looked_for_in_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = mdlab(&["run"]);
    command.current_dir(folder.path());
    let (_, error) = ends(command, 2);
    assert!(
        error.contains("could not find `Cargo.toml`") && error.contains("change to one that has scenarios"),
        "{error}"
    );
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let (_, error) = ends(mdlab(&["trace", "mdadmm --stop"]), 2);
    assert!(error.contains("mdadmm"), "{error}");
}

#[test]
fn a_command_that_never_ends_is_ended_in_virtual_time() {
    let (_, error) = ends(mdlab(&["trace", "sleep 1000000"]), 5);
    assert!(error.contains("did not end within 60 s of virtual time"), "{error}");
}

#[test]
fn a_kernel_that_lacks_something_is_told_what() {
    let cache = mdlab_vm::Cache::open().unwrap();
    let source = "debian:bookworm".parse().unwrap();
    mdlab_vm::Kernel::find(&source, &cache, &mut |_| {}).unwrap();
    let boot = cache.path("packages/bookworm/kernel/root/boot");
    let images = boot.read_dir().unwrap().flatten().map(|entry| entry.path());
    let image = images.into_iter().find(|path| path.to_string_lossy().contains("vmlinuz")).unwrap();
    let image = image.display();
    // Without its modules it has neither loop devices nor md.
    let (_, error) = ends(mdlab(&["trace", "--kernel", &format!("file:{image}"), "true"]), 4);
    let modules = "or, if it has them as modules, name these: `file:PATH,modules:DIR`";
    for line in ["add CONFIG_BLK_DEV_LOOP=y", "add CONFIG_BLK_DEV_MD=y", "add CONFIG_MD_RAID1=y", modules] {
        assert!(error.contains(line), "{error}");
    }
    let (_, error) = ends(mdlab(&["trace", "--kernel", &format!("file:{image},modules:/usr"), "true"]), 2);
    assert!(error.contains("match modules with") && error.contains("got `/usr`"), "{error}");
}

#[test]
fn auto_takes_kvm_only_where_it_works_and_says_so_where_it_does_not() {
    let (json, notices) = ends(mdlab(&["trace", "--accel", "auto", "--json", "true"]), 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    if json["machine"]["accel"] == "kvm" {
        ends(mdlab(&["trace", "--accel", "kvm", "true"]), 0);
    } else {
        assert!(notices.contains("KVM does not work on this host"), "{notices}");
        let (_, error) = ends(mdlab(&["trace", "--accel", "kvm", "true"]), 6);
        assert!(error.contains("boot under KVM, as was insisted on"), "{error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "no kernel").unwrap();
    let no_kernel = format!("file:{}", text.display());
    for (arguments, expected) in [
        (&["trace", "--kernel", "bookworm", "true"][..], "expected `debian:SUITE`, `file:PATH"),
        (&["trace", "--kernel", "file:/nonexistent", "true"], "read the kernel `/nonexistent`"),
        (&["trace", "--kernel", "file:/dev/zero", "true"], "is no x86 bzImage: it is no file"),
        (&["trace", "--kernel", &no_kernel, "true"], "is no x86 bzImage: it has no boot header"),
        (&["trace", "--mdadm", "4.2", "true"], "expected `debian:SUITE` or `file:PATH`"),
        (&["trace", "--mdadm", "file:/bin/ls", "true"], "expected `mdadm - vVERSION`, got `"),
        (&["trace", "--put", "/dev/zero:/zero", "true"], "read `/dev/zero`: expected a file of at most 128 MiB"),
        (&["trace", "--put", "/etc:/zero", "true"], "read `/etc`: it is a directory, expected a file"),
        (&["trace", "--accel", "xen", "true"], "expected `auto`, `tcg` or `kvm`"),
        (&["trace", "--seed", "x", "true"], "expected a seed from 0 to 18446744073709551615, got `x`"),
        (&["trace", "--size", "ten", "true"], "expected a size such as `10M`"),
        (&["trace", "--size", "1G", "true"], "attach 2 disks of 1073741824 bytes: expected at most 32"),
        (&["trace", "it's"], "split `it's` into words"),
        (&["trace", " "], "expected a command line, got an empty one"),
        (&["trace"], "required arguments"),
    ] {
        let (_, error) = ends(mdlab(arguments), 2);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn a_qemu_that_is_missing_or_too_old_is_not_the_kernel_s_fault() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("qemu");
    std::fs::write(&old, "#!/bin/sh\necho 'QEMU emulator version 5.2.0 (Debian 1:5.2+dfsg-11)'\n").unwrap();
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (program, expected) in [
        ("/nonexistent/qemu", "No such file"),
        ("no-qemu", "command not found"),
        (old.to_str().unwrap(), "it is version 5.2.0"),
    ] {
        let mut command = mdlab(&["trace", "true"]);
        command.env("MDLAB_QEMU", program);
        let (_, error) = ends(command, 6);
        assert!(error.starts_with("mdlab: infra: ") && error.contains("QEMU 6.0 or newer is needed"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let mut command = mdlab(&["trace", "true"]);
    command.env("MDLAB_CACHE", "/proc/mdlab");
    let (_, error) = ends(command, 6);
    assert!(error.contains("`/proc/mdlab`") && error.contains("name another folder in MDLAB_CACHE"), "{error}");
}

/// A call is known when it has returned; by then another process may have begun others.
#[test]
fn what_two_commands_do_at_once_stands_in_the_order_in_which_it_began() {
    let create = |md: &str, disks: &str| format!("mdadm --create --run /dev/{md} --level 1 --raid-devices 2 {disks}");
    let line = [create("md0", "/dev/loop0 /dev/loop1"), create("md1", "/dev/loop2 /dev/loop3")].join(" & ");
    let (raw, _) = ends(mdlab(&["trace", "--raw", "--disks", "4", &format!("sh -c '{line}; wait'")]), 0);
    let raw: serde_json::Value = serde_json::from_str(&raw).unwrap();
    let times: Vec<_> =
        raw["steps"][0]["events"].as_array().unwrap().iter().map(|event| event["at"].as_u64()).collect();
    assert!(times.len() > 100 && times.is_sorted(), "{times:?}");
}

/// Nothing listens on port 9 of this host, so every connection is refused at once.
const NO_MIRROR: &str = "http://127.0.0.1:9/debian";

#[test]
fn without_the_registry_what_is_cached_still_works() {
    ends(mdlab(&["trace", "true"]), 0);
    let mut cached = mdlab(&["trace", "true"]);
    cached.env("MDLAB_DEBIAN_MIRROR", NO_MIRROR);
    ends(cached, 0);
    let empty = tempfile::tempdir().unwrap();
    let mut uncached = mdlab(&["trace", "true"]);
    uncached.env("MDLAB_DEBIAN_MIRROR", NO_MIRROR).env("MDLAB_CACHE", empty.path());
    let (_, error) = ends(uncached, 6);
    assert!(error.starts_with("mdlab: fetching") && error.contains("infra: run `apt-get update`"), "{error}");
}

#[test]
fn a_suite_that_does_not_exist_is_named() {
    let (_, error) = ends(mdlab(&["trace", "--kernel", "debian:bookwurm", "true"]), 2);
    assert!(error.contains("usage: fetch Debian's suite `bookwurm`: there is none of that name"), "{error}");
}

#[test]
fn man_pages_and_completions_are_those_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (told, _) = ends(mdlab(&["manual", path]), 0);
    assert!(told.ends_with(" files\n"), "{told}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("mdlab-run.1").contains("Example: mdlab run creates"), "{}", read("mdlab-run.1"));
    assert!(read("mdlab.bash").contains("--shard") && read("_mdlab").contains("--shard"));
    let bash = Command::new("bash").arg("-n").arg(folder.path().join("mdlab.bash")).status().unwrap();
    assert!(bash.success());
}

/// Whoever waits for the second step has seen the first.
#[test]
fn a_step_is_shown_when_it_has_ended() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdlab"));
    command.args(["trace", "echo first", "sh -c 'while :; do :; done'"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut trace = command.spawn().unwrap();
    let lines = BufReader::new(trace.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("104 exits with 0")));
    assert_eq!(trace.try_wait().unwrap(), None);
    trace.kill().unwrap();
    trace.wait().unwrap();
}
