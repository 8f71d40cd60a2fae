//! Whether recordings of the same scenario are the same bytes, however the host behaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use mdlab::{Class, Failure, Laboratory};
use mdlab_vm::Digest;

use crate::figure::processors;
use crate::scenario::{self, Recorded};

/// Machines that run at the same time.
const AT_ONCE: usize = 2;

/// Threads that do nothing but compete with the machines: one for each processor, but no fewer than this.
const FEWEST_BUSY: usize = 2;

/// The longest that the host thinks before it answers the guest, in microseconds.
const LONGEST_THOUGHT: u64 = 20_000;

/// Recordings that are the same: how many, and their bytes.
struct Group {
    count: u32,
    json: Vec<u8>,
}

type Groups = BTreeMap<String, Group>;

/// Prints how many recordings of `runs` runs are identical. They run two at a time, against busy loops on all processors,
/// and the host thinks for a random time before every answer.
pub(crate) fn measure(laboratory: &Laboratory, runs: u32) -> Result<(), Failure> {
    let busy = processors().max(FEWEST_BUSY);
    let groups = record_all(laboratory, runs, busy)?;
    let most = groups.values().map(|group| group.count).max().unwrap_or(0);
    let conditions =
        format!("{AT_ONCE} at a time, {busy} busy loops, answers up to {} ms late", LONGEST_THOUGHT / 1000);
    println!("raw recordings: {most} of {runs} identical ({conditions})");
    if most == runs {
        return Ok(());
    }
    let (counts, folder) = (sizes(&groups), write(laboratory, &groups)?);
    let text = format!("expected one group of identical recordings, got {}: {counts}; see", groups.len());
    Err(Failure::new(Class::Drift, format!("{text} `{}`", folder.display())))
}

fn record_all(laboratory: &Laboratory, runs: u32, busy: usize) -> Result<Groups, Failure> {
    let (left, done) = (AtomicU32::new(runs), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..busy {
            scope.spawn(|| while !std::hint::black_box(done.load(Ordering::Relaxed)) {});
        }
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| record_some(laboratory, &left))).collect();
        let outcomes: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        let mut groups = Groups::new();
        for outcome in outcomes {
            let some = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            for (digest, Group { count, json }) in some {
                groups.entry(digest).or_insert(Group { count: 0, json }).count += count;
            }
        }
        Ok(groups)
    })
}

/// Records until no run is left; a failure leaves none to the others.
fn record_some(laboratory: &Laboratory, left: &AtomicU32) -> Result<Groups, Failure> {
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    let mut groups = Groups::new();
    while take().is_ok() {
        let json = record(laboratory).inspect_err(|_| left.store(0, Ordering::Relaxed))?;
        let digest = Digest::of(&json).to_string();
        groups.entry(digest).or_insert(Group { count: 0, json }).count += 1;
    }
    Ok(groups)
}

fn record(laboratory: &Laboratory) -> Result<Vec<u8>, Failure> {
    let think = || thread::sleep(Duration::from_micros(fastrand::u64(0..=LONGEST_THOUGHT)));
    let mut session = laboratory.fork()?.with_hesitation(think);
    scenario::run(&mut session, Recorded::Fully)?;
    serde_json::to_vec(session.recording()).map_err(|error| Failure::infra(format!("encode a recording: {error}")))
}

fn sizes(groups: &Groups) -> String {
    let sizes = groups.values().map(|group| group.count.to_string());
    sizes.collect::<Vec<_>>().join(" + ")
}

/// Writes one recording of each group, to be compared, in place of what an earlier run has left.
fn write(laboratory: &Laboratory, groups: &Groups) -> Result<PathBuf, Failure> {
    let folder = mdlab::evidence(laboratory.machine(), "bench")?;
    let failed = |error| Failure::infra(format!("write recordings to `{}`: {error}", folder.display()));
    fs::remove_dir_all(&folder).and_then(|()| fs::create_dir(&folder)).map_err(failed)?;
    for (digest, group) in groups {
        let name = format!("{}-of-{}.json", group.count, &digest[..16]);
        fs::write(folder.join(name), &group.json).map_err(failed)?;
    }
    Ok(folder)
}
