//! `mdlab shell`: what is typed is done, what the kernel says of it is shown, and a scenario is left of it that holds.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod foreign;
mod until;

use foreign::{alone, lay_out, mdlab, printed};
use until::until;

/// Types lines into a shell.
fn types(folder: &Path, arguments: &[&str], lines: &[&str]) -> Output {
    let typed = folder.join("typed");
    std::fs::write(&typed, lines.join("\n")).unwrap();
    mdlab(folder).arg("shell").args(arguments).stdin(File::open(typed).unwrap()).output().unwrap()
}

#[test]
fn what_was_typed_is_a_scenario() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let lines = [
        "mdadm --create /dev/md0 --level 1 --raid-devices 2 /dev/loop0 /dev/loop1",
        ".wait",
        "cat /proc/mdstat | head -2",
        ".dmesg",
        "grep ^md /tmp/wanted",
        "cd /sys/block/md0/md",
        "cat level nothing",
        ".nonsense",
        "cd",
        "mdadm --stop /dev/md0",
        ".story",
        "mdadm --stop /dev/md0",
    ];
    std::fs::write(folder.path().join("wanted"), "nothing\nmd as it should be\n").unwrap();
    let shell = types(folder.path(), &["--record", "makes_a_mirror", "--put", "wanted:/tmp/wanted"], &lines);
    let told = printed(&shell);
    assert!(shell.status.success(), "{told}");
    for said in [
        "mdadm: array /dev/md0 started.\n    kernel: md/raid1:md0: not clean",
        "    kernel: md: md0: resync done.\n",
        "md0 : active raid1 loop1[1] loop0[0]\n## cat /proc/mdstat\n",
        "md as it should be\n",
        "raid1\ncat: nothing: No such file or directory\nexit 1\n",
        "mdlab: `.nonsense` is nothing that this shell knows",
        "ioctl(3</dev/md0>, STOP_ARRAY) = 0\n",
        "mdadm: error opening /dev/md0: No such file or directory\nexit 1\n",
        "the scenario `makes_a_mirror` is written: ",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }

    assert_holds(folder.path(), "makes_a_mirror");
}

/// Does with a recorded scenario as its shell says, and runs it.
fn assert_holds(folder: &Path, name: &str) {
    let source = std::fs::read_to_string(folder.join(name).join("scenario.rs")).unwrap();
    let source = format!("use mdlab::{{Guest, assert_story, mib}};\n{}", source.replace("#[rstest]", "#[test]"));
    let source = source.replace("(mut guest: Guest) {", "() {\n    let mut guest = Guest::fork();");
    std::fs::write(folder.join("tests/typed.rs"), source).unwrap();
    std::fs::create_dir_all(folder.join("snapshots")).unwrap();
    std::fs::rename(folder.join(name).join("snapshots").join(name), folder.join("snapshots").join(name)).unwrap();
    let run = mdlab(folder).args(["run", name]).env("INSTA_UPDATE", "no").output().unwrap();
    assert!(run.status.success() && printed(&run).contains("\n1 pass in "), "{}", printed(&run));
}

/// The machine is well, and what was typed is not lost.
#[test]
fn what_cannot_be_run_ends_nothing() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("script", b"#!/bin/bash\necho never\n");
    write("dies", b"#!/bin/sh\nkill -9 $$\n");
    write("empty", b"");
    let lines: [&[u8]; 16] = [
        b"mdamd --stop /dev/md0",
        b"ls /dev/loop0",
        b"mdamd --stop /dev/md0",
        b"/tmp/script",
        b".story",
        b"ls \xff",
        b"umask",
        b"wc -c /tmp/empty",
        b"/tmp/dies",
        b"mdadm --create /dev/md0 --assume-clean --level 1 --raid-devices 2 /dev/loop0 /dev/loop1",
        b"cd /sys/block/md0/nowhere",
        b"cd /sys/block/md0/md",
        b"echo 0 > sync_max && echo check > sync_action",
        b".wait",
        b"echo max > sync_max",
        b".wait",
    ];
    write("typed", &lines.join(&b'\n'));
    let mut shell = mdlab(folder.path());
    shell.args(["shell", "--record", "goes_on", "--put", "script:/tmp/script", "--put", "empty:/tmp/empty"]);
    shell.args(["--put", "dies:/tmp/dies"]);
    // Of a machine that did not boot.
    std::fs::create_dir(folder.path().join("goes_on")).unwrap();
    let shell = shell.stdin(File::open(folder.path().join("typed")).unwrap()).output().unwrap();
    let told = printed(&shell);
    assert!(shell.status.success(), "{told}");
    for said in [
        "mdlab: find the program `mdamd`: not in PATH (/usr/sbin:/usr/bin:/sbin:/bin)\nmdlab: nothing of this",
        "execute `/tmp/script`: ENOENT",
        "this line is no text in UTF-8, and was not run",
        "\n0022\n",
        "\n0 /tmp/empty\n",
        "killed by SIGKILL\n",
        "the guest did not settle within 60 s of virtual time",
        "    kernel: md: md0: data-check done.\n",
        "mdlab: sh: 1: cd: can't cd to /sys/block/md0/nowhere\n",
        "mdlab: nothing of this line is recorded\nmdlab: the last line did nothing that is recorded; this is the one before it\n",
        "the scenario `goes_on` is written: ",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(told.matches("find the program `mdamd`: not in PATH").count(), 2, "{told}");
    assert_eq!(told.matches("    kernel: md: data-check of RAID array md0\n").count(), 1, "{told}");
    let source = std::fs::read_to_string(folder.path().join("goes_on/scenario.rs")).unwrap();
    assert!(
        source.contains("    // killed by SIGKILL, which no scenario takes for well:\n    // guest.step("),
        "{source}"
    );
    assert_eq!(source.matches("g.wait_idle()").count(), 1, "{source}");
    assert_holds(folder.path(), "goes_on");
}

/// A shell that is killed has left what was typed until then.
#[test]
fn what_was_typed_outlives_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = mdlab(folder.path());
    let mut shell = shell
        .args(["shell", "--record", "is_kept"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = shell.stdin.take().unwrap();
    writeln!(typed, "cat /proc/mdstat").unwrap();
    until(|| folder.path().join("is_kept/snapshots/is_kept/state.snap").is_file().then_some(()));
    writeln!(typed, "while :; do :; done").unwrap();
    kill(Pid::from_raw(shell.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let ended = shell.wait_with_output().unwrap();
    assert_eq!(ended.status.signal(), Some(15), "{}", printed(&ended));
    let said = "the machine goes as well; what was recorded until now is in `is_kept`: SIGTERM came";
    assert!(printed(&ended).contains(said), "{}", printed(&ended));
    let source = std::fs::read_to_string(folder.path().join("is_kept/scenario.rs")).unwrap();
    assert!(source.contains("cat /proc/mdstat"), "{source}");
}

#[test]
fn a_shell_ends_with_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let shell = types(folder.path(), &[], &["echo c > /proc/sysrq-trigger", "echo not run"]);
    assert_eq!(shell.status.code(), Some(3), "{}", printed(&shell));
    assert!(printed(&shell).contains("kernel: the kernel panicked: not syncing: sysrq triggered crash"));
    assert!(!printed(&shell).contains("not run"), "{}", printed(&shell));

    // Nothing that was there is written over, and nothing is booted for what makes no sense.
    std::fs::create_dir_all(folder.path().join("there/something")).unwrap();
    for (arguments, expected) in [
        (&["--record", "there"][..], "make the folder `there` for what is typed: File exists"),
        (&["--record", "No Name"], "expected the name of a function, such as `loses_a_disk`"),
        (&["--put", "wanted"], "expected `HOST:GUEST` such as `tool:/tmp/tool`, got `wanted`"),
        (&["--record", "loop"], "expected the name of a function, such as `loses_a_disk`"),
        (
            &["--disks", "20", "--size", "10M"],
            "attach 20 disks of 10485760 bytes: expected at most 32, and 128 MiB in all",
        ),
    ] {
        let shell = types(folder.path(), arguments, &[]);
        assert_eq!(shell.status.code(), Some(2), "{}", printed(&shell));
        assert!(printed(&shell).contains(expected), "{}", printed(&shell));
    }
}
