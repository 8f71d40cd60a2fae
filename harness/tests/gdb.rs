//! `mdlab gdb`: a scenario stops at a step, and gdb finds the functions of the kernel and of md's modules.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod foreign;

use foreign::{alone, lay_out, mdlab, printed};

#[test]
fn a_step_is_debugged() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    // However deep the folder lies, and whatever it is called.
    let deep = folder.path().join("it's \\\"deep\"/".repeat(12));
    let gdb = |arguments: &[&str]| {
        let mut command = mdlab(folder.path());
        // The test runner of a host with one processor.
        command.env("MDLAB_EVIDENCE", &deep).env("RUST_TEST_THREADS", "1");
        command.arg("gdb").args(arguments).env("TOOL", "mdadm --fail /dev/md0 /dev/loop0").output().unwrap()
    };
    let commands = ["-batch", "-ex", "break raid1_error", "-ex", "continue", "-ex", "info registers rip"];
    let found = gdb(&[&["runs_a_tool", "--step", "run", "--"], &commands[..]].concat());
    let told = printed(&found);
    assert!(found.status.success(), "{told}");
    for said in [
        "mdlab: `runs_a_tool` is before `run`; `continue` has it go on\n",
        "\nBreakpoint 1, 0xffffffffc0",
        " in raid1_error ()\n",
        " <raid1_error>\n",
        "\n`runs_a_tool` went on to its end\n",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }

    // Ctrl-C in gdb stops the kernel: gdb blocks no signal.
    let mask = "shell grep SigBlk /proc/$PPID/status";
    let found = gdb(&["runs_a_tool", "--step", "run", "--", "-batch", "-ex", mask]);
    assert!(printed(&found).contains("SigBlk:\t0000000000000000\n"), "{}", printed(&found));
    let machines = deep.read_dir().unwrap().flatten();
    assert!(machines.into_iter().any(|machine| machine.path().join("elsewhere.runs_a_tool/recording.json").is_file()));

    // Without gdb the scenario goes on, and ends.
    for (arguments, said) in [
        (&["--nosuchoption"][..], "mdlab: infra: gdb ended with exit status: 1"),
        (&["-batch", "-ex", "shell kill -9 $PPID"], "mdlab: infra: gdb ended with signal: 9"),
        (&["-batch", "-ex", "disconnect"], "`runs_a_tool` went on to its end"),
    ] {
        let left = gdb(&[&["runs_a_tool", "--"], arguments].concat());
        assert!(printed(&left).contains(said), "{said}: {}", printed(&left));
    }

    let skipped = gdb(&["asks_for_what_is_not_there"]);
    assert_eq!(skipped.status.code(), Some(2), "{}", printed(&skipped));
    assert!(
        printed(&skipped).contains("`asks_for_what_is_not_there` is skipped, as shown above"),
        "{}",
        printed(&skipped)
    );

    let nowhere = gdb(&["runs_a_tool", "--step", "walk"]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", printed(&nowhere));
    assert!(
        printed(&nowhere).contains("`runs_a_tool` ended, and never came to a step `walk`; it has `run`"),
        "{}",
        printed(&nowhere)
    );
    let several = gdb(&["as"]);
    assert_eq!(several.status.code(), Some(2), "{}", printed(&several));
    assert!(printed(&several).contains("expected the name of one scenario, got a part of "), "{}", printed(&several));
}
