//! Redaction: what differs from run to run gets a name, and the same thing gets the same name wherever it shows.
//!
//! All of it is here. What is redacted: identifiers of arrays and members (they come from the random pool), process
//! identifiers, times, sequence numbers of uevents, how far a resync, a reshape or the writing back of a journal happened to
//! be, and how many events it added. What is never redacted: numbers that md decides, such as sizes, offsets, roles, and events
//! as far as no resync added them.

mod events;
mod mdstat;
mod messages;
mod uevents;

use std::collections::BTreeMap;

use mdlab_metadata::{FieldValue, Superblock, Time, Uuid};
use mdlab_protocol::{Event, ProcessChange, Uevent, Value, What};

use self::events::EventCounts;
use crate::channel::superblocks;
use crate::recording::Recording;

/// Properties of uevents that say when something happened, not what. `DISKSEQ` counts every disk since boot.
/// `RESHAPE_ACTIVE` (udev-md-raid-arrays.rules of mdadm; since 4.6 with `MD_`) depends on whether udev looked before the end of a
/// reshape, `SYSTEMD_READY` (99-systemd.rules) on whether it looked before the array was active.
const VOLATILE_PROPERTIES: [&str; 6] =
    ["SEQNUM", "USEC_INITIALIZED", "DISKSEQ", "RESHAPE_ACTIVE", "MD_RESHAPE_ACTIVE", "SYSTEMD_READY"];

/// Properties by which udev and device-mapper keep their own books: they say nothing of md, and change from one version of
/// udev to the next.
const BOOKKEEPING: [&str; 4] = ["UDEV_DATABASE_VERSION", "ID_IGNORE_DISKSEQ", "ID_LOOP_BACKING_", "DM_"];

/// Where udev links every disk under its number since boot; it came with systemd 251.
const BY_DISKSEQ: &str = "/dev/disk/by-diskseq/";

/// Where udev links loop devices under the numbers of their backing files, as the guest's tmpfs happens to give them
/// (60-persistent-storage.rules of systemd 257). Its properties have the same numbers.
const BY_LOOP_INODE: &str = "/dev/disk/by-loop-inode/";

/// Properties that list things in the order of udev's hash tables, which are keyed at random.
const SETS: [&str; 1] = ["DEVLINKS"];

/// Fields of a superblock that say how far something has come: a resync, a recovery, a reshape (which stays after its end as
/// it was at its last checkpoint, `super_1_sync` in drivers/md/md.c), the writing back of a journal.
const CHECKPOINTS: [&str; 4] = ["resync_offset", "recovery_offset", "reshape_position", "journal_tail"];

/// Fields of a superblock that count events: `cp_events` of format 0.90 does so at the last checkpoint.
const EVENTS: [&str; 2] = ["events", "cp_events"];

/// Where a field was read.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The array of its superblock.
    pub array: Uuid,
    /// Whether a resync or one of its kin was under way then.
    pub syncs: bool,
}

/// Names for what differs from run to run.
#[derive(Debug, Default)]
pub struct Redaction {
    /// Off: everything is shown as it was.
    transparent: bool,
    uuids: Vec<(Uuid, String)>,
    pids: BTreeMap<u32, String>,
    /// Texts and their replacements.
    words: Vec<(String, String)>,
    events: EventCounts,
}

impl Redaction {
    /// Shows everything as it was.
    pub fn none() -> Self {
        Self { transparent: true, ..Self::default() }
    }

    /// Learns from a recording what must be named. Names are given in the order of first appearance.
    pub fn of(recording: &Recording) -> Self {
        let mut redaction = Self { events: EventCounts::of(recording), ..Self::default() };
        for step in &recording.steps {
            // Before what udev announces, whose order is luck: members come in the order of their nodes.
            for (_, _, superblock) in step.after.iter().flat_map(superblocks) {
                redaction.learn_uuids(&superblock);
            }
            for event in &step.events {
                redaction.learn_pids(event);
                redaction.learn_announced(event);
            }
        }
        redaction
    }

    fn learn_pids(&mut self, event: &Event) {
        let pid = match &event.what {
            What::Syscall(call) => call.pid,
            What::Process(process) => {
                if let ProcessChange::Forked { parent } = process.change {
                    self.learn_pid(parent);
                }
                process.pid
            }
            _ => return,
        };
        self.learn_pid(pid);
    }

    fn learn_pid(&mut self, pid: u32) {
        let next = format!("PID{}", self.pids.len() + 1);
        if !self.pids.contains_key(&pid) {
            // mdadm names its temporary node after itself: `.tmp.md.1234:9:0`.
            self.words.push((format!(".tmp.md.{pid}:"), format!(".tmp.md.{next}:")));
            self.words.push((format!("/proc/{pid}/"), format!("/proc/{next}/")));
            self.pids.insert(pid, next);
        }
    }

    fn learn_uuids(&mut self, superblock: &Superblock) {
        for field in superblock.fields() {
            if let FieldValue::Uuid(uuid) = field.value {
                self.learn_uuid(uuid, if field.name == "device_uuid" { "device-uuid" } else { "array-uuid" });
            }
        }
    }

    /// udev announces identifiers of arrays and members that are gone at the end of a step.
    fn learn_announced(&mut self, event: &Event) {
        let What::Uevent(uevent) = &event.what else { return };
        for (property, kind) in
            [("MD_UUID", "array-uuid"), ("ID_FS_UUID", "array-uuid"), ("ID_FS_UUID_SUB", "device-uuid")]
        {
            let value = uevent.property(property).map(|value| value.replace('-', ""));
            if let Some(Ok(uuid)) = value.map(|value| value.parse()) {
                self.learn_uuid(uuid, kind);
            }
        }
    }

    fn learn_uuid(&mut self, uuid: Uuid, kind: &str) {
        if self.uuids.iter().any(|(known, _)| *known == uuid) || uuid == Uuid::default() {
            return;
        }
        let count = self.uuids.iter().filter(|(_, name)| name.starts_with(kind)).count();
        let name = format!("{kind}-{}", count + 1);
        for text in [uuid, uuid.swap_words()].iter().flat_map(|uuid| [uuid.to_string(), dashed(uuid)]) {
            self.words.push((text, name.clone()));
        }
        self.uuids.push((uuid, name));
    }

    /// A process identifier.
    pub fn pid(&self, pid: u32) -> String {
        self.pids.get(&pid).cloned().unwrap_or_else(|| pid.to_string())
    }

    /// A text in which anything may occur.
    pub fn text(&self, text: &str) -> String {
        let named = self.words.iter().fold(text.to_owned(), |text, (word, name)| text.replace(word, name));
        if self.transparent { named } else { self.printed(&mdstat::steady(&disk_sequence(&named))) }
    }

    /// Replaces the times, checksums and events that `mdadm --detail` and `--examine` print; whether a checksum is right
    /// stays.
    fn printed(&self, text: &str) -> String {
        let line = |line: &str| match line.split_once(" : ") {
            Some((name, _)) if name.ends_with(" Time") => format!("{name} : TIME"),
            Some((name, value)) if name.trim() == "Checksum" => {
                format!("{name} : {}", if value.ends_with(" correct") { "correct" } else { "WRONG" })
            }
            Some((name, value)) if name.trim() == "Events" => format!("{name} : {}", self.counts(value)),
            // Assemble.c of mdadm, when it is told to force.
            _ => match line.split_once("forcing event count in ").and_then(|(_, rest)| rest.split_once(" from ")) {
                Some((_, counts)) => line.replace(counts, &self.counts(counts)),
                None => line.to_owned(),
            },
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    /// Names the counts of events among words.
    fn counts(&self, text: &str) -> String {
        let name = |word: &str| word.parse().map_or_else(|_| word.to_owned(), |events| self.events.name_of_any(events));
        text.split(' ').map(name).collect::<Vec<_>>().join(" ")
    }

    /// What a field of a superblock holds. Of a checksum it is said whether it is right: its value depends on all that is
    /// redacted.
    pub fn value(&self, origin: Origin, name: &str, value: &FieldValue) -> String {
        match value {
            _ if self.transparent => value.to_string(),
            // An array that is not in sync begins at 0 (`super_1_sync` in drivers/md/md.c). While it is being resynced, it is
            // luck whether it has got past the first checkpoint.
            FieldValue::Sectors(0) if name != "resync_offset" || !origin.syncs => value.to_string(),
            FieldValue::Sectors(done) if CHECKPOINTS.contains(&name) && *done != u64::MAX => "PROGRESS".to_owned(),
            FieldValue::Unsigned(events) if EVENTS.contains(&name) => self.events.name(origin.array, *events),
            FieldValue::Uuid(uuid) => {
                let known = self.uuids.iter().find(|(known, _)| known == uuid);
                known.map_or_else(|| uuid.to_string(), |(_, name)| name.clone())
            }
            FieldValue::Time(time) if *time != Time::default() => "TIME".to_owned(),
            FieldValue::Checksum(checksum) => if checksum.is_valid() { "valid" } else { "WRONG" }.to_owned(),
            value => self.text(&value.to_string()),
        }
    }

    /// Whether an argument is left out, by the name of the ioctl that it belongs to. mdadm never fills in the `mdu_param_t` of
    /// RUN_ARRAY (`Create.c`), and the kernel never reads it (`md_ioctl` in drivers/md/md.c): it shows mdadm's stack.
    pub fn omits(&self, request: &str) -> bool {
        !self.transparent && request == "RUN_ARRAY"
    }

    /// Whether it is left out how the opening of a file ended: which drivers of PCI a kernel has is no doing of md's. mdadm looks
    /// for controllers of Intel's among them (`find_driver_devices` in its platform-intel.c).
    pub fn omits_result_of(&self, path: &str) -> bool {
        !self.transparent && path.starts_with("/sys/bus/pci/drivers/")
    }

    /// Whether searches of /dev are left out.
    pub fn omits_walks(&self) -> bool {
        !self.transparent
    }

    /// Whether a field of a system call's argument is a time: `mdu_array_info_t` has two (include/uapi/linux/raid/md_u.h).
    pub fn is_time(&self, name: &str, value: &Value) -> bool {
        !self.transparent && ["ctime", "utime"].contains(&name) && *value != Value::Int(0)
    }

    /// What an attribute of sysfs reads; `syncs` says whether a resync or one of its kin is under way on its array.
    pub fn attribute(&self, path: &str, value: &str, syncs: bool) -> String {
        let lucky = match path.rsplit('/').next().unwrap_or_default() {
            "sync_completed" | "resync_start" => syncs,
            // Of an array that is not being reshaped it says `none`.
            "reshape_position" => syncs && value != "none",
            // Of a member that was not being recovered it says `none`; of a journal where it begins, which has the same place in
            // memory (`struct md_rdev` of drivers/md/md.h).
            "recovery_start" => value != "none" && value != "0",
            _ => false,
        };
        if lucky && !self.transparent { "PROGRESS".to_owned() } else { self.text(value) }
    }

    /// A property of a uevent, unless it is left out.
    pub fn property(&self, name: &str, value: &str) -> Option<String> {
        if self.transparent {
            return Some(format!("{name}={value}"));
        }
        if VOLATILE_PROPERTIES.contains(&name) || BOOKKEEPING.iter().any(|begin| name.starts_with(begin)) {
            return None;
        }
        let mut value = self.text(value);
        if SETS.contains(&name) {
            let mut words: Vec<&str> = value.split(' ').filter(|word| !self.omits_link(word)).collect();
            words.sort_unstable();
            value = words.join(" ");
            if value.is_empty() {
                return None;
            }
        }
        Some(format!("{name}={value}"))
    }

    /// Whether a link to a device is left out.
    pub fn omits_link(&self, path: &str) -> bool {
        !self.transparent && [BY_DISKSEQ, BY_LOOP_INODE].iter().any(|folder| path.starts_with(folder))
    }

    /// The kernel's messages of a step, a line each, as far as they do not depend on luck.
    pub fn messages(&self, lines: Vec<String>) -> Vec<String> {
        if self.transparent { lines } else { messages::reports_in_short(&messages::without_races(lines)) }
    }

    /// The uevents of a step as far as they do not depend on luck.
    pub fn uevents(&self, events: &[&Uevent]) -> Vec<Uevent> {
        let events = events.iter().map(|event| (*event).clone()).collect();
        if self.transparent { events } else { uevents::without_luck(events) }
    }
}

/// An identifier as udev shows it: `01234567-89ab-cdef-0123-456789abcdef`.
fn dashed(uuid: &Uuid) -> String {
    let hex = uuid.to_string().replace(':', "");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Replaces the number in `/dev/disk/by-diskseq/9`, which counts every disk since boot.
fn disk_sequence(text: &str) -> String {
    let mut parts = text.split(BY_DISKSEQ);
    let first = parts.next().unwrap_or_default().to_owned();
    parts
        .fold(first, |text, part| text + BY_DISKSEQ + "DISKSEQ" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_not_counted() {
        let links = "/dev/disk/by-diskseq/9 /dev/disk/by-id/md-name-mdlab:0 /dev/disk/by-diskseq/10";
        let expected = "/dev/disk/by-diskseq/DISKSEQ /dev/disk/by-id/md-name-mdlab:0 /dev/disk/by-diskseq/DISKSEQ";
        assert_eq!(disk_sequence(links), expected);
        let redaction = Redaction::default();
        let property = |name, value| redaction.property(name, value);
        assert_eq!(property("DEVLINKS", links).as_deref(), Some("DEVLINKS=/dev/disk/by-id/md-name-mdlab:0"));
        assert_eq!(property("DEVLINKS", "/dev/disk/by-diskseq/9"), None);
        assert_eq!((property("DM_UDEV_RULES_VSN", "2"), property("UDEV_DATABASE_VERSION", "1")), (None, None));
        assert_eq!(property("MD_LEVEL", "raid1").as_deref(), Some("MD_LEVEL=raid1"));
    }

    #[test]
    fn times_and_sums_that_mdadm_prints_are_named() {
        let printed = "     Raid Level : raid1\n  Creation Time : Thu Jan  1 00:00:12 2026\n       Checksum : 8b3458ff - correct\n";
        let expected = "     Raid Level : raid1\n  Creation Time : TIME\n       Checksum : correct\n";
        let redaction = Redaction::default();
        assert_eq!(redaction.printed(printed), expected);
        assert!(redaction.printed("       Checksum : 8b3458ff - expected 8b3458fe").ends_with(" : WRONG"));
        assert_eq!(redaction.printed("         Events : 17"), "         Events : 17");
    }

    #[test]
    fn a_process_keeps_its_name() {
        let mut redaction = Redaction::default();
        redaction.learn_pid(1419);
        redaction.learn_pid(1420);
        redaction.learn_pid(1419);
        assert_eq!(redaction.pid(1420), "PID2");
        assert_eq!(redaction.text("/dev/.tmp.md.1419:9:0"), "/dev/.tmp.md.PID1:9:0");
        assert_eq!(Redaction::none().text("/dev/.tmp.md.1419:9:0"), "/dev/.tmp.md.1419:9:0");
    }
}
