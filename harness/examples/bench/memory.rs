//! What idle forks hold.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use mdlab::{Failure, Laboratory, Session};

use crate::figure::Figure;

/// Forks that are held at the same time.
const FORKS: usize = 10;

/// Bytes of a page of x86-64.
const PAGE: i64 = 4096;

/// What one fork holds, what ten hold together, and by how much less memory the host has for others.
struct Round {
    one: i64,
    one_available: i64,
    ten: i64,
    ten_available: i64,
}

/// Prints what one idle fork and ten idle forks hold, by two methods that know nothing of each other:
///
/// - What the kernel accounts to the processes of QEMU ([`held`]).
/// - By how much the memory that the host has for others has sunk ([`available`]). It covers what no process is charged
///   with, such as page tables and sockets, leaves out clean pages of files, which the kernel may drop, and includes
///   whatever else the host was doing.
pub(crate) fn measure(laboratory: &Laboratory, times: u32) -> Result<(), Failure> {
    let rounds: Vec<Round> = (0..times).map(|_| round(laboratory)).collect::<Result<_, _>>()?;
    let print = |name, value: fn(&Round) -> i64| Figure::bytes(name, rounds.iter().map(value)).print();
    print("memory of one idle fork (Pss, and its files in memory)", |round| round.one);
    print("  by MemAvailable, per-CPU lists included", |round| round.one_available);
    print("memory of ten idle forks together", |round| round.ten);
    print("  by MemAvailable, per-CPU lists included", |round| round.ten_available);
    Ok(())
}

fn round(laboratory: &Laboratory) -> Result<Round, Failure> {
    let before = available()?;
    let mut forks = vec![laboratory.fork()?];
    let (one, one_available) = (held(&forks)?, before - available()?);
    while forks.len() < FORKS {
        forks.push(laboratory.fork()?);
    }
    Ok(Round { one, one_available, ten: held(&forks)?, ten_available: before - available()? })
}

/// Bytes that forks hold, each page counted once.
///
/// Pss (/proc/PID/smaps_rollup) divides a page by the processes that map it, so that the sum over all forks has shared
/// pages once: QEMU itself, and what the guests have read of the kept memory. Those are clean pages of files that the
/// page cache would hold without any fork, so the figure is rather too high. It would be too low for files in memory
/// (memfd: the mailbox, the console): the host maps the mailbox too and would take half of it, and what nobody maps is
/// not counted at all. Their share of Pss is therefore replaced by the blocks that they take.
fn held(forks: &[Session]) -> Result<i64, Failure> {
    let mut bytes = 0;
    let mut files = BTreeMap::new();
    for fork in forks {
        let process = PathBuf::from(format!("/proc/{}", fork.process_id()));
        let rollup = read(process.join("smaps_rollup"))?;
        bytes += entry(&rollup, "Pss")? - entry(&rollup, "Pss_Shmem")?;
        let folder = process.join("fd");
        let list =
            folder.read_dir().map_err(|error| Failure::infra(format!("list `{}`: {error}", folder.display())))?;
        for descriptor in list.flatten().map(|entry| entry.path()) {
            let target = fs::read_link(&descriptor).unwrap_or_default();
            if target.to_string_lossy().starts_with("/memfd:")
                && let Ok(file) = fs::metadata(&descriptor)
            {
                // A block is 512 bytes, whatever the file system (stat(2)).
                files.insert(file.ino(), file.blocks() as i64 * 512);
            }
        }
    }
    Ok(bytes + files.values().sum::<i64>())
}

/// `MemAvailable` (/proc/meminfo), and the free pages that each CPU has set aside for itself (`count` in /proc/zoneinfo),
/// which it leaves out. Since 6.7 a CPU keeps as many as it has lately needed (`pcp->high` in mm/page_alloc.c): hundreds of
/// megabytes once ten forks have ended, and the next ten would seem to take nothing.
fn available() -> Result<i64, Failure> {
    let zones = read("/proc/zoneinfo".into())?;
    let counts = zones.lines().filter_map(|line| line.trim().strip_prefix("count:")?.trim().parse::<i64>().ok());
    Ok(entry(&read("/proc/meminfo".into())?, "MemAvailable")? + counts.sum::<i64>() * PAGE)
}

fn read(path: PathBuf) -> Result<String, Failure> {
    fs::read_to_string(&path).map_err(|error| Failure::infra(format!("read `{}`: {error}", path.display())))
}

/// The bytes of a line such as `Pss:    1024 kB`.
fn entry(text: &str, name: &str) -> Result<i64, Failure> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = lines.next().and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<i64>().ok());
    kibibytes
        .map(|count| count * 1024)
        .ok_or_else(|| Failure::infra(format!("read `{name}`: it is not among `{text}`")))
}
