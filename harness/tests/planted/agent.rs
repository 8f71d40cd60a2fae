//! Guests that lie: what they say is nonsense, or is not what they claim.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mdlab::Class;
use xshell::{Shell, cmd};

use crate::ended::{Ended, ends, trace};

/// The liar, built static.
fn liar() -> &'static PathBuf {
    static LIAR: OnceLock<PathBuf> = OnceLock::new();
    LIAR.get_or_init(|| {
        let shell = Shell::new().unwrap();
        shell.set_var("RUSTFLAGS", "-C target-feature=+crt-static");
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("liar");
        let (cargo, triple) = (env!("CARGO"), "x86_64-unknown-linux-gnu");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../vm/mailbox/Cargo.toml");
        cmd!(shell, "{cargo} build --quiet --release --example liar --manifest-path {manifest} --target {triple} --target-dir {target}")
            .quiet()
            .run()
            .unwrap();
        target.join(triple).join("release/examples/liar")
    })
}

/// Runs the liar as a command in the guest, beside the agent, whose mailbox and bell it uses. Whatever it says, nothing is
/// written but the recording.
fn lies(how: &str) -> Ended {
    let mut command = trace(&["--put", &format!("{}:/liar", liar().display()), &format!("/liar {how}")]);
    let alone = tempfile::tempdir().unwrap();
    let cache = mdlab_vm::Cache::open().unwrap();
    command.env("MDLAB_CACHE", cache.path("")).env("MDLAB_EVIDENCE", alone.path().join("evidence"));
    command.current_dir(&alone).env("HOME", alone.path()).env("TMPDIR", alone.path()).env("MDLAB_PATIENCE", "20");
    let told = ends(command).has_evidence();
    let mut files = files(alone.path());
    files.sort();
    let [console, recording] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(console.strip_prefix(alone.path()).unwrap().components().count(), 4);
    assert!(console.ends_with("console.log") && *recording == console.with_file_name("recording.json"), "{files:?}");
    told
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap());
    let below = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => files(&entry.path()),
        false => vec![entry.path()],
    };
    entries.flat_map(below).collect()
}

#[test]
fn garbage() {
    lies("garbage").is(Class::Infra, "read the guest's mailbox: expected the magic `");
}

#[test]
fn a_length_that_no_mailbox_has() {
    lies("length").is(Class::Infra, "read the guest's mailbox: expected at most ");
}

#[test]
fn what_was_said_before() {
    lies("again").is(Class::Infra, "read the guest's mailbox: expected frame ");
}

#[test]
fn records_without_end() {
    lies("many").is(Class::Tool, "expected a step to record at most 16 MiB, got more");
}

#[test]
fn noise() {
    lies("noise").is(Class::Infra, "understand the guest: expected ");
}

#[test]
fn a_message_that_has_no_bottom() {
    lies("deep").is(Class::Infra, "understand the guest: expected a message, got ");
}

#[test]
fn a_fork_that_wants_to_be_kept() {
    lies("keep").is(Class::Infra, "the guest asked to be kept, and it is a fork already");
}

#[test]
fn a_bell_that_is_rung_by_half() {
    lies("half").is(Class::Infra, "read the guest's mailbox: expected frame ");
}

/// Whatever a guest prints, its reader's terminal is told nothing.
#[test]
fn what_would_move_a_terminal() {
    let told = ends(trace(&["sh -c 'printf \"\\033]0;x\\007\"; printf \"\\033[2J\\n\" > /dev/kmsg; exit 1'"]));
    assert!(!told.story.contains("\u{1b}]0;") && !told.story.contains("\u{1b}[2J"), "{:?}", told.story);
    assert!(told.story.contains(r"\u{1b}]0;x\u{7}") && told.story.contains(r"\u{1b}[2J"), "{:?}", told.story);
    let told = told.is(Class::Tool, "expected `sh -c ");
    assert!(!told.complaint.contains('\u{1b}'), "{:?}", told.complaint);
}
