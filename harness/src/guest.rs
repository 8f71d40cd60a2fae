//! The vocabulary of scenarios: what they ask of a guest. Whatever goes wrong fails the test.

mod arrays;
mod data;
pub(crate) mod debugger;
mod end;
mod faults;
mod files;
mod ioctls;
mod members;
mod modules;
mod needs;
mod reports;
mod sync;
mod title;
mod travel;

pub use faults::Fault;
pub use ioctls::Denial;
pub use needs::Need;
pub use reports::Report;
pub use travel::Disks;

use std::panic::Location;
use std::time::Duration;

use mdlab_protocol::{Exit, Observation};
use mdlab_vm::plainly;

use crate::choice::Choice;
use crate::failure::{Class, Failure};
use crate::folder;
use crate::laboratory::Laboratory;
use crate::outcome::{self, Word};
use crate::recording::{Command, Recording};
use crate::session::Session;
use end::{fail, heed_panics};
use title::Title;

/// A fresh machine for one scenario.
///
/// Every method panics where the scenario should fail; the message says what was expected, what came, where the evidence
/// lies, and how to run it again.
pub struct Guest {
    session: Session,
    title: Title,
    choice: Choice,
    /// How commands should end.
    ending: Ending,
    /// A command that ran outside of every step.
    stray: Option<String>,
    /// The step that is under way, or where between steps; and its line.
    place: (String, Option<&'static Location<'static>>),
    under_way: UnderWay,
    /// Disks that can be made to fail: node, disk behind it, its sectors.
    fragile: Vec<(String, String, u64)>,
}

impl Guest {
    /// Forks the machine that the environment names (see [`Choice`]).
    pub fn fork() -> Self {
        Self::fork_as(Choice::from_environment)
    }

    fn fork_as(choice: impl FnOnce() -> Result<Choice, Failure>) -> Self {
        let title = Title::of_thread();
        let made = choice().and_then(|choice| {
            let laboratory = Laboratory::open(&choice, &mut plainly("mdlab"))?;
            let session = debugger::fork(&laboratory, &title)?;
            Ok((hesitating(session)?, choice))
        });
        heed_panics();
        match made {
            Ok((session, choice)) => Self::of(session, choice, title),
            Err(failure) => fail(failure, &title),
        }
    }

    fn of(session: Session, choice: Choice, title: Title) -> Self {
        let machine = session.recording().machine.clone();
        if let Ok(folder) = folder::evidence(&machine, &title.folder()) {
            outcome::note(&title.test, Word::Forked { machine, options: choice.options(), folder });
        }
        Self {
            session,
            title,
            choice,
            ending: Ending::Success,
            stray: None,
            place: ("before any step".into(), None),
            under_way: UnderWay::Nothing,
            fragile: Vec::new(),
        }
    }

    /// Attaches files of `bytes` bytes to the next `count` loop devices.
    pub fn loops(&mut self, count: u32, bytes: u64) -> Vec<String> {
        let outcome = self.session.attach(count, bytes);
        self.expect(outcome)
    }

    /// Does something, waits until udev is done with it, and records all that happened as one step. Every command of a story
    /// belongs into one, or into [`Guest::prepare`].
    #[track_caller]
    pub fn step(&mut self, label: &str, act: impl FnOnce(&mut Self)) {
        self.stray = self.stray();
        self.place = (format!("step `{label}`"), Some(Location::caller()));
        self.under_way = UnderWay::Step(label.into());
        let outcome = debugger::stop_at(label, &self.title, &mut self.session);
        self.expect(outcome);
        act(self);
        let outcome = self.session.end_step(label).map(drop);
        self.expect(outcome);
        self.place.0 = format!("after step `{label}`");
        self.under_way = UnderWay::Nothing;
    }

    /// Does what the scenario takes for granted. It is kept as evidence, and shown in no channel but by what it left behind.
    #[track_caller]
    pub fn prepare(&mut self, act: impl FnOnce(&mut Self)) {
        self.place = ("what is given".into(), Some(Location::caller()));
        self.under_way = UnderWay::Given;
        self.untraced(act);
        let outcome = self.session.end_given().map(drop);
        self.expect(outcome);
        self.place.0 = "after what is given".into();
        self.under_way = UnderWay::Nothing;
    }

    /// Refuses commands outside of every step: a story would count them among the doings of the next, or not at all.
    pub(crate) fn refuse_strays(&self) {
        if let Some(line) = self.stray() {
            let text = format!("expected `{line}` to run in a step: put it into `Guest::step` or `Guest::prepare`");
            self.expect(Err(self.session.failure(Class::Usage, text)))
        }
    }

    fn stray(&self) -> Option<String> {
        self.stray.clone().or_else(|| self.session.stray().map(Command::line))
    }

    /// Does something whose system calls are another scenario's business: all else is recorded.
    pub fn untraced(&mut self, act: impl FnOnce(&mut Self)) {
        let traced = self.session.set_tracing(false);
        act(self);
        self.session.set_tracing(traced);
    }

    /// Like [`Guest::untraced`], for all that follows.
    pub fn trace_nothing(&mut self) {
        self.session.set_tracing(false);
    }

    /// Does what must be refused: every command of it must end with a status other than 0.
    pub fn refused(&mut self, act: impl FnOnce(&mut Self)) {
        self.ending_with(Ending::Refusal, act);
    }

    /// The kernel has a bug that it reports from here on, in a warning or the like whose first line has this in it. It counts
    /// for nothing, and it has to come: the scenario fails when the bug is fixed.
    pub fn expect_report(&mut self, part: &str) {
        self.session.expect_report(part);
    }

    /// The kernel has a bug that lets this task, `md0_resync`, hang from here on. It is not waited for, and it has to hang: the
    /// scenario fails when the bug is fixed.
    pub fn expect_hang(&mut self, task: &str) {
        self.session.expect_hang(task);
    }

    /// Does what some kernels refuse and others do not; the snapshots say how it ended.
    pub fn either_way(&mut self, act: impl FnOnce(&mut Self)) {
        self.ending_with(Ending::Either, act);
    }

    fn ending_with(&mut self, ending: Ending, act: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.ending, ending);
        act(self);
        self.ending = before;
    }

    /// Runs a command line, split into words as a shell does; it must end with status 0.
    pub fn run(&mut self, line: &str) {
        let words = self.words(line);
        self.command(&words, None);
    }

    /// Like [`Guest::run`]; whatever the command asks is answered with this line.
    pub fn run_answering(&mut self, line: &str, answer: &str) {
        let words = self.words(line);
        self.command(&words, Some(answer));
    }

    fn words(&self, line: &str) -> Vec<String> {
        let words = shell_words::split(line);
        let words = words.map_err(|error| Failure::usage(format!("split `{line}` into words: {error}")));
        self.expect(words)
    }

    /// Starts a command line that runs beside what follows, and waits until it has come to rest.
    pub fn start(&mut self, line: &str) -> Job {
        let argv = self.words(line);
        let outcome = self.session.start(&argv);
        Job { number: self.expect(outcome), argv }
    }

    /// Waits until a command that was started ends, which must be with status 0.
    pub fn finish(&mut self, job: Job) {
        let outcome = self.session.finish(job.number, &job.argv, false).cloned();
        let command = self.expect(outcome);
        self.judge(&command);
    }

    /// Has a command that was started end, by SIGTERM.
    pub fn terminate(&mut self, job: Job) {
        let outcome = self.session.finish(job.number, &job.argv, true).cloned();
        let command = self.expect(outcome);
        // Whoever catches the signal may end as it likes, but not with an error.
        if !matches!(command.exit, Some(Exit::Status(0) | Exit::Signal(nix::libc::SIGTERM))) {
            let text = format!("expected `{}` to end by SIGTERM, got: {}", command.line(), command.ending());
            self.expect::<()>(Err(self.session.failure(Class::Tool, text)));
        }
    }

    /// What was recorded so far.
    pub fn recording(&self) -> &Recording {
        self.session.recording()
    }

    /// How things stood when the last step had ended.
    pub fn after(&self) -> &Observation {
        let after = self.recording().steps.last().and_then(|step| step.after.as_ref());
        self.expect(after.ok_or_else(|| Failure::usage("expected a step to have ended: none has yet")))
    }

    /// The test's name: `mirror::creates_and_stops`.
    pub fn title(&self) -> &str {
        &self.title.test
    }

    /// Which of its guests this is, from 1 on.
    pub(crate) fn number(&self) -> u32 {
        self.title.number
    }

    /// Ends with a failure unless the outcome is a success.
    pub fn expect<T>(&self, outcome: Result<T, Failure>) -> T {
        match outcome {
            Ok(value) => value,
            Err(failure) => fail(self.located(failure), &self.title),
        }
    }

    /// Adds where the evidence of a failure lies, and how to run it again. The recording is kept when the guest is dropped.
    fn located(&self, failure: Failure) -> Failure {
        let mut failure = self.session.blame(failure);
        let (step, line) = &self.place;
        if failure.evidence.line.is_none() {
            failure.evidence.at.get_or_insert_with(|| step.clone());
            failure.evidence.line = line.map(Location::to_string);
        }
        if let Ok(folder) = folder::evidence(&self.recording().machine, &self.title.folder()) {
            // The failure itself matters more than a failure to write it down.
            let _ = std::fs::write(folder.join("console.log"), self.session.console());
            failure.evidence.folder = Some(folder);
        }
        let rerun = || format!("mdlab run {} {}", self.title.test, self.choice.options());
        failure.evidence.rerun.get_or_insert_with(rerun);
        failure
    }

    fn command(&mut self, argv: &[String], answer: Option<&str>) {
        let outcome = self.session.run(argv, answer).cloned();
        let command = self.expect(outcome);
        self.judge(&command);
    }

    /// Fails unless the command ended as it should.
    fn judge(&self, command: &Command) {
        let wanted = match (self.ending, command.exit) {
            (Ending::Success | Ending::Either, Some(Exit::Status(0))) => return,
            (Ending::Refusal | Ending::Either, Some(Exit::Status(status))) if status != 0 => return,
            (Ending::Success, _) => "end with status 0",
            (Ending::Refusal, _) => "be refused",
            (Ending::Either, _) => "end by itself",
        };
        let text = format!("expected `{}` to {wanted}, got: {}", command.line(), command.came());
        self.expect(Err(self.session.failure(Class::Tool, text)))
    }
}

/// The variable that says for how many milliseconds at most the host hesitates before each answer. Whatever is recorded must
/// not depend on it.
pub(crate) const HESITATION: &str = "MDLAB_HESITATION_MS";

fn hesitating(session: Session) -> Result<Session, Failure> {
    let Ok(longest) = std::env::var(HESITATION) else { return Ok(session) };
    let longest: u64 = longest.parse().map_err(|_| {
        Failure::usage(format!("read the variable {HESITATION}: expected milliseconds, got `{longest}`"))
    })?;
    Ok(session.with_hesitation(move || std::thread::sleep(Duration::from_micros(fastrand::u64(0..=longest * 1000)))))
}

/// What a scenario is at.
enum UnderWay {
    Nothing,
    Given,
    Step(String),
}

/// How a scenario wants commands to end.
#[derive(Clone, Copy)]
enum Ending {
    Success,
    Refusal,
    Either,
}

/// A command that runs beside what follows.
#[must_use = "a command that was started has to be finished or terminated"]
pub struct Job {
    number: u32,
    argv: Vec<String>,
}
