//! Programs that get so much time, and no more.

use std::io::{PipeReader, Read, pipe};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mdlab_vm::child;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

/// The most that a program's output counts for.
const OUTPUT: usize = 1 << 20;

/// Runs a program to its end, and returns what it printed; nothing if it does not end in time, and then it is killed.
pub(super) fn bounded(mut command: Command, limit: Duration) -> std::io::Result<Option<(ExitStatus, String)>> {
    let deadline = Instant::now() + limit;
    let (reader, writer) = pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    child::end_with_parent(&mut command, Signal::SIGKILL);
    let mut child = command.spawn()?;
    // Its ends of the pipe are this process's as well, until they are closed.
    drop(command);
    let said = watch(&child, reader, deadline);
    if !matches!(said, Ok(Some(_))) {
        child.kill()?;
    }
    // It has ended by now, or it was killed: this takes no time.
    let status = child.wait()?;
    Ok(said?.map(|said| (status, said)))
}

/// What a program prints until it has ended; nothing if it has not by then.
fn watch(child: &Child, reader: PipeReader, deadline: Instant) -> std::io::Result<Option<String>> {
    let process = descriptor_of(child)?;
    let said = read_until_closed(reader, deadline)?;
    // Whoever closes its output need not be about to end.
    Ok(if readable(&process, deadline)? { said } else { None })
}

/// A descriptor that can be read once a child has ended (pidfd_open(2), since Linux 5.3).
fn descriptor_of(child: &Child) -> std::io::Result<OwnedFd> {
    // SAFETY: it takes two numbers, and touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    let descriptor = i32::try_from(Errno::result(descriptor)?).map_err(std::io::Error::other)?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// What comes through a pipe until its last writer closes it, the end of it at least; nothing if that takes too long.
fn read_until_closed(mut reader: PipeReader, deadline: Instant) -> std::io::Result<Option<String>> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    while readable(&reader, deadline)? {
        match reader.read(&mut chunk)? {
            0 => return Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            count => text.extend_from_slice(&chunk[..count]),
        }
        if text.len() > 2 * OUTPUT {
            text.drain(..OUTPUT);
        }
    }
    Ok(None)
}

/// Waits until there is something to read, the end of it among that; no if there is nothing by then.
fn readable(descriptor: &impl AsFd, deadline: Instant) -> std::io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut descriptors = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        match poll(&mut descriptors, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str, limit: Duration) -> Option<(Option<i32>, String)> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        bounded(command, limit).unwrap().map(|(status, said)| (status.code(), said))
    }

    #[test]
    fn what_it_printed_comes_with_how_it_ended() {
        let script = "echo one; echo two >&2; exit 3";
        assert_eq!(shell(script, LONG), Some((Some(3), "one\ntwo\n".into())));
    }

    #[test]
    fn who_closes_its_output_and_ends_later_has_ended_well() {
        assert_eq!(shell("echo one; exec >&- 2>&-; sleep 0.2; exit 4", LONG), Some((Some(4), "one\n".into())));
    }

    /// Each of these would have gone on for 100 s, and the test with it.
    #[test]
    fn who_does_not_end_in_time_is_killed() {
        for script in ["exec sleep 100", "exec >&- 2>&-; exec sleep 100", "echo one; exec >&- 2>&-; exec sleep 100"] {
            let began = Instant::now();
            assert_eq!(shell(script, SHORT), None, "{script}");
            assert!((SHORT..LONG).contains(&began.elapsed()), "{script}: {:?}", began.elapsed());
        }
    }

    /// It writes for ever, and is read for ever.
    #[test]
    fn who_does_not_stop_printing_is_killed() {
        assert_eq!(shell("exec yes", SHORT), None);
    }
}
