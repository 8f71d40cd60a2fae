//! What the command says when it cannot do what it was asked.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Statuses of the exit.
const REFUSED: i32 = 1;
const USAGE: i32 = 2;

/// "Operation is not supported": an error number of the kernel that user space has no name for. raid0 answers it for members
/// of unequal size without a layout (`create_strip_zones` in drivers/md/raid0.c).
const ENOTSUPP: i32 = 524;

/// One line: a verb and a backticked object, the cause, what to do.
#[derive(Debug)]
pub(super) struct Trouble {
    attempt: String,
    cause: String,
    remedy: Option<String>,
    status: i32,
    /// What the kernel said.
    errno: Option<Errno>,
}

impl Trouble {
    /// It was asked wrongly. `attempt` reads like "parse `--level`".
    pub(super) fn usage(attempt: impl Into<String>, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { attempt: attempt.into(), cause: cause.into(), remedy: Some(remedy.into()), status: USAGE, errno: None }
    }

    /// A device is not fit for what was asked.
    pub(super) fn unfit(attempt: impl Into<String>, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: REFUSED, ..Self::usage(attempt, cause, remedy) }
    }

    /// The kernel refused; the cause is its error by name.
    pub(super) fn refused(attempt: impl Into<String>, errno: Errno) -> Self {
        let cause = errno_name(errno);
        Self { attempt: attempt.into(), cause, remedy: None, status: REFUSED, errno: Some(errno) }
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
    pub(super) fn is(&self, errno: Errno) -> bool {
        self.errno == Some(errno)
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
        self.map_err(|error| {
            let number = error.raw_os_error();
            let cause = number.map_or_else(|| error.to_string(), numbered);
            Trouble { cause, ..Trouble::refused(attempt(), number.map_or(Errno::UnknownErrno, Errno::from_raw)) }
        })
    }
}

impl<T> Refused<T> for Result<T, Errno> {
    fn refused(self, attempt: impl FnOnce() -> String) -> Result<T, Trouble> {
        self.map_err(|errno| Trouble::refused(attempt(), errno))
    }
}

/// An error of the call that has just failed, by name.
pub(super) fn errno_name(errno: Errno) -> String {
    // nix forgets the numbers that it does not know, but the C library still has the last one.
    if errno == Errno::UnknownErrno { numbered(Errno::last_raw()) } else { format!("{errno:?}") }
}

fn numbered(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno if number == ENOTSUPP => "ENOTSUPP".to_owned(),
        Errno::UnknownErrno => format!("error {number}"),
        errno => format!("{errno:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line() {
        let trouble = Trouble::usage("parse `a\nb`", "no such option", "see `md help`");
        assert_eq!((trouble.to_string().as_str(), trouble.status()), ("parse `a?b`: no such option; see `md help`", 2));
        let refused = Trouble::refused("open `/dev/loop0`", Errno::EBUSY);
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
        Errno::set_raw(ENOTSUPP);
        assert_eq!(errno_name(Errno::UnknownErrno), "ENOTSUPP");
    }
}
