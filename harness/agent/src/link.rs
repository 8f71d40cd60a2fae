//! The way to the host: one message out, one message in, frozen in between.

use std::time::Duration;

use mdlab_mailbox::guest::Guest;
use mdlab_protocol::{Event, Reply, Request, WireError, decode, encode};

use crate::clock::Deadline;
use crate::failure::{Attempt, Failure};

/// How often the host hears of a guest that waits. What never ends is bounded here, by virtual time, however slowly that
/// passes on the host; there, by wall time, only a guest that keeps silent.
const WORD: Duration = Duration::from_secs(1);

/// The mailbox, speaking the protocol.
pub(crate) struct Link {
    guest: Guest,
    word: Deadline,
}

impl Link {
    pub(crate) fn new(guest: Guest) -> Self {
        // While the machine boots the host wants to hear nothing but its end.
        Self { guest, word: Deadline::after(Duration::MAX) }
    }

    /// Asks to be kept; every fork returns from here. A fork that asks stops, and returns when a debugger has it go on.
    pub(crate) fn keep(&mut self) -> Result<(), Failure> {
        self.guest.keep().attempt(|| "ask the host to keep the machine".into())?;
        self.word = Deadline::after(WORD);
        Ok(())
    }

    /// When the host is to hear something, be it nothing new.
    pub(crate) fn word(&self) -> Deadline {
        self.word
    }

    /// Sends a reply and returns the next request, or why the host's message is none.
    pub(crate) fn exchange(&mut self, reply: &Reply) -> Result<Result<Request, WireError>, Failure> {
        let bytes = match encode(reply) {
            Ok(bytes) => bytes,
            // What was found is too much for one message. The host must learn that, and can go on.
            Err(error) => encode(&Reply::Failed(format!("encode the reply: {error}")))
                .map_err(|error| Failure::new("encode a reply", error.to_string()))?,
        };
        let answer = self.guest.call(bytes).attempt(|| "call the host".into())?;
        self.word = Deadline::after(WORD);
        Ok(decode(&answer))
    }

    /// Sends a part of the recording.
    pub(crate) fn record(&mut self, part: Vec<Event>) -> Result<(), Failure> {
        match self.exchange(&Reply::Recorded(part))? {
            Ok(Request::Continue) => Ok(()),
            other => Err(Failure::new("send a part of the recording", format!("expected `Continue`, got {other:?}"))),
        }
    }
}
