//! Several kernels and several mdadm: the grid, what differs between two of them, and where they come from.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::path::Path;
use std::process::Command;

use mdlab_vm::Packages;

mod built;
mod workspace;

use built::{packages, tree};
use workspace::{mdlab, said};

/// Runs a command line of mdlab's; returns its exit status and all that it said.
fn ends(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), said(&output))
}

const MIRROR: &str = "mirror::creates_and_stops::tool_2_Tool__Ioctl";

#[test]
fn the_grid_is_every_kernel_with_every_tool() {
    let evidence = tempfile::tempdir().unwrap();
    let kernels = ["--kernel", "debian:bullseye", "--kernel", "debian:bookworm", "--kernel", "debian:bookwurm"];
    let tools = ["--mdadm", "debian:bullseye", "--mdadm", "debian:bookworm"];
    let mut command = mdlab(&[&["matrix", MIRROR], &kernels[..], &tools].concat());
    command.env("MDLAB_EVIDENCE", evidence.path());
    let (status, text) = ends(command);
    // A kernel that cannot be had is not passed.
    assert_eq!(status, Some(2), "{text}");
    let row = |tool: &str| {
        let begin = format!(" mdadm {tool}");
        let row = text.lines().rfind(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("{text}"));
        row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    for tool in ["4.1-11", "4.2-5"] {
        assert_eq!(row(tool), ["1 pass", "1 pass", "unavailable *"], "{text}");
    }
    assert!(text.contains("Linux 5.10.0 (debian:bullseye)"), "{text}");
    assert!(text.contains("fetch Debian's suite `bookwurm`: there is none of that name"), "{text}");
    let markdown = fs::read_to_string(evidence.path().join("matrix.md")).unwrap();
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| mdadm 4.")).count(), 2, "{markdown}");
}

#[test]
fn what_fails_in_the_grid_is_told_and_marked() {
    let evidence = tempfile::tempdir().unwrap();
    // No machine can be made so.
    let mut command = mdlab(&["matrix", MIRROR, "--kernel", "debian:bookworm", "--mdadm", "debian:bookworm"]);
    command.env("MDLAB_EVIDENCE", evidence.path()).env("MDLAB_PATIENCE", "never");
    let (status, text) = ends(command);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.lines().any(|line| line.starts_with(" mdadm ?") && line.contains("usage *")), "{text}");
    assert!(text.contains("read the variable MDLAB_PATIENCE: expected seconds, got `never`"), "{text}");
}

#[test]
fn what_differs_between_two_kernels_is_a_patch() {
    let (status, text) = ends(mdlab(&["compare", MIRROR, "--kernel", "debian:bookworm", "--kernel", "debian:trixie"]));
    assert_eq!(status, Some(1), "{text}");
    let title = format!("--- {MIRROR}, state\tLinux 6.1.");
    assert!(text.contains(&title) && text.contains(&format!("+++ {MIRROR}, state\tLinux 6.12.")), "{text}");
    assert!(text.contains("1 of 1 scenarios differ, as shown above:"), "{text}");
    let (status, text) =
        ends(mdlab(&["compare", MIRROR, "--kernel", "debian:bookworm", "--kernel", "debian:bookworm"]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("1 scenarios: nothing differs between Linux 6.1."), "{text}");
    let (status, text) = ends(mdlab(&["compare", "--kernel", "debian:bookworm"]));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("name `--kernel` twice, or `--mdadm`"), "{text}");
}

#[test]
fn kernels_are_listed_and_what_cannot_be_had_is_said() {
    let (status, text) = ends(mdlab(&["kernels", "--fetch", "debian:bookworm", "debian:bookwurm"]));
    assert_eq!(status, Some(2), "{text}");
    let row = |name: &str| text.lines().find(|line| line.starts_with(&format!(" {name} "))).unwrap().to_owned();
    assert!(row("debian:bookworm").contains("6.1.0-") && row("debian:bookworm").contains("4.2-5"), "{text}");
    assert!(row("debian:bookwurm").contains("unavailable"), "{text}");
    let (status, text) = ends(mdlab(&["kernels"]));
    assert_eq!(status, Some(0), "{text}");
    let host = nix::sys::utsname::uname().unwrap();
    let row = text.lines().find(|line| line.starts_with(" host ")).unwrap();
    assert!(["cannot be had", &host.release().to_string_lossy()].iter().any(|said| row.contains(said)), "{text}");
    for name in ["debian:bullseye", "debian:sid", "debian:experimental", "host"] {
        assert!(text.lines().any(|line| line.starts_with(&format!(" {name} "))), "{text}");
    }
}

/// Snapshots that nothing needs fail this test: `mdlab snapshots tidy` removes them.
#[test]
fn the_snapshots_of_this_project_are_tidy() {
    let (status, text) = ends(mdlab(&["snapshots", "tidy", "--dry-run"]));
    assert_eq!((status, text.as_str()), (Some(0), "0 snapshots are needless\n"));
}

/// What `scenarios/BEHAVIOUR.md` shows lies where it says.
#[test]
fn the_behaviour_is_shown_by_snapshots_that_are_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let text = fs::read_to_string(folder.join("BEHAVIOUR.md")).unwrap();
    let links: Vec<&str> = text.split("](snapshots/").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() > 20, "{} links", links.len());
    let gone = links.into_iter().filter(|link| !folder.join("snapshots").join(link).exists());
    assert_eq!(gone.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_history_of_a_scenario_is_told() {
    // As their folder is called, and as their test is.
    for case in ["mdadm", "tool_1_Tool__Mdadm"] {
        let scenario = format!("mirror::creates_and_stops::{case}");
        let (status, text) = ends(mdlab(&["snapshots", "log", &scenario, "--channel", "dmesg"]));
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("# mirror::creates_and_stops::mdadm, dmesg, since Linux 5.10, mdadm 4.1\n"), "{text}");
        assert!(text.contains("+++ dmesg@linux-7.2.snap\n"), "{text}");
    }
    let (status, text) = ends(mdlab(&["snapshots", "log", "mirror::nothing"]));
    assert_eq!(status, Some(2), "{text}");
}

/// The newest of a stable suite, built against a newer C library than the default suite has.
#[test]
fn an_mdadm_brings_the_user_space_that_it_was_built_for() {
    let root = packages("trixie", |cache, suite| Packages::alone(cache, suite, "mdadm", &mut |_| {}));
    let mdadm = ["usr/sbin/mdadm", "sbin/mdadm"].map(|path| root.join(path)).into_iter().find(|path| path.exists());
    let mdadm = mdadm.unwrap();
    let trace =
        |mdadm: &Path, line: &str| ends(mdlab(&["trace", "--mdadm", &format!("file:{}", mdadm.display()), line]));
    let (status, text) = trace(&mdadm, "mdadm --version");
    assert_eq!(status, Some(0), "{text}");
    let (_, version) = text.split_once("  mdadm - v").unwrap_or_else(|| panic!("{text}"));
    let version = version.split_whitespace().next().unwrap();
    assert!(text.contains(&format!(", mdadm {version}, tcg\n")), "{text}");

    // The same, but for the architecture that its header names (`e_machine`): arm64.
    let mut program = fs::read(&mdadm).unwrap();
    program[18..20].copy_from_slice(&183u16.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("mdadm");
    fs::write(&foreign, program).unwrap();
    for (refused, reason) in
        [(foreign.as_path(), "it is one for AARCH64"), (Path::new("/etc/hostname"), "it is no ELF file")]
    {
        let (status, text) = trace(refused, "true");
        assert_eq!(status, Some(2), "{text}");
        let expected = format!("`{}` is no program for x86-64 Linux: {reason}", refused.display());
        assert!(text.contains(&expected), "{text}");
    }
    // What has no end is not read.
    let (status, text) = trace(Path::new("/dev/zero"), "true");
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("read the program `/dev/zero`: it is no regular file"), "{text}");
}

#[test]
fn a_built_tree_runs_without_being_installed() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), "bookworm", "bookworm");
    let kernel = format!("tree:{}", folder.path().display());
    let (status, text) =
        ends(mdlab(&["trace", "--kernel", &kernel, "md create /dev/md0 --level 1 /dev/loop0 /dev/loop1"]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("kernel: md/raid1:md0: active with 2 out of 2 mirrors"), "{text}");

    let other = tempfile::tempdir().unwrap();
    tree(other.path(), "bookworm", "bullseye");
    let kernel = format!("tree:{}", other.path().display());
    let (status, text) = ends(mdlab(&["trace", "--kernel", &kernel, "true"]));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("with its kernel: the kernel is 6.1.") && text.contains("was built for 5.10."), "{text}");

    let (status, text) = ends(mdlab(&["trace", "--kernel", "tree:/etc", "true"]));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("`/etc` is no built kernel tree: `arch/x86/boot/bzImage` is not there"), "{text}");
    let (status, text) = ends(mdlab(&["trace", "--kernel", "tree:/nowhere", "true"]));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("find the built kernel tree `/nowhere`: there is no such folder"), "{text}");
}
