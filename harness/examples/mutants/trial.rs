//! A run of scenarios against something that was built, and what it found.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, process};

use mdlab::{Class, Failure};
use mdlab_vm::Cache;

use crate::shown::failures;

/// Seconds after which a run is ended from outside. Each scenario bounds itself, so this is for none of them.
const LIMIT: &str = "3600";

/// Exit status of `timeout` when it had to end the run.
const TIMED_OUT: i32 = 124;

/// Runs scenarios by `mdlab run`, in a cache of its own: kept machines of mutants are of no use to anybody later.
pub(crate) struct Trials {
    cache: PathBuf,
    jobs: Option<u32>,
    most: u32,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Trial {
    /// Scenarios that failed, and how; none means that all passed.
    pub(crate) failed: Vec<Failed>,
    /// Wall time.
    pub(crate) seconds: u64,
    /// All that was said.
    pub(crate) log: String,
}

/// A scenario that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Its name.
    pub(crate) scenario: String,
    /// The class of the failure, and the channels that differ: `drift: syscalls, state`.
    pub(crate) how: String,
}

impl Trials {
    /// Runs that share the packages of a cache, `jobs` scenarios at the same time, and end after `most` failures.
    pub(crate) fn new(cache: &Cache, jobs: Option<u32>, most: u32) -> Result<Self, Failure> {
        let own = cache.path("mutants/cache");
        let failed = |error: std::io::Error| Failure::infra(format!("make `{}`: {error}", own.display()));
        fs::create_dir_all(&own).map_err(failed)?;
        let packages = own.join("packages");
        if !packages.exists() {
            std::os::unix::fs::symlink(cache.path("packages"), &packages).map_err(failed)?;
        }
        Ok(Self { cache: own, jobs, most })
    }

    /// Runs the scenarios that the filters name, all if there are none.
    pub(crate) fn run(&self, built: &[String], filters: &[String]) -> Result<Trial, Failure> {
        let start = Instant::now();
        let jobs = self.jobs.iter().flat_map(|jobs| ["--jobs".to_owned(), jobs.to_string()]);
        let mut command = process::Command::new("timeout");
        command
            .args([
                "--foreground",
                "--kill-after=60",
                LIMIT,
                env!("CARGO"),
                "run",
                "--quiet",
                "--package",
                "mdlab",
                "--",
                "run",
            ])
            .args(filters)
            .args(built)
            .args(["--max-fail", &self.most.to_string()])
            .args(jobs)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env("MDLAB_CACHE", &self.cache)
            // Whoever reviews snapshots must not be offered those of a mutant.
            .env("INSTA_UPDATE", "no")
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1");
        for name in ["MDLAB_KERNEL", "MDLAB_MDADM", "MDLAB_ACCEL", "MDLAB_SEED"] {
            command.env_remove(name);
        }
        let output = command.output().map_err(|error| Failure::infra(format!("run `timeout cargo run`: {error}")))?;
        let _ = fs::remove_dir_all(self.cache.join("kept"));
        let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let seconds = start.elapsed().as_secs();
        let mut failed = failures(&log);
        match output.status.code() {
            Some(0) => {}
            Some(TIMED_OUT) => failed.push(whole_run(&format!("no end within {LIMIT} s"))),
            Some(status) if failed.is_empty() && status == i32::from(Class::Boot.exit_status()) => {
                failed.push(whole_run("boot: the machine does not come up"));
            }
            Some(status) if failed.is_empty() || broken(status) => {
                let tail: Vec<&str> = log.lines().rev().take(30).collect();
                let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n  ");
                return Err(Failure::infra(format!("run scenarios: exit status {status}\n  {tail}")));
            }
            Some(_) => {}
            None => return Err(Failure::infra(format!("run scenarios: {}", output.status))),
        }
        Ok(Trial { failed, seconds, log })
    }
}

fn whole_run(how: &str) -> Failed {
    Failed { scenario: "all".to_owned(), how: how.to_owned() }
}

/// Statuses that say nothing of what was tried, but that the laboratory is at fault.
fn broken(status: i32) -> bool {
    [Class::Infra, Class::Usage].iter().any(|class| i32::from(class.exit_status()) == status)
}
