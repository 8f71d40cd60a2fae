//! What happens to the cache: kept machines that are damaged, asked for by many at once, or abandoned half made.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use mdlab_vm::{Cache, Kept, Kernel, Limits, plainly};

mod echo;

/// A cache of its own, with the packages of the user's, so that nothing is fetched.
fn cache() -> (tempfile::TempDir, Cache) {
    let users = Cache::open().unwrap();
    Kernel::find(&"debian:bookworm".parse().unwrap(), &users, &mut plainly("test")).unwrap();
    // Beside the user's cache: it must not be on another file system.
    let folder = tempfile::tempdir_in(users.path("")).unwrap();
    symlink(users.path("packages"), folder.path().join("packages")).unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    (folder, cache)
}

/// Keeps the echoing machine, and says what the user was told.
fn keep(cache: &Cache) -> (Kept, Vec<String>) {
    let mut notices = Vec::new();
    let kept = echo::keep(cache, Limits { call: Duration::from_secs(30), ..Limits::default() }, &mut |news| {
        notices.extend(news.line().map(str::to_owned))
    })
    .unwrap();
    (kept, notices)
}

fn answers(kept: &Kept) {
    let mut fork = kept.fork().unwrap();
    assert_eq!(fork.receive().unwrap(), b"ready");
}

/// The one kept machine of a cache.
fn entry(cache: &Cache) -> PathBuf {
    let entries: Vec<_> = cache.path("kept").read_dir().unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

#[test]
fn a_damaged_machine_is_made_anew_and_an_undamaged_one_is_not() {
    let (_folder, cache) = cache();
    let (_, notices) = keep(&cache);
    assert_eq!(notices, ["booting echo under tcg, once"]);
    assert!(keep(&cache).1.is_empty());

    let truncate = |path: &Path| OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 20).unwrap();
    let alter = |path: &Path| OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"x", 4096).unwrap();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let garble = |path: &Path| fs::write(path, "{").unwrap();
    type Damage<'a> = &'a dyn Fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("memory", &truncate),
        ("memory", &alter),
        ("mailbox", &alter),
        ("state", &remove),
        ("manifest.json", &garble),
    ];
    for (file, damage) in damages {
        damage(&entry(&cache).join(file));
        let (kept, notices) = keep(&cache);
        assert!(notices.iter().any(|notice| notice.contains("cannot be used, making it anew")), "{file}: {notices:?}");
        answers(&kept);
        assert!(keep(&cache).1.is_empty(), "{file}");
    }
}

#[test]
fn a_machine_that_was_only_touched_is_used_as_it_is() {
    let (_folder, cache) = cache();
    keep(&cache);
    let memory = entry(&cache).join("memory");
    // As a copy of the cache has it: the same bytes in another file.
    let copy = memory.with_extension("copy");
    fs::copy(&memory, &copy).unwrap();
    fs::rename(&copy, &memory).unwrap();
    let (kept, notices) = keep(&cache);
    assert!(notices.is_empty(), "{notices:?}");
    answers(&kept);
}

#[test]
fn however_many_ask_it_is_booted_once() {
    let (_folder, cache) = cache();
    let boots = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (kept, notices) = keep(&cache);
                boots.lock().unwrap().extend(notices);
                answers(&kept);
            });
        }
    });
    let boots = boots.into_inner().unwrap();
    assert_eq!(boots.iter().filter(|notice| notice.starts_with("booting")).count(), 1, "{boots:?}");
}

#[test]
fn what_a_killed_process_left_half_made_is_removed() {
    let (_folder, cache) = cache();
    keep(&cache);
    let kept = entry(&cache);
    let name = kept.file_name().unwrap().to_str().unwrap();
    let abandoned = kept.with_file_name(format!(".{name}.abandoned"));
    fs::rename(&kept, &abandoned).unwrap();
    answers(&keep(&cache).0);
    assert_eq!(entry(&cache), kept);
}

#[test]
fn altered_packages_are_not_booted() {
    let (folder, cache) = cache();
    fs::remove_file(folder.path().join("packages")).unwrap();
    let kernel = folder.path().join("packages/bookworm/kernel");
    fs::create_dir_all(kernel.join("root/boot")).unwrap();
    let users = Cache::open().unwrap().path("packages/bookworm/kernel");
    fs::copy(users.join("manifest.json"), kernel.join("manifest.json")).unwrap();
    let image = users.join("root/boot").read_dir().unwrap().flatten().map(|entry| entry.path());
    let image = image.into_iter().find(|path| path.to_string_lossy().contains("vmlinuz")).unwrap();
    fs::copy(&image, kernel.join("root/boot").join(image.file_name().unwrap())).unwrap();
    let error = echo::keep(&cache, Limits::default(), &mut |_| {}).err().unwrap();
    assert!(error.message.contains("were altered; `rm -r "), "{error}");
}
