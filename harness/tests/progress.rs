//! What takes time is told: as it goes in a terminal, and not at all if so asked; elsewhere by a line (`at_once.rs`).
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use mdlab_vm::Cache;
use nix::pty::{Winsize, openpty};

mod workspace;

use workspace::{mdlab, said};

/// What a command that ends well says on its standard error, a terminal.
fn in_terminal(arguments: &[&str], cache: &Path) -> String {
    let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    let mut command = mdlab(arguments);
    command.env("MDLAB_CACHE", cache).env("TERM", "xterm").env("NO_COLOR", "1");
    let mut child = command.stdout(Stdio::null()).stderr(terminal.slave).spawn().unwrap();
    drop(command);
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    let mut reader = File::from(terminal.master);
    // A terminal whose last program has ended cannot be read: EIO.
    while let Ok(count @ 1..) = reader.read(&mut chunk) {
        said.extend_from_slice(&chunk[..count]);
    }
    assert!(child.wait().unwrap().success());
    String::from_utf8(said).unwrap()
}

#[test]
fn a_boot_is_told_as_it_goes() {
    let users = Cache::open().unwrap();
    mdlab::Laboratory::open(&mdlab::Choice::from_environment().unwrap(), &mut |_| {}).unwrap();
    // Beside the user's cache: it must not be on another file system.
    let folder = tempfile::tempdir_in(users.path("")).unwrap();
    symlink(users.path("packages"), folder.path().join("packages")).unwrap();
    let title = "booting debian:bookworm with mdadm debian:bookworm under tcg, once";
    let seen = in_terminal(&["trace", "true"], folder.path());
    // It was drawn again and again, and a line is left of it; nothing has a colour.
    assert!(seen.matches(title).count() > 5 && seen.contains("\x1b["), "{seen:?}");
    assert!(seen.contains(&format!("mdlab: {title}: ")) && !seen.contains("\x1b[3"), "{seen:?}");
    let again = mdlab(&["trace", "true"]).env("MDLAB_CACHE", folder.path()).output().unwrap();
    assert!(again.status.success() && !said(&again).contains(title), "{}", said(&again));

    fs::remove_dir_all(folder.path().join("kept")).unwrap();
    assert_eq!(in_terminal(&["trace", "--quiet", "true"], folder.path()), "");
    assert!(folder.path().join("kept").exists());
}
