//! The agent's own failures, told apart from those of the kernel and of the commands it runs.

use std::io;

use mdlab_protocol::Reply;

/// Something that the agent could not do: a verb, the object in backticks, the cause.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}: {cause}")]
pub(crate) struct Failure {
    attempt: String,
    cause: io::Error,
    /// The request was at fault, not the agent.
    refused: bool,
}

impl Failure {
    /// A failure that no system call reported.
    pub(crate) fn new(attempt: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { attempt: attempt.into(), cause: io::Error::other(cause.into()), refused: false }
    }
}

impl Failure {
    /// What makes no sense in this guest.
    pub(crate) fn refuse(attempt: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { refused: true, ..Self::new(attempt, cause) }
    }

    /// What the host is told.
    pub(crate) fn into_reply(self) -> Reply {
        let text = self.to_string();
        if self.refused { Reply::Refused(text) } else { Reply::Failed(text) }
    }
}

/// Says what was attempted when it fails.
pub(crate) trait Attempt<T> {
    /// Turns the error into a [`Failure`]; `attempt` reads like "open `/dev/kmsg`".
    fn attempt(self, attempt: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, attempt: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { attempt: attempt(), cause: error.into(), refused: false })
    }
}
