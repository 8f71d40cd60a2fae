//! apt at work: how far it is, and what it complains of.

use std::time::Duration;

use nix::sys::signal::Signal;
use xshell::Cmd;

use crate::child::{End, overheard};
use crate::error::{Error, Result};
use crate::news::{News, Notice};

/// Bound of one download. apt gives a mirror that says nothing half a minute.
const LIMIT: Duration = Duration::from_secs(3600);

/// Begins the lines in which apt says how far it is (`APT::Status-Fd`): `dlstatus:3:42.8571:Retrieving file 4 of 7`.
const STATUS: &str = "dlstatus:";

/// Has apt download something; an error holds the end of what it complained of.
pub(super) fn download(command: Cmd, notice: Notice) -> Result<()> {
    let name = command.to_string();
    let failed = |cause: String| Error::infra(format!("run `{name}`: {cause}"));
    let mut heard = |said: &[u8]| {
        if let Some(share) = share(&String::from_utf8_lossy(said)) {
            notice(News::Done(share));
        }
    };
    let ran = overheard(command.into(), LIMIT, None, Signal::SIGTERM, &mut heard);
    match ran.map_err(|error| failed(error.to_string()))? {
        (End::Itself, status, _) if status.success() => Ok(()),
        (End::Itself, status, said) => {
            let complaints: Vec<&str> = said.lines().filter(|line| !line.starts_with(STATUS)).collect();
            let tail = &complaints[complaints.len().saturating_sub(8)..];
            Err(failed(format!("{status}\n  {}", tail.join("\n  "))))
        }
        (End::TooLate | End::Interrupted, ..) => Err(failed(format!("it did not end within {} s", LIMIT.as_secs()))),
    }
}

/// How far it is, by the last line that says so.
fn share(said: &str) -> Option<f64> {
    let percent = |line: &str| line.strip_prefix(STATUS)?.split(':').nth(1)?.parse::<f64>().ok();
    said.lines().rev().find_map(percent).map(|percent| (percent / 100.0).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_so_counts() {
        let said =
            "Get:1 mirror sid/main\ndlstatus:1:9.5:Retrieving file 1 of 7\ndlstatus:2:50:Retrieving file 2\nGet:3";
        assert_eq!(share(said), Some(0.5));
        assert_eq!(share("dlstatus:2:almost:"), None);
    }
}
