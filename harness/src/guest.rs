//! The vocabulary of scenarios: what they ask of a guest. Whatever goes wrong fails the test.

use mdlab_protocol::Exit;

use crate::array::Array;
use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::folder;
use crate::laboratory::Laboratory;
use crate::recording::Recording;
use crate::session::Session;

/// The slowest pace of a resync that the kernel accepts, in KiB/s.
const SLOWEST: &str = "1";

/// The kernel's own limits of a resync, lower and upper, in KiB/s (drivers/md/md.c).
const DEFAULT_SPEED: [&str; 2] = ["1000", "200000"];

/// A fresh machine for one scenario.
///
/// Every method panics where the scenario should fail; the message says what was expected, what came, where the evidence
/// lies, and how to run it again.
pub struct Guest {
    session: Session,
    title: String,
    choice: Choice,
}

impl Guest {
    /// Forks the machine that the environment names (see [`Choice`]).
    pub fn fork() -> Self {
        let title = title();
        let made = Choice::from_environment().and_then(|choice| {
            let laboratory = Laboratory::open(&choice, &mut |text| eprintln!("mdlab: {text}"))?;
            Ok((laboratory.fork()?, choice))
        });
        match made {
            Ok((session, choice)) => Self { session, title, choice },
            Err(failure) => fail(failure, &title, None),
        }
    }

    /// Attaches files of `bytes` bytes to the next `count` loop devices.
    pub fn loops(&mut self, count: u32, bytes: u64) -> Vec<String> {
        let outcome = self.session.attach(count, bytes);
        self.expect(outcome)
    }

    /// Does something, waits until udev is done with it, and records all that happened as one step.
    pub fn step(&mut self, label: &str, act: impl FnOnce(&mut Self)) {
        act(self);
        let outcome = self.session.end_step(label).map(drop);
        self.expect(outcome);
    }

    /// Has mdadm create an array. It asks whether to go on when the members are small or hold something; it is told to.
    pub fn create(&mut self, array: &Array) {
        self.command(&array.create(), Some("y"));
    }

    /// Has mdadm stop an array.
    pub fn stop(&mut self, array: &Array) {
        self.command(&array.stop(), None);
    }

    /// Runs a command line, split into words as a shell does; it must end with status 0.
    pub fn run(&mut self, line: &str) {
        let words = shell_words::split(line);
        let words = words.map_err(|error| Failure::usage(format!("split `{line}` into words: {error}")));
        let words = self.expect(words);
        self.command(&words, None);
    }

    /// Has every resync, recovery, check and reshape stop at its first blocks until [`Guest::release_sync`], so that what
    /// a step shows does not depend on how far one happens to be.
    ///
    /// md paces them by two limits (`dev.raid.speed_limit_min` and `_max`, in KiB/s): above the upper one it pauses for half
    /// a second before each further window (`md_do_sync` in drivers/md/md.c).
    pub fn hold_sync(&mut self) {
        self.limit_sync([SLOWEST, SLOWEST]);
    }

    /// Lets resyncs and their kin run as fast as they can.
    pub fn release_sync(&mut self) {
        self.limit_sync(DEFAULT_SPEED);
    }

    fn limit_sync(&mut self, [min, max]: [&str; 2]) {
        for (name, limit) in [("min", min), ("max", max)] {
            let outcome = self.session.write(&format!("/proc/sys/dev/raid/speed_limit_{name}"), limit);
            self.expect(outcome);
        }
    }

    /// Waits until md has nothing left to do: no resync, recovery, check or reshape, every array marked clean.
    pub fn wait_idle(&mut self) {
        let outcome = self.session.settle(true);
        self.expect(outcome);
    }

    /// What was recorded so far.
    pub fn recording(&self) -> &Recording {
        self.session.recording()
    }

    /// Ends with a failure unless the outcome is a success.
    pub fn expect<T>(&self, outcome: Result<T, Failure>) -> T {
        match outcome {
            Ok(value) => value,
            Err(mut failure) => {
                failure
                    .evidence
                    .rerun
                    .get_or_insert_with(|| format!("mdlab run {} {}", self.title, self.choice.options()));
                fail(failure, &self.title, Some(&self.session))
            }
        }
    }

    /// Writes the raw recording, as [`Recording`] in JSON, to where a failure writes its evidence too.
    pub fn keep_recording(&self) {
        let folder = folder::evidence(&self.session.recording().machine, &self.title);
        let outcome = folder.and_then(|folder| folder::write_recording(&folder, self.session.recording()));
        self.expect(outcome);
    }

    fn command(&mut self, argv: &[String], answer: Option<&str>) {
        let outcome = match self.session.run(argv, answer) {
            Ok(command) if command.exit == Exit::Status(0) => Ok(()),
            Ok(command) => {
                let said = String::from_utf8_lossy(&command.output.stderr).trim().replace('\n', "; ");
                let text = format!(
                    "expected `{}` to end with status 0, it ended with {}: {said}",
                    command.line(),
                    command.ending()
                );
                Err(self.session.failure(Class::Tool, text))
            }
            Err(failure) => Err(failure),
        };
        self.expect(outcome);
    }
}

/// The name of the running test, `mirror::creates_and_stops`; `cargo test` and cargo-nextest both name its thread so.
fn title() -> String {
    std::thread::current().name().unwrap_or("scenario").to_owned()
}

/// Fails the test, having written down what is known.
#[expect(clippy::panic, reason = "a scenario fails as every test does")]
fn fail(mut failure: Failure, title: &str, session: Option<&Session>) -> ! {
    if let Some(session) = session
        && let Ok(folder) = folder::evidence(&session.recording().machine, title)
    {
        // The failure itself matters more than a failure to write it down.
        let _ = folder::write_recording(&folder, session.recording());
        let _ = std::fs::write(folder.join("console.log"), session.console());
        failure.evidence.folder = Some(folder);
    }
    folder::note_failure(title, &failure);
    panic!("{failure}");
}
