//! The command `md` in the guest: what it does, and that whatever it refuses leaves no trace.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use mdlab::{Choice, Laboratory, Session};
use mdlab_protocol::{Exit, Observation, What};

/// Disks of a guest, and their size: 10 MiB.
const DISKS: u32 = 3;
const BYTES: u64 = 10 << 20;

/// A guest with disks, and the last thing that was looked at.
struct Guest(Session);

impl Guest {
    fn new() -> Self {
        let laboratory = Laboratory::open(&Choice::from_environment().unwrap(), &mut |_| {}).unwrap();
        let mut session = laboratory.fork().unwrap();
        session.attach(DISKS, BYTES).unwrap();
        Self(session)
    }

    /// Runs a command line; returns its status, and what it wrote to its standard output and its standard error.
    fn run(&mut self, line: &str) -> (i32, String, String) {
        let command = self.0.run(&shell_words::split(line).unwrap(), None).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let Some(Exit::Status(status)) = command.exit else { panic!("{line}: {}", command.ending()) };
        (status, text(&command.output.stdout), text(&command.output.stderr))
    }

    /// Runs a command line that must end well; returns what it printed.
    fn does(&mut self, line: &str) -> String {
        let (status, output, error) = self.run(line);
        assert_eq!((status, error.as_str()), (0, ""), "{line}\n{output}");
        output
    }

    /// Runs a command line that must be refused with this status and one line, and must leave everything as it was.
    fn refuses(&mut self, line: &str, status: i32, expected: &str) {
        let before = self.looks();
        let (ended, output, error) = self.run(line);
        assert_eq!(
            (ended, output.as_str(), error.as_str()),
            (status, "", format!("md: {expected}\n").as_str()),
            "{line}"
        );
        assert_eq!(self.looks(), before, "{line}");
    }

    /// The arrays and the members as they are. Every sector that was filled is looked at.
    fn looks(&mut self) -> (Observation, String) {
        self.0.settle(true).unwrap();
        let map = self.does("md map /dev/loop0 /dev/loop1 /dev/loop2");
        (self.0.end_step("look").unwrap().after.clone().unwrap(), map)
    }
}

#[test]
fn a_mirror_is_created_stopped_and_assembled_again() {
    let mut guest = Guest::new();
    guest.does("md create /dev/md0 --level 1 /dev/loop0 /dev/loop1");
    guest.0.settle(true).unwrap();
    let after = guest.0.end_step("create").unwrap().after.as_ref().unwrap();
    assert!(after.mdstat.as_ref().unwrap().contains("raid1 loop1[1] loop0[0]"), "{:?}", after.mdstat);
    assert_eq!(after.members.iter().map(|member| member.superblocks.len()).collect::<Vec<_>>(), [1, 1, 0]);

    guest.does("md stop /dev/md0");
    assert!(guest.0.end_step("stop").unwrap().after.as_ref().unwrap().attributes.is_empty());
    guest.does("md assemble /dev/md0 /dev/loop0 /dev/loop1");
    let answer = guest.does("md ioctl /dev/md0 GET_ARRAY_INFO");
    assert!(answer.starts_with("GET_ARRAY_INFO = 0\nmajor_version=1\nminor_version=2\n"), "{answer}");
    assert!(answer.contains("\nlevel=1\n") && answer.contains("\nworking_disks=2\n"), "{answer}");
    guest.refuses("md stop /dev/md7", 1, "open `/dev/md7`: ENOENT");
}

#[test]
fn what_is_half_assembled_is_not_taken_apart() {
    let mut guest = Guest::new();
    guest.does("md create /dev/md0 --level 1 /dev/loop0 /dev/loop1");
    guest.does("md stop /dev/md0");
    guest.does("md ioctl --new /dev/md0 SET_ARRAY_INFO major_version=1 minor_version=2");
    guest.does("md ioctl /dev/md0 ADD_NEW_DISK major=7 minor=0");
    let expected = "use `/dev/md0`: another array by this name is half assembled; stop it with `md stop /dev/md0`, or take \
                    another node";
    guest.refuses("md create /dev/md0 --level 1 /dev/loop1 /dev/loop2", 1, expected);
    guest.refuses("md assemble /dev/md0 /dev/loop1", 1, expected);
}

#[test]
fn a_refused_create_leaves_no_trace() {
    let mut guest = Guest::new();
    (0..DISKS).for_each(|disk| drop(guest.does(&format!("md fill /dev/loop{disk}"))));
    assert_eq!(guest.looks().1, "loop0 0..20479 = 0..20479\nloop1 0..20479 = 0..20479\nloop2 0..20479 = 0..20479\n");
    for (line, status, expected) in [
        ("--levle 1 /dev/loop0 /dev/loop1", 2, "parse `--levle`: `md create` has no such option; `md help` lists them"),
        ("--level 1 /dev/loop0 /dev/loop9x", 1, "open `/dev/loop9x`: ENOENT; name a device that is there"),
        (
            "--level 1 /dev/loop0 /dev/loop0",
            2,
            "use `/dev/loop0`: it is the same device as `/dev/loop0`; name each device once",
        ),
        (
            "--level 0 --chunk 16384 /dev/loop0 /dev/loop2",
            1,
            "use `/dev/loop0`: 10240 KiB leave 0 KiB for data; give a larger device, a smaller size or chunk",
        ),
        (
            "--level 1 --spare-devices 2 /dev/loop0 /dev/loop1",
            2,
            "count `DEVICE...`: 2 are listed for 0 members, 2 spares and 0 journals; \
             list as many, `missing` for those that are not there",
        ),
        ("--level 1 --size 3 /dev/loop0 /dev/loop1", 2, "parse `--size 3`: it is out of range; give KiB, 4 at least"),
        // No member is there whose size would bound that of the array.
        (
            "--level 5 --size 18446744073709551615 missing missing --write-journal /dev/loop0",
            2,
            "parse `--size 18446744073709551615`: the array would have 8 EiB or more; give a smaller size",
        ),
        (
            "--level 5 missing missing --write-journal /dev/loop0",
            2,
            "settle `--size`: no member is there that would decide it; give it",
        ),
    ] {
        guest.refuses(&format!("md create /dev/md0 {line}"), status, expected);
    }

    guest.does("md create /dev/md0 --level 1 /dev/loop0 /dev/loop1");
    let busy = "open `/dev/loop1`: EBUSY; it is in use: stop the array, or unmount the file system, that holds it";
    guest.refuses("md create /dev/md1 --level 1 /dev/loop2 /dev/loop1", 1, busy);
    let running = "use `/dev/md0`: another array by this name is already running; \
                   stop it with `md stop /dev/md0`, or take another node";
    guest.refuses("md create /dev/md0 --level 1 /dev/loop2 missing", 1, running);
    let foreign = "use `/dev/loop2`: it has no valid superblock of format 1.0, 1.1 or 1.2; name a member of an array";
    guest.refuses("md assemble /dev/md1 /dev/loop2", 1, foreign);
}

#[test]
fn what_the_kernel_refuses_is_stopped_and_explained() {
    let mut guest = Guest::new();
    let (status, _, error) = guest.run("md create /dev/md0 --level 5 --chunk 24 /dev/loop0 /dev/loop1 /dev/loop2");
    let expected = "md: issue `RUN_ARRAY` on `/dev/md0`: EINVAL; the problem may be that the chunk of 24 KiB is not a power of 2\n";
    assert_eq!((status, error.as_str()), (1, expected));
    assert!(guest.0.end_step("refused").unwrap().after.as_ref().unwrap().attributes.is_empty(), "the array is gone");
}

#[test]
fn an_ioctl_says_how_it_ended() {
    let mut guest = Guest::new();
    let ended = |outcome: (i32, String, String)| (outcome.0, outcome.1);
    assert_eq!(ended(guest.run("md ioctl /dev/null STOP_ARRAY")), (1, "STOP_ARRAY = ENOTTY\n".into()));
    guest.does("md create /dev/md0 --level 1 /dev/loop0 /dev/loop1");
    assert_eq!(ended(guest.run("md ioctl --unprivileged /dev/md0 STOP_ARRAY")), (1, "STOP_ARRAY = EACCES\n".into()));
    assert_eq!(guest.does("md ioctl /dev/md0 SET_DISK_FAULTY /dev/loop1"), "SET_DISK_FAULTY = 0\n");
    let disk = guest.does("md ioctl /dev/md0 GET_DISK_INFO number=1");
    assert!(disk.contains("minor=1\n") && disk.contains("state=MD_DISK_FAULTY\n"), "{disk}");
    assert_eq!(guest.does("md ioctl /dev/md0 HOT_REMOVE_DISK 7:1"), "HOT_REMOVE_DISK = 0\n");
    assert_eq!(guest.does("md ioctl --read-only /dev/loop0 BLKGETSIZE64"), format!("BLKGETSIZE64 = 0\n{BYTES}\n"));
    let fields = "minor_version=2 major_version=1";
    assert_eq!(guest.does(&format!("md ioctl --new /dev/md5 SET_ARRAY_INFO {fields}")), "SET_ARRAY_INFO = 0\n");
}

#[test]
fn chunks_are_shown_where_they_lie() {
    let mut guest = Guest::new();
    guest.does("md create /dev/md0 --level 0 /dev/loop0 /dev/loop1");
    guest.does("md fill /dev/md0 --seed 5");
    assert_eq!(guest.does("md check /dev/md0 --seed 5"), "32768 sectors as written\n");
    let map = guest.does("md map --seed 5 /dev/loop0 /dev/loop1");
    // Chunks of 512 KiB in turn.
    for expected in ["loop0 4096..5119 = 0..1023", "loop1 4096..5119 = 1024..2047", "loop0 5120..6143 = 2048..3071"] {
        assert!(map.lines().any(|line| line == expected), "{expected}\n{map}");
    }
    let (status, output, _) = guest.run("md check /dev/md0");
    assert_eq!((status, output.as_str()), (1, "sectors 0..32767: expected their own, got something else\n"));

    // The transfers are not what a recording is about.
    let step = guest.0.end_step("fill").unwrap();
    let calls = step.events.iter().filter(|event| matches!(event.what, What::Syscall(_))).count();
    assert!(calls < 200, "{calls} calls");

    guest.does("md fill /tmp/file --sectors 3000 --from 1");
    assert_eq!(guest.does("md check /tmp/file --zero-allowed"), "3000 sectors as written, 1 zero\n");
}

#[test]
fn mdadms_monitor_can_run_it() {
    let mut guest = Guest::new();
    guest.does("md-alert Fail /dev/md0 /dev/loop1");
    // How many of these there are depends on when the monitor looks.
    guest.does("md-alert Rebuild20 /dev/md0");
    let step = guest.0.end_step("alert").unwrap();
    let logged = step.events.iter().filter_map(|event| match &event.what {
        What::Kernel(message) => Some(message.text.as_str()),
        _ => None,
    });
    assert_eq!(logged.collect::<Vec<_>>(), ["mdadm: Fail /dev/md0 /dev/loop1"]);
}
