//! What a guest and its host said to each other, to the byte: with the machine it is all that a run is made of, so that it can be
//! held again.

use std::path::Path;

use mdlab_protocol::{Reply, Request, decode};
use mdlab_vm::{Fork, SILENT};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::folder;
use crate::laboratory::Laboratory;
use crate::pack::few;
use crate::recording::{MachineId, Recording};

/// The variable that names a folder in which every guest leaves its conversation.
pub(crate) const CONVERSATIONS: &str = "MDLAB_CONVERSATIONS";

/// The most messages of a conversation: a scenario has some hundreds.
const MOST: usize = 1 << 16;

/// The most bytes of a recording in JSON, which takes ten times as many in memory.
const LARGEST: usize = 64 << 20;

/// A conversation, and with whom it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conversation {
    /// The kernel and the mdadm, as they were named.
    pub(crate) kernel: String,
    pub(crate) mdadm: String,
    /// What the machine was made of, a line each.
    pub(crate) recipe: String,
    /// The guest speaks first; then they take turns.
    #[serde(deserialize_with = "few::<_, _, MOST>")]
    messages: Vec<Vec<u8>>,
    /// Why the guest said no more, where it was its turn; and what its console ended with.
    end: Option<(String, String)>,
    /// What was recorded, in JSON.
    recording: String,
}

impl Conversation {
    /// One that is about to begin, if anybody wants to have it.
    pub(crate) fn wanted(laboratory: &Laboratory) -> Option<Self> {
        let [kernel, mdadm] = laboratory.names().clone();
        std::env::var_os(CONVERSATIONS).map(|_| Self {
            kernel,
            mdadm,
            recipe: laboratory.recipe().to_owned(),
            messages: Vec::new(),
            end: None,
            recording: String::new(),
        })
    }

    pub(crate) fn said(&mut self, message: &[u8]) {
        self.messages.push(message.to_vec());
    }

    pub(crate) fn ended(&mut self, why: &str, console: String) {
        self.end = Some((why.to_owned(), console));
    }

    /// Leaves it where it is wanted, as that of the test's first guest, or second.
    pub(crate) fn leave(mut self, recording: &Recording, number: u32) -> Result<(), Failure> {
        let Some(folder) = std::env::var_os(CONVERSATIONS) else { return Ok(()) };
        let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write a conversation: {error}"));
        self.recording = serde_json::to_string(recording).map_err(|error| failed(&error))?;
        let bytes = postcard::to_stdvec(&self).map_err(|error| failed(&error))?;
        folder::write_whole(&Path::new(&folder).join(number.to_string()), &bytes)
    }

    /// All that were left, in the order of the guests.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("read a conversation: {error}"));
        let mut all = Vec::new();
        for number in 1.. {
            let path = folder.join(number.to_string());
            if !path.exists() {
                break;
            }
            let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
            all.push(postcard::from_bytes(&bytes).map_err(|error| failed(&error))?);
        }
        Ok(all)
    }

    pub(crate) fn recording(&self) -> Result<Recording, Failure> {
        if self.recording.len() > LARGEST {
            return Err(Failure::usage(format!("read the recording: expected at most {} MiB", LARGEST >> 20)));
        }
        serde_json::from_str(&self.recording).map_err(|error| Failure::usage(format!("read the recording: {error}")))
    }

    pub(crate) fn machine(&self) -> Result<MachineId, Failure> {
        self.recording().map(|recording| recording.machine)
    }

    /// How many bytes were said.
    pub(crate) fn bytes(&self) -> usize {
        self.messages.iter().map(Vec::len).sum()
    }

    /// Whether nothing was said, which proves nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.end.is_none()
    }

    /// Whether the guest fell silent. When it was held to have, and what was on its console by then, is the host's doing.
    pub(crate) fn fell_silent(&self) -> bool {
        self.end.as_ref().is_some_and(|(why, _)| why.starts_with(SILENT))
    }

    /// Holds it again. What the guest says otherwise is told.
    pub(crate) fn hold_again(&self, mut fork: Fork) -> Result<Result<(), String>, Failure> {
        for (number, message) in self.messages.iter().enumerate() {
            if number % 2 == 1 {
                fork.answer(message.clone())?;
                continue;
            }
            match fork.receive() {
                Ok(heard) if heard == *message => {}
                Ok(heard) => return Ok(Err(self.differs(number, &heard))),
                Err(error) => {
                    let when = self.when(number);
                    return Ok(Err(format!("{when} the guest had gone on, now it is gone: {}", error.message)));
                }
            }
        }
        let Some((why, console)) = &self.end else { return Ok(Ok(())) };
        let when = self.when(self.messages.len());
        Ok(match fork.receive() {
            Ok(_) => Err(format!("{when} the guest was gone, now it goes on: {why}")),
            Err(error) if self.fell_silent() && error.message.starts_with(SILENT) => Ok(()),
            Err(error) if error.message != *why => Err(format!("{when} expected: {why}\n  got: {}", error.message)),
            Err(_) => match line_that_differs(console, &fork.console()) {
                None => Ok(()),
                Some((expected, got)) => {
                    Err(format!("{when} its console differs\n  expected: {expected}\n  got: {got}"))
                }
            },
        })
    }

    /// When a message was said: after which command.
    fn when(&self, number: usize) -> String {
        let commands = self.messages[..number].iter().skip(1).step_by(2).rev().filter_map(|said| command(said));
        let after = commands.take(1).next().map_or("before any command".to_owned(), |line| format!("after `{line}`"));
        format!("message {number}, {after}:")
    }

    /// What a message says otherwise, as far as it is understood.
    fn differs(&self, number: usize, heard: &[u8]) -> String {
        let (expected, got) = (pieces(&self.messages[number]), pieces(heard));
        let place = expected.iter().zip(&got).take_while(|(one, other)| one == other).count();
        let at = |pieces: &[String]| pieces.get(place).cloned().unwrap_or_else(|| "nothing more".into());
        format!("{} record {place}\n  expected: {}\n  got:      {}", self.when(number), at(&expected), at(&got))
    }
}

/// The command line of a request that runs one.
fn command(said: &[u8]) -> Option<String> {
    match decode::<Request>(said).ok()? {
        Request::Run(command) | Request::Start(command) => Some(shell_words::join(command.argv)),
        _ => None,
    }
}

/// A message in pieces that can be compared.
fn pieces(message: &[u8]) -> Vec<String> {
    match decode::<Reply>(message) {
        Ok(Reply::Recorded(events)) => events.iter().map(|event| format!("{event:?}")).collect(),
        Ok(Reply::Exited { exit, output }) => {
            let streams =
                [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).trim_end().to_owned());
            [format!("{exit:?}, {} bytes more", output.cut)].into_iter().chain(streams).collect()
        }
        Ok(reply) => vec![format!("{reply:?}")],
        // Of another version.
        Err(_) => message.chunks(32).map(|chunk| format!("{chunk:02x?}")).collect(),
    }
}

fn line_that_differs(one: &str, other: &str) -> Option<(String, String)> {
    if one == other {
        return None;
    }
    let place = one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count();
    let at = |text: &str| text.lines().nth(place).unwrap_or("nothing more").to_owned();
    Some((at(one), at(other)))
}
