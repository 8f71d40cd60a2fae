//! Programs that get so much time, and no more.

use std::io::{Read, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{descriptor_of, end_with_parent, explained};

/// The most that a program's output counts for.
const OUTPUT: usize = 1 << 20;

/// The most that a pipe holds, unless it is told otherwise (pipe(7)).
const PIPE: usize = 64 << 10;

/// How long a program may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(5);

/// Why a program is waited for no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has ended.
    Itself,
    /// It had no more time.
    TooLate,
    /// The interrupt came.
    Interrupted,
}

/// Runs a program to its end, or ends it with a signal once its time is over or the interrupt can be read, and all that it has
/// started with it; returns what it printed, the end of it if it was a lot. Whoever is left then is killed.
pub fn bounded(
    command: Command,
    limit: Duration,
    interrupt: Option<BorrowedFd>,
    signal: Signal,
) -> std::io::Result<(End, ExitStatus, String)> {
    overheard(command, limit, interrupt, signal, &mut |_| {})
}

/// Likewise, and `heard` is told what it prints as it comes.
pub fn overheard(
    mut command: Command,
    limit: Duration,
    interrupt: Option<BorrowedFd>,
    signal: Signal,
    heard: &mut dyn FnMut(&[u8]),
) -> std::io::Result<(End, ExitStatus, String)> {
    let deadline = Instant::now() + limit;
    let (mut reader, writer) = pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    end_with_parent(&mut command, signal);
    // A terminal's signals do not come to it either: make's shells trap them, and wait for their compilers.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| explained(error, &command))?;
    // Its ends of the pipe are this process's as well, until they are closed.
    drop(command);
    let watched = watch(&child, &mut reader, deadline, interrupt, heard);
    if !matches!(watched, Ok((End::Itself, _))) {
        let group = Pid::from_raw(child.id() as i32);
        // It may have ended by now.
        let _ = killpg(group, signal);
        if let Ok(ended) = descriptor_of(child.id()) {
            let _ = wait([Some(&ended.as_fd())], Instant::now() + GRACE);
        }
        let _ = killpg(group, Signal::SIGKILL);
    }
    // It has ended by now, or it was killed: this takes no time.
    let status = child.wait()?;
    watched.map(|(end, said)| (end, status, said))
}

/// What a program prints until it is waited for no longer. Those that it started, and that live on, may hold its output
/// open: they are not waited for.
fn watch(
    program: &Child,
    reader: &mut (impl Read + AsFd),
    deadline: Instant,
    interrupt: Option<BorrowedFd>,
    heard: &mut dyn FnMut(&[u8]),
) -> std::io::Result<(End, String)> {
    let process = descriptor_of(program.id())?;
    let (mut text, mut open, mut end) = (Vec::new(), true, End::TooLate);
    // Looked at each time round: there may always be more to read.
    while Instant::now() < deadline {
        let output = reader.as_fd();
        let [ended, interrupted, printed] =
            wait([Some(&process.as_fd()), interrupt.as_ref(), open.then_some(&output)], deadline)?;
        if interrupted {
            end = End::Interrupted;
            break;
        }
        if ended {
            // What it printed is in the pipe by now, before anything that others have printed since.
            let mut rest = PIPE;
            while rest > 0 && wait([Some(&reader.as_fd())], Instant::now())?[0] {
                match read(reader, &mut text, heard)? {
                    0 => break,
                    count => rest = rest.saturating_sub(count),
                }
            }
            end = End::Itself;
            break;
        }
        // Whoever closes its output need not be about to end.
        if printed {
            open = read(reader, &mut text, heard)? > 0;
        }
    }
    Ok((end, String::from_utf8_lossy(&text).into_owned()))
}

/// Reads what there is, and keeps the end of all that was read.
fn read(reader: &mut impl Read, text: &mut Vec<u8>, heard: &mut dyn FnMut(&[u8])) -> std::io::Result<usize> {
    let mut chunk = [0; 4096];
    let count = reader.read(&mut chunk)?;
    heard(&chunk[..count]);
    text.extend_from_slice(&chunk[..count]);
    if text.len() > 2 * OUTPUT {
        text.drain(..OUTPUT);
    }
    Ok(count)
}

/// Waits until one of these can be read, its end among that, and says which can; none if there is nothing by then.
fn wait<const N: usize>(descriptors: [Option<&BorrowedFd>; N], deadline: Instant) -> std::io::Result<[bool; N]> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled: Vec<_> = descriptors.iter().flatten().map(|fd| PollFd::new(**fd, PollFlags::POLLIN)).collect();
        match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) if left.is_zero() => return Ok([false; N]),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => {
                let mut any = polled.iter().map(|fd| fd.any().unwrap_or(true));
                return Ok(descriptors.map(|asked| asked.is_some() && any.next() == Some(true)));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use nix::sys::signal::kill;

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(60);

    /// How a script ended, and what it printed, unless it had to be killed.
    fn shell(script: &str, limit: Duration) -> Option<(Option<i32>, String)> {
        let (end, status, said) = run(script, limit, None);
        if end == End::Itself { Some((status.code(), said)) } else { None }
    }

    fn run(script: &str, limit: Duration, interrupt: Option<BorrowedFd>) -> (End, ExitStatus, String) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        bounded(command, limit, interrupt, Signal::SIGKILL).unwrap()
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

    #[test]
    fn what_it_printed_until_it_was_killed_is_kept() {
        let (end, status, said) = run("echo one; exec sleep 100", LONG / 12, None);
        assert_eq!((end, status.signal(), said.as_str()), (End::TooLate, Some(Signal::SIGKILL as i32), "one\n"));
    }

    /// As make does; but its shells wait for what they have started.
    #[test]
    fn who_is_told_to_end_may_put_things_in_order_and_leaves_nobody() {
        let told = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            bounded(command, LONG / 12, None, Signal::SIGTERM).unwrap()
        };
        let (end, status, said) = told("trap 'exit 3' TERM; sleep 100 & echo $!; wait");
        assert_eq!((end, status.code()), (End::TooLate, Some(3)));
        let (_, status, deaf) = told("trap '' TERM; sleep 100 & echo $!; wait");
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
        for sleeping in [said, deaf] {
            // A signal is sent before it is acted on. Nobody may have waited for it yet, or somebody has.
            let ended = match descriptor_of(sleeping.trim_end().parse().unwrap()) {
                Ok(ended) => wait([Some(&ended.as_fd())], Instant::now() + LONG / 2).unwrap(),
                Err(error) => [error.raw_os_error() == Some(Errno::ESRCH as i32)],
            };
            assert_eq!(ended, [true], "{sleeping}");
        }
    }

    #[test]
    fn an_interrupt_ends_it_at_once() {
        let (interrupt, sender) = pipe().unwrap();
        drop(sender);
        let began = Instant::now();
        assert_eq!(run("exec sleep 100", LONG, Some(interrupt.as_fd())).0, End::Interrupted);
        assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
    }

    #[test]
    fn who_does_not_stop_printing_is_killed() {
        let began = Instant::now();
        assert_eq!(shell("yes & yes & exec yes", SHORT), None);
        assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
    }

    /// A pipe is empty at times, however fast it is filled; this never is.
    #[test]
    fn output_without_end_is_not_read_for_ever() {
        let watched = |script: &str, limit: Duration| {
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let mut zero = std::fs::File::open("/dev/zero").unwrap();
            let (end, _) = watch(&child, &mut zero, Instant::now() + limit, None, &mut |_| {}).unwrap();
            let _ = child.kill();
            child.wait().unwrap();
            end
        };
        let began = Instant::now();
        assert_eq!(watched("exec sleep 100", SHORT), End::TooLate);
        assert_eq!(watched("exit", LONG), End::Itself);
        assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
    }

    #[test]
    fn who_has_ended_is_not_waited_for_because_of_its_descendants() {
        let began = Instant::now();
        let (status, said) = shell("sleep 100 & echo $!; exit 3", LONG).unwrap();
        assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
        let sleeping = said.trim_end().parse().map(Pid::from_raw).unwrap();
        assert_eq!((status, kill(sleeping, Signal::SIGKILL)), (Some(3), Ok(())));
        // Others may print for ever.
        assert_eq!(shell("echo one; yes & exit 3", LONG).map(|(status, _)| status), Some(Some(3)));
        assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
    }

    /// All that fits into a pipe, and somewhat more.
    #[test]
    fn what_it_printed_just_before_it_ended_is_not_lost() {
        let (status, said) = shell("head --bytes 100000 /dev/zero; echo last", LONG).unwrap();
        assert_eq!((status, said.len(), said.ends_with("last\n")), (Some(0), 100_005, true));
    }
}
