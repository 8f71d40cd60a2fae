//! What the command says when it cannot do what it was asked.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Statuses of the exit.
const REFUSED: i32 = 1;
const USAGE: i32 = 2;

/// "Operation is not supported": an error number of the kernel that user space has no name for. raid0 answers it for members
/// of unequal size without a layout (`create_strip_zones` in drivers/md/raid0.c).
pub(super) const ENOTSUPP: i32 = 524;

/// One line: a verb and a backticked object, the cause, what to do.
#[derive(Debug)]
pub(super) struct Trouble {
    attempt: String,
    cause: String,
    remedy: Option<String>,
    status: i32,
    /// The number of the kernel's error.
    number: Option<i32>,
}

impl Trouble {
    /// It was asked wrongly. `attempt` reads like "parse `--level`".
    pub(super) fn usage(attempt: impl Into<String>, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { attempt: attempt.into(), cause: cause.into(), remedy: Some(remedy.into()), status: USAGE, number: None }
    }

    /// A device is not fit for what was asked.
    pub(super) fn unfit(attempt: impl Into<String>, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: REFUSED, ..Self::usage(attempt, cause, remedy) }
    }

    /// The kernel refused; the cause is its error by name.
    fn refused(attempt: String, error: &io::Error) -> Self {
        Self { attempt, cause: error_name(error), remedy: None, status: REFUSED, number: error.raw_os_error() }
    }

    /// Says what to do as well.
    pub(super) fn hint(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Says what else failed after it.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.cause += &format!(", and then {other}");
        self
    }

    /// Whether the kernel said this.
    pub(super) fn is(&self, number: i32) -> bool {
        self.number == Some(number)
    }

    pub(super) fn status(&self) -> i32 {
        self.status
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = self.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        // Words of the command line are quoted in it, and it stays one line whatever they hold.
        f.write_str(&format!("{}: {}{remedy}", self.attempt, self.cause).replace(char::is_control, "?"))
    }
}

/// Says what was attempted when the kernel refuses.
pub(super) trait Refused<T> {
    /// `attempt` reads like "open `/dev/md0`".
    fn refused(self, attempt: impl FnOnce() -> String) -> Result<T, Trouble>;
}

impl<T> Refused<T> for io::Result<T> {
    fn refused(self, attempt: impl FnOnce() -> String) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::refused(attempt(), &error))
    }
}

/// For the result of a call of nix, straight from the call: nix forgets the numbers that it does not know, but until the
/// next call the C library still has the last one.
impl<T> Refused<T> for Result<T, Errno> {
    fn refused(self, attempt: impl FnOnce() -> String) -> Result<T, Trouble> {
        let numbered = self.map_err(|errno| match errno {
            Errno::UnknownErrno => io::Error::last_os_error(),
            known => known.into(),
        });
        numbered.refused(attempt)
    }
}

/// An error by its name in the kernel, by its number if it has none here.
pub(super) fn error_name(error: &io::Error) -> String {
    match error.raw_os_error() {
        None => error.to_string(),
        Some(ENOTSUPP) => "ENOTSUPP".to_owned(),
        Some(number) => match Errno::from_raw(number) {
            Errno::UnknownErrno => format!("error {number}"),
            errno => format!("{errno:?}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line() {
        let trouble = Trouble::usage("parse `a\nb`", "no such option", "see `md help`");
        assert_eq!((trouble.to_string().as_str(), trouble.status()), ("parse `a?b`: no such option; see `md help`", 2));
        let refused = Err::<(), _>(Errno::EBUSY).refused(|| "open `/dev/loop0`".into()).unwrap_err();
        assert_eq!((refused.to_string().as_str(), refused.status()), ("open `/dev/loop0`: EBUSY", 1));
    }

    #[test]
    fn errors_have_names() {
        let refused =
            |number| Err::<(), _>(io::Error::from_raw_os_error(number)).refused(|| "x".into()).unwrap_err().to_string();
        assert_eq!(
            (refused(22), refused(524), refused(999)),
            ("x: EINVAL".into(), "x: ENOTSUPP".into(), "x: error 999".into())
        );
    }

    #[test]
    fn the_number_is_that_of_the_call_whatever_fails_later() {
        Errno::set_raw(ENOTSUPP);
        let of_nix = Err::<(), _>(Errno::UnknownErrno).refused(|| {
            Errno::set_raw(libc::ENOENT);
            "x".into()
        });
        let of_nix = of_nix.unwrap_err();
        assert_eq!((of_nix.to_string(), of_nix.is(ENOTSUPP)), ("x: ENOTSUPP".into(), true));
        let error = io::Error::from_raw_os_error(999);
        Errno::set_raw(libc::ENOENT);
        assert_eq!(error_name(&error), "error 999");
    }
}
