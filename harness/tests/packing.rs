//! `mdlab pack` and `mdlab replay`: a failure travels in one file.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tempfile::TempDir;

mod foreign;

use foreign::{alone, lay_out, mdlab, printed};

/// Who packs, and who gets it: elsewhere, where no scenarios are, and nothing that was left of them.
struct Mail {
    here: TempDir,
    there: TempDir,
}

impl Mail {
    fn new() -> Self {
        let mail = Self { here: tempfile::tempdir().unwrap(), there: tempfile::tempdir().unwrap() };
        lay_out(mail.here.path());
        mail
    }

    /// Packs into a file, and sends it; says what was told.
    fn pack(&self, file: &str, arguments: &[&str], tool: &str) -> String {
        let mut command = mdlab(self.here.path());
        let output = command.args(["pack", "runs_a_tool"]).args(arguments).env("TOOL", tool).output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        std::fs::rename(self.here.path().join("runs_a_tool.mdlab"), self.there.path().join(file)).unwrap();
        printed(&output)
    }

    fn replay(&self, file: &str) -> (Option<i32>, String) {
        let mut command = mdlab(self.there.path());
        command.args(["replay", file]).env_remove("CARGO_TARGET_DIR");
        let output = command.env("MDLAB_EVIDENCE", self.there.path().join("evidence")).output().unwrap();
        (output.status.code(), printed(&output))
    }
}

#[test]
fn a_failure_is_seen_again_elsewhere() {
    let _alone = alone();
    let mail = Mail::new();
    let packed = mail.pack("panic.mdlab", &[], "echo c > /proc/sysrq-trigger");
    assert!(
        packed.starts_with("runs_a_tool.mdlab: ") && packed.contains("; kernel: the kernel panicked: "),
        "{packed}"
    );
    assert!(mail.there.path().join("panic.mdlab").metadata().unwrap().len() < 2 << 20, "{packed}");
    let (status, told) = mail.replay("panic.mdlab");
    assert_eq!(status, Some(3), "{told}");
    for said in [
        "\nthe same, bit for bit: ",
        "mdlab: kernel: `runs_a_tool` failed so where it was packed: the kernel panicked: not syncing: sysrq triggered crash\n  at:       step `run`",
        "$ mdadm --create /dev/md0 --level raid1 ",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!told.contains("evidence: "), "{told}");

    // An mdadm of one's own is in the file, and is not run on the host that replays it.
    let packages = mdlab_vm::Cache::open().unwrap().path("packages/bookworm");
    let programs = packages.read_dir().unwrap().flatten().map(|entry| entry.path().join("root/sbin/mdadm"));
    let mdadm = programs.into_iter().find(|path| path.is_file()).unwrap();
    std::fs::copy(mdadm, mail.here.path().join("mdadm")).unwrap();
    let packed = mail.pack("own.mdlab", &["--mdadm", "file:mdadm"], "true");
    assert!(packed.contains("; drift: there are no snapshots in"), "{packed}");
    std::fs::remove_file(mail.here.path().join("mdadm")).unwrap();
    assert!(mail.there.path().join("own.mdlab").metadata().unwrap().len() < 2 << 20, "{packed}");
    let (status, told) = mail.replay("own.mdlab");
    assert_eq!((status, told.contains("\nthe same, bit for bit: ")), (Some(1), true), "{told}");
}

/// How long a guest is waited for, and what its kernel says by then, is luck; that it is silent is none.
#[test]
fn silence_is_seen_again() {
    let _alone = alone();
    let mail = Mail::new();
    let patient = |folder: &TempDir| {
        let mut command = mdlab(folder.path());
        command.env("MDLAB_PATIENCE", "10").env("TOOL", "echo freeze > /sys/power/state");
        command
    };
    let packed = patient(&mail.here).args(["pack", "runs_a_tool", "--output", "silent.mdlab"]).output().unwrap();
    assert!(printed(&packed).contains("; kernel: the guest was not heard of"), "{}", printed(&packed));
    let file = mail.here.path().join("silent.mdlab");
    let replayed = patient(&mail.there).env("MDLAB_PATIENCE", "11").arg("replay").arg(file).output().unwrap();
    let told = printed(&replayed);
    assert_eq!(replayed.status.code(), Some(3), "{told}");
    assert!(told.contains("\nthe same, bit for bit: ") && told.contains("\nthen silence, as before; "), "{told}");
}

#[test]
fn what_differs_is_told() {
    let _alone = alone();
    let mail = Mail::new();
    // What the scenario asserts itself, another seed, and a machine that is in the file as a whole.
    let packed = mail.pack("tool.mdlab", &["--seed", "3", "--whole"], "echo hello; exit 3");
    assert!(packed.contains("; tool: expected `tool` to end with status 0, got: exit 3: hello"), "{packed}");
    let (status, told) = mail.replay("tool.mdlab");
    assert_eq!((status, told.contains("\nthe same, bit for bit: ")), (Some(5), true), "{told}");
    assert!(
        told.contains("mdlab: tool: `runs_a_tool` failed so where it was packed: expected `tool` to end with status 0"),
        "{told}"
    );

    // A guest that is told something else says something else.
    let bytes = std::fs::read(mail.there.path().join("tool.mdlab")).unwrap();
    let begin = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut content = Vec::new();
    GzDecoder::new(&bytes[begin..]).read_to_end(&mut content).unwrap();
    let at = content.windows(10).position(|bytes| bytes == b"echo hello").unwrap();
    content[at..at + 10].copy_from_slice(b"echo hullo");
    let mut encoder = GzEncoder::new(bytes[..begin].to_vec(), Compression::fast());
    encoder.write_all(&content).unwrap();
    std::fs::write(mail.there.path().join("altered.mdlab"), encoder.finish().unwrap()).unwrap();
    let (status, told) = mail.replay("altered.mdlab");
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("it is not the same as when it was packed, message "), "{told}");
    assert!(told.contains(", after `tool`: record 1\n  expected: hello\n  got:      hullo\n"), "{told}");

    // Nobody left anything: that is told, and how it ended.
    let mut killed = mdlab(mail.here.path());
    let killed = killed.args(["pack", "may_be_killed"]).env("KILLED_BY", "KILL").output().unwrap();
    assert_eq!(killed.status.code(), Some(6), "{}", printed(&killed));
    assert!(printed(&killed).contains("`may_be_killed` left nothing to pack: signal: 9"), "{}", printed(&killed));

    let (status, told) = mail.replay("nothing.mdlab");
    assert_eq!((status, told.contains("read `nothing.mdlab`: No such file or directory")), (Some(2), true), "{told}");
    for (arguments, expected) in [
        (["pack", "asks_for_what_is_not_there", "--accel", "tcg"], "`asks_for_what_is_not_there` is skipped: Linux "),
        (["pack", "asks_for_no_guest", "--accel", "tcg"], "`asks_for_no_guest` has no guest"),
        (["pack", "runs_a_tool", "--accel", "auto"], "pack under `auto`: only `tcg` is the same on every run"),
    ] {
        let output = mdlab(mail.here.path()).args(arguments).output().unwrap();
        assert_eq!(
            (output.status.code(), printed(&output).contains(expected)),
            (Some(2), true),
            "{}",
            printed(&output)
        );
    }
}
