//! The end of a scenario: what is kept of it, and who is told.

use std::cell::Cell;
use std::panic::Location;
use std::sync::Once;

use super::title::Title;
use super::{Guest, UnderWay};
use crate::failure::{Class, Evidence, Failure};
use crate::folder;
use crate::outcome::{self, Word};
use crate::session::GIVEN;

/// The label of what happened in no step.
const BETWEEN: &str = "between steps";

thread_local! {
    /// Whether the test that this thread runs is known to have failed.
    static FAILED: Cell<bool> = const { Cell::new(false) };

    /// Where it panicked last, and what was said.
    static PANIC: Cell<Option<(Option<String>, String)>> = const { Cell::new(None) };
}

/// The raw recording of every scenario is kept, as a [`Recording`](crate::Recording) in JSON, where a failure writes its evidence.
impl Drop for Guest {
    fn drop(&mut self) {
        // Where the scenario has failed already, the guest may not be there any more.
        let end = if std::thread::panicking() { Ok(()) } else { self.session.end() };
        let recording = match &self.under_way {
            UnderWay::Nothing => self.session.evidence(BETWEEN, false),
            UnderWay::Given => self.session.evidence(GIVEN, true),
            UnderWay::Step(label) => self.session.evidence(label, false),
        };
        let conversation = self.session.take_conversation();
        let left = conversation.map_or(Ok(()), |conversation| conversation.leave(&recording, self.title.number));
        let folder = folder::evidence(&recording.machine, &self.title.folder());
        let kept = folder.and_then(|folder| folder::write_recording(&folder, &recording)).and(left);
        if let (Err(failure), true) = (&kept, std::thread::panicking()) {
            // How the scenario ended matters more.
            eprintln!("mdlab: {failure}");
        }
        // Not the vocabulary's doing, and its message is printed already.
        if std::thread::panicking() && !FAILED.replace(true) {
            let text = "what the scenario asserts itself does not hold, or it makes a mistake";
            let (line, said) = PANIC.take().unwrap_or_default();
            let evidence = Evidence { line, ..Evidence::default() };
            let failure = self.located(Failure::with(Class::Drift, format!("{text}: {said}"), evidence));
            note_failure(&failure, &self.title);
            eprintln!("{failure}");
        }
        match end.and(kept) {
            _ if std::thread::panicking() => {}
            Ok(()) => outcome::note(&self.title.test, Word::Ended),
            Err(failure) => fail(self.located(failure), &self.title),
        }
    }
}

/// Has panics leave word of where they were, and go on as they did.
pub(super) fn heed_panics() {
    static HEEDED: Once = Once::new();
    HEEDED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let said = payload.downcast_ref::<String>().map(String::as_str);
            let said = said.or(payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned();
            PANIC.set(Some((panic.location().map(Location::to_string), said)));
            before(panic);
        }));
    });
}

fn note_failure(failure: &Failure, title: &Title) {
    let (class, message, place) = (failure.class, failure.to_string(), failure.evidence.line.clone());
    outcome::note(&title.test, Word::Failed { class, message, place });
}

/// Fails the test, and leaves word of it.
#[expect(clippy::panic, reason = "a scenario fails as every test does")]
pub(super) fn fail(failure: Failure, title: &Title) -> ! {
    FAILED.set(true);
    note_failure(&failure, title);
    panic!("{failure}");
}
