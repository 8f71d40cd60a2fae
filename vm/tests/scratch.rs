//! Folders that are needed for a moment: there for as long as they are held, and no longer.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::path::Path;

use mdlab_vm::Scratch;

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_scratch_folder_is_there_for_as_long_as_it_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let held = Scratch::make(folder.path()).unwrap();
    for name in ["mdlab-abandoned", "somebody's"] {
        fs::create_dir_all(folder.path().join(name).join("inner")).unwrap();
    }
    let another = Scratch::make(folder.path()).unwrap();
    assert!(held.path().is_dir() && another.path().is_dir());
    assert_eq!(names(folder.path()).len(), 3);
    fs::remove_dir_all(folder.path().join("somebody's")).unwrap();
    drop(another);
    // What is kept lies elsewhere, and belongs to nobody.
    fs::write(held.path().join("file"), "text").unwrap();
    let place = tempfile::tempdir().unwrap().keep();
    held.keep(&place).unwrap();
    assert_eq!((names(folder.path()), names(&place)), (vec![], vec!["file".to_owned()]));
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn scratch_folders_that_are_made_at_once_do_not_remove_one_another() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let scratch = Scratch::make(folder.path()).unwrap();
                    fs::write(scratch.path().join("file"), "text").unwrap();
                    assert!(scratch.path().join("file").exists());
                }
            });
        }
    });
    assert_eq!(names(folder.path()), [""; 0]);
}

/// Two ask at once: one of them removes what was abandoned, which takes a while, and the other has its folder before
/// that.
#[test]
fn nobody_waits_until_others_have_removed_what_was_abandoned() {
    let folder = tempfile::tempdir().unwrap();
    let abandoned = folder.path().join("mdlab-abandoned");
    let did_not_wait = || {
        fs::create_dir_all(&abandoned).unwrap();
        for name in 0..3000 {
            fs::write(abandoned.join(name.to_string()), "").unwrap();
        }
        let asked = || Scratch::make(folder.path()).is_ok_and(|_scratch| abandoned.exists());
        let there = std::thread::scope(|scope| [(); 2].map(|()| scope.spawn(asked)).map(|one| one.join().unwrap()));
        assert!(!abandoned.exists());
        there.contains(&true)
    };
    // The removal may be over before the other has even asked.
    assert!((0..30).any(|_| did_not_wait()));
}
