//! What can go wrong, and whose fault it is.

use std::path::Path;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What was asked for makes no sense.
    Usage,
    /// The kernel failed after it had come up: a panic, a hang.
    Kernel,
    /// The kernel does not build, never reached its PID 1, or PID 1 found it unfit.
    Boot,
    /// Not the kernel's fault: QEMU, disk space, a missing program.
    Infra,
}

/// What Debian may not have, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// A suite.
    Suite,
    /// A package of a suite.
    Package,
}

/// A failure, with what is known of it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Whose fault it is.
    pub class: Class,
    /// What was expected, what came, what to do.
    pub message: String,
    /// The console of the machine, its end at least, where there was one.
    pub console: Option<String>,
    /// What PID 1 said when it rang instead of asking to be kept.
    pub refusal: Option<Vec<u8>>,
    /// What Debian was asked for and does not have: no other failure says that it is gone.
    pub unavailable: Option<Unavailable>,
}

impl Error {
    /// A failure of a class, without evidence.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), console: None, refusal: None, unavailable: None }
    }

    /// What was asked for makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, message)
    }

    /// Not the kernel's fault.
    pub fn infra(message: impl Into<String>) -> Self {
        Self::new(Class::Infra, message)
    }

    /// Debian does not have it: a suite of that name never, as far as one knows, a package not any more.
    pub(crate) fn unavailable(what: Unavailable, message: impl Into<String>) -> Self {
        let class = match what {
            Unavailable::Suite => Class::Usage,
            Unavailable::Package => Class::Infra,
        };
        Self { unavailable: Some(what), ..Self::new(class, message) }
    }

    /// Adds the console as evidence.
    pub(crate) fn with_console(mut self, console: String) -> Self {
        self.console = Some(console);
        self
    }
}

/// Adds what was being done to an I/O error: "read `PATH`".
pub(crate) trait Context<T> {
    /// `verb` and the path that it was done to.
    fn context(self, verb: &str, path: &Path) -> Result<T>;
    /// What was being done, where no path is involved.
    fn doing(self, what: &str) -> Result<T>;
}

impl<T, E: std::fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, verb: &str, path: &Path) -> Result<T> {
        self.map_err(|error| Error::infra(format!("{verb} `{}`: {error}", path.display())))
    }

    fn doing(self, what: &str) -> Result<T> {
        self.map_err(|error| Error::infra(format!("{what}: {error}")))
    }
}
