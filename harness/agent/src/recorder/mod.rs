//! What has been recorded and not been sent yet, and the sources that are drained into it.

mod announcements;
mod kernel_log;
mod length;
mod uevents;

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use mdlab_protocol::{Event, MAX_MESSAGE, What};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub(crate) use announcements::Announcements;
pub(crate) use kernel_log::KernelLog;
pub(crate) use uevents::Uevents;

use crate::clock;

/// Encoded bytes of one part of a recording. Far below the longest message, so that the event that fills it still fits.
const PART: usize = 128 * 1024;

/// Something that speaks by itself: the kernel's log, the uevents.
pub(crate) trait Source {
    /// Becomes readable when there is something to drain.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Takes out everything that is there, in order, without waiting.
    fn drain(&mut self, into: &mut Vec<What>);
}

/// A place in the recording, and when it was taken. A system call is recorded when it returns, but at the place where it
/// began: what it provoked meanwhile comes after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: u64,
    at: u64,
}

/// Events in the order in which they began.
#[derive(Default)]
pub(crate) struct Recorder {
    sources: Vec<Box<dyn Source>>,
    announcements: Announcements,
    /// Each with its place and a bound of its encoded length.
    events: VecDeque<(Place, Event, usize)>,
    bytes: usize,
    places: u64,
}

impl Recorder {
    /// Records what comes from these sources besides what is pushed.
    pub(crate) fn new(sources: Vec<Box<dyn Source>>) -> Self {
        Self { sources, ..Self::default() }
    }

    /// What to poll for.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sources.iter().map(|source| source.descriptor())
    }

    /// Takes the next place.
    pub(crate) fn place(&mut self) -> Place {
        self.places += 1;
        Place { number: self.places, at: u64::try_from(clock::now().as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Records one event.
    pub(crate) fn push(&mut self, what: What) {
        let place = self.place();
        self.push_at(place, what);
    }

    /// Records one event at a place that was taken before.
    pub(crate) fn push_at(&mut self, place: Place, what: What) {
        if let What::Uevent(uevent) = &what {
            self.announcements.note(uevent);
        }
        let mut event = Event { at: place.at, what };
        let mut length = length::bound(&event);
        if length > MAX_MESSAGE - PART {
            event.what = What::Lost("an event longer than a message".into());
            length = length::bound(&event);
        }
        self.bytes += length;
        let later = self.events.iter().rev().take_while(|(other, ..)| other.number > place.number).count();
        self.events.insert(self.events.len() - later, (place, event, length));
    }

    /// Records what the sources have to say, if anything. Asking them all at once costs one call where most stops of a
    /// traced process need no more; what a call provoked is there before the call's end is reported.
    pub(crate) fn drain_if_ready(&mut self) {
        let mut polled: Vec<_> = self.descriptors().map(|source| PollFd::new(source, PollFlags::POLLIN)).collect();
        // A poll that fails is no reason to miss anything.
        if poll(&mut polled, PollTimeout::ZERO) != Ok(0) {
            self.drain();
        }
    }

    /// Records what the sources have to say.
    pub(crate) fn drain(&mut self) {
        let mut fresh = Vec::new();
        for source in &mut self.sources {
            source.drain(&mut fresh);
        }
        fresh.into_iter().for_each(|what| self.push(what));
    }

    /// How many events were recorded so far, or are about to be.
    pub(crate) fn count(&self) -> u64 {
        self.places
    }

    /// Forgets everything that is recorded and all that the sources have to say.
    pub(crate) fn forget(&mut self) {
        self.drain();
        self.events.clear();
        self.bytes = 0;
    }

    /// Whether a part is full and should be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= PART
    }

    /// Takes out the oldest events, as many as make one part; `None` when there are none.
    pub(crate) fn part(&mut self) -> Option<Vec<Event>> {
        let mut part = Vec::new();
        let mut bytes = 0;
        while bytes < PART
            && let Some((_, event, length)) = self.events.pop_front()
        {
            bytes += length;
            part.push(event);
        }
        self.bytes -= bytes;
        Some(part).filter(|part| !part.is_empty())
    }

    /// Which uevents udev still has to announce.
    pub(crate) fn announcements(&mut self) -> &mut Announcements {
        &mut self.announcements
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdlab_protocol::encode;

    #[test]
    fn what_a_call_provoked_comes_after_it() {
        let mut recorder = Recorder::default();
        let place = recorder.place();
        recorder.push(What::Lost("provoked".into()));
        recorder.push_at(place, What::Lost("call".into()));
        recorder.push_at(place, What::Lost("belongs to the call".into()));
        let texts = recorder.part().into_iter().flatten().map(|event| match event.what {
            What::Lost(text) => text,
            other => panic!("{other:?}"),
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["call", "belongs to the call", "provoked"]);
    }

    #[test]
    fn a_long_recording_comes_in_parts_and_in_order() {
        let mut recorder = Recorder::default();
        for number in 0..100 {
            recorder.push(What::Lost(format!("{number} {}", "x".repeat(4096))));
        }
        assert!(recorder.is_full());
        let mut numbers = Vec::new();
        let mut parts = 0;
        while let Some(part) = recorder.part() {
            parts += 1;
            assert!(encode(&part).unwrap().len() < PART + 8192);
            for event in part {
                let What::Lost(text) = event.what else { panic!("{event:?}") };
                numbers.push(text.split(' ').next().unwrap().parse::<u32>().unwrap());
            }
        }
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        assert_eq!(parts, 4);
        assert!(!recorder.is_full());
    }

    #[test]
    fn an_event_that_fits_no_message_is_lost_not_fatal() {
        let mut recorder = Recorder::default();
        recorder.push(What::Lost("x".repeat(MAX_MESSAGE)));
        let part = recorder.part().unwrap();
        assert!(matches!(&part[..], [Event { what: What::Lost(text), .. }] if text.starts_with("an event")));
        assert_eq!(recorder.bytes, 0);
    }
}
