//! Whether md has something to do.
//!
//! sysfs decides. The attributes that are watched are those that the kernel notifies: `sync_action` and `array_state`
//! (sysfs_notify_dirent_safe in drivers/md/md.c), and /proc/mdstat (md_new_event). A file is opened before it is read, so
//! that a change after the reading wakes the next poll.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::failure::{Attempt, Failure};

/// The kernel's overview of all arrays.
pub(crate) const MDSTAT: &str = "/proc/mdstat";

/// Where block devices are.
pub(crate) const BLOCK: &str = "/sys/block";

/// What md is doing.
#[derive(Default)]
pub(crate) struct Activity {
    /// Files whose notification means that one should look again.
    pub(crate) watched: Vec<File>,
    /// Why md is not idle, one reason for each array and attribute.
    pub(crate) reasons: Vec<String>,
}

/// The arrays that sysfs knows, by name, sorted.
pub(crate) fn names() -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(BLOCK).attempt(|| format!("list `{BLOCK}`"))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut arrays: Vec<_> = names.filter(|name| name.starts_with("md") && folder(name).is_dir()).collect();
    arrays.sort();
    Ok(arrays)
}

/// Where an array's attributes are.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(BLOCK).join(name).join("md")
}

/// Looks at every array.
pub(crate) fn activity() -> Result<Activity, Failure> {
    let mut activity = Activity::default();
    let Some(mdstat) = activity.watch(Path::new(MDSTAT)) else { return Ok(activity) };
    for name in names()? {
        let folder = folder(&name);
        let state = activity.watch(&folder.join("array_state"));
        let action = activity.watch(&folder.join("sync_action"));
        // An array that is gone by now is idle.
        let Some(state) = state else { continue };
        let read = |attribute: &str| fs::read_to_string(folder.join(attribute)).unwrap_or_default();
        let array = Array {
            state: state.trim(),
            action: action.as_deref().map(str::trim),
            marks_clean: !read("safe_mode_delay").trim().trim_matches(['0', '.']).is_empty(),
            pending: is_pending(&mdstat, &name),
        };
        if let Some(reason) = array.busy() {
            let progress = progress(&read("sync_completed")).unwrap_or_default();
            activity.reasons.push(format!("`{name}`: {reason}{progress}"));
        }
    }
    Ok(activity)
}

impl Activity {
    /// Reads a file and watches it; `None` if it is not there: no md, no such level, no such array any more.
    fn watch(&mut self, path: &Path) -> Option<String> {
        let mut file = File::open(path).ok()?;
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        self.watched.push(file);
        Some(text)
    }
}

/// What decides whether an array is idle.
struct Array<'a> {
    state: &'a str,
    /// Levels without redundancy have none.
    action: Option<&'a str>,
    /// Whether it is marked clean some time after the last write; with a `safe_mode_delay` of 0 it never is.
    marks_clean: bool,
    /// Whether /proc/mdstat says that a resync will begin.
    pending: bool,
}

impl Array<'_> {
    fn busy(&self) -> Option<String> {
        let waits = match self.state {
            "write-pending" => true,
            "active" | "active-idle" => self.marks_clean,
            // clear, inactive, suspended, readonly, read-auto, clean, broken: they stay so until somebody acts.
            _ => false,
        };
        if waits {
            return Some(format!("`array_state` is `{}`", self.state));
        }
        match self.action {
            Some("idle") => {}
            Some("frozen") | None => return None,
            Some(action) => return Some(format!("`sync_action` is `{action}`")),
        }
        // Between RUN_ARRAY and the first turn of md's thread the action is still idle. A read-only or auto-read-only
        // array stays pending until it is written to.
        let writable = ["clean", "active", "active-idle"].contains(&self.state);
        (self.pending && writable).then(|| "`/proc/mdstat` shows `resync=PENDING`".into())
    }
}

/// Whether the section of `name` shows a resync that has not begun.
fn is_pending(mdstat: &str, name: &str) -> bool {
    let mut lines = mdstat.lines().skip_while(|line| line.split(' ').next() != Some(name));
    lines.next().is_some() && lines.take_while(|line| line.starts_with(' ')).any(|line| line.contains("resync=PENDING"))
}

/// Reads `sync_completed`, `4096 / 20480`.
fn progress(completed: &str) -> Option<String> {
    let (done, all) = completed.trim().split_once(" / ")?;
    Some(format!(", {done} of {all} sectors done"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(state: &'static str, action: Option<&'static str>) -> Array<'static> {
        Array { state, action, marks_clean: true, pending: false }
    }

    #[test]
    fn a_clean_array_without_a_resync_is_idle() {
        for (state, action) in [
            ("clean", Some("idle")),
            ("clean", None),
            ("read-auto", Some("idle")),
            ("inactive", None),
            ("clear", None),
            ("clean", Some("frozen")),
        ] {
            assert_eq!(array(state, action).busy(), None, "{state} {action:?}");
        }
    }

    #[test]
    fn what_will_change_by_itself_is_busy() {
        assert_eq!(array("clean", Some("resync")).busy().unwrap(), "`sync_action` is `resync`");
        assert_eq!(array("active", Some("idle")).busy().unwrap(), "`array_state` is `active`");
        assert!(array("write-pending", Some("idle")).busy().is_some());
    }

    #[test]
    fn an_array_that_is_never_marked_clean_is_idle_while_active() {
        assert_eq!(Array { marks_clean: false, ..array("active", Some("idle")) }.busy(), None);
    }

    #[test]
    fn a_pending_resync_begins_only_on_a_writable_array() {
        assert!(Array { pending: true, ..array("clean", Some("idle")) }.busy().is_some());
        assert_eq!(Array { pending: true, ..array("read-auto", Some("idle")) }.busy(), None);
        assert_eq!(Array { pending: true, ..array("clean", Some("frozen")) }.busy(), None);
    }

    #[test]
    fn a_section_of_mdstat_belongs_to_its_array() {
        let mdstat = "Personalities : [raid1]\nmd1 : active raid1 loop3[1] loop2[0]\n      10176 blocks [2/2] [UU]\n\n\
                      md10 : active raid1 loop1[1] loop0[0]\n      10176 blocks [2/2] [UU]\n      \tresync=PENDING\n\n\
                      unused devices: <none>\n";
        assert!(is_pending(mdstat, "md10"));
        assert!(!is_pending(mdstat, "md1"));
        assert!(!is_pending(mdstat, "md2"));
    }

    #[test]
    fn progress_is_in_sectors() {
        assert_eq!(progress("4096 / 20480\n").unwrap(), ", 4096 of 20480 sectors done");
        assert_eq!(progress("none\n"), None);
    }
}
