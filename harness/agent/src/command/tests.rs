//! Real programs, traced on the machine that runs the tests.

use mdlab_protocol::{ProcessChange, Syscall, Value, What};

use super::*;
use crate::children::{Change, next_change};
use crate::recorder::Recorder;
use crate::trace::Stop;

/// What was recorded of a command, and how it ended.
struct Run {
    events: Vec<What>,
    exit: Exit,
    output: Output,
}

fn start(script: &str, trace: bool, stdin: &[u8]) -> Command {
    let argv = ["sh", "-c", script].map(String::from).to_vec();
    Command { argv, stdin: stdin.to_vec(), trace, limit_ms: 10_000 }
}

fn trace(script: &str) -> Run {
    run_to_end(&start(script, true, b""))
}

fn run_to_end(command: &Command) -> Run {
    let (mut tracer, mut recorder) = (Tracer::default(), Recorder::default());
    let mut child = Child::start(&mut tracer, command).unwrap();
    let exit = 'ended: loop {
        wait_for_a_change();
        while let Some((pid, change)) = next_change() {
            tracer.handle(pid, change, &mut recorder).into_iter().for_each(Stop::resume);
            if let (true, Change::Ended(exit)) = (pid == child.pid, change) {
                break 'ended exit;
            }
        }
    };
    child.executed().unwrap();
    let events = std::iter::from_fn(|| recorder.part()).flatten().map(|event| event.what).collect();
    Run { events, exit, output: child.output().unwrap() }
}

/// Waits for any child of this thread, and leaves the change where it is.
fn wait_for_a_change() {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
    let flags = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL | libc::__WNOTHREAD;
    // SAFETY: the kernel writes one siginfo_t.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags) };
    assert_eq!(result, 0);
}

impl Run {
    fn calls(&self) -> impl Iterator<Item = &Syscall> {
        self.events.iter().filter_map(|event| match event {
            What::Syscall(call) => Some(call),
            _ => None,
        })
    }

    /// The calls that name this path, with their results.
    fn on(&self, path: &str) -> Vec<(&str, i64)> {
        let names = |call: &&Syscall| call.arguments.iter().any(|(_, value)| *value == Value::Text(path.into()));
        self.calls().filter(names).map(|call| (call.name.as_str(), call.result)).collect()
    }
}

fn argument<'a>(call: &'a Syscall, name: &str) -> Option<&'a Value> {
    call.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn a_file_in_a_place_that_decides_is_followed() {
    // Wherever TMPDIR points: this is one of the places whose calls are recorded.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("file");
    let path = path.to_str().unwrap();
    let run = trace(&format!("cat {path}; echo hello > {path}; cat {path}; rm {path}; exit 3"));
    assert_eq!(run.exit, Exit::Status(3));
    assert_eq!(run.output.stdout, b"hello\n");

    let calls = run.on(path);
    let opened: Vec<_> = calls.iter().filter(|(name, _)| name.starts_with("open")).map(|(_, fd)| *fd).collect();
    assert!(
        opened.len() == 3 && opened[0] == -i64::from(libc::ENOENT) && opened[1] >= 0 && opened[2] >= 0,
        "{calls:?}"
    );
    assert!(calls.iter().any(|(name, result)| name.starts_with("unlink") && *result == 0), "{calls:?}");

    let created = run.calls().find(|call| {
        argument(call, "flags") == Some(&Value::Symbol("O_WRONLY|O_CREAT|O_TRUNC".into())) && call.name == "openat"
    });
    assert_eq!(argument(created.unwrap(), "mode"), Some(&Value::Symbol("0666".into())));
    let hello = Value::Bytes { bytes: b"hello\n".to_vec(), length: 6 };
    for name in ["write", "read"] {
        let found = run.calls().any(|call| call.name == name && argument(call, "buf") == Some(&hello));
        assert!(found, "{name}: {:?}", run.events);
    }
}

#[test]
fn the_dynamic_linker_leaves_no_trace() {
    let run = trace("true");
    let others: Vec<_> = run.calls().filter(|call| call.name != "execve").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn output_is_recorded_and_so_are_descendants() {
    let run = trace("echo out; (echo err >&2)");
    assert_eq!((&run.output.stdout[..], &run.output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    let parent = run.calls().find(|call| call.name == "write").unwrap().pid;
    let forked = run.events.iter().find_map(|event| match event {
        What::Process(process) if matches!(process.change, ProcessChange::Forked { .. }) => Some(process),
        _ => None,
    });
    let forked = forked.expect("the subshell is a process of its own");
    assert_eq!(forked.change, ProcessChange::Forked { parent });
    assert!(run.calls().any(|call| call.name == "write" && call.pid == forked.pid));
}

#[test]
fn a_program_and_its_arguments_are_recorded() {
    let run = trace("exec cat /dev/null");
    let executed: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match event {
            What::Process(process) => Some(&process.change),
            _ => None,
        })
        .collect();
    let argv = |words: &[&str]| ProcessChange::Executed(words.iter().map(|word| (*word).to_owned()).collect());
    assert_eq!(executed[0], &argv(&["sh", "-c", "exec cat /dev/null"]));
    assert_eq!(executed[1], &argv(&["cat", "/dev/null"]));
    assert_eq!(executed[2], &ProcessChange::Exited(Exit::Status(0)));
}

#[test]
fn a_signal_is_delivered() {
    assert_eq!(trace("kill -TERM $$").exit, Exit::Signal(libc::SIGTERM));
    let run = trace("trap 'echo caught' USR1; kill -USR1 $$");
    assert_eq!((run.exit, &run.output.stdout[..]), (Exit::Status(0), &b"caught\n"[..]));
}

#[test]
fn stdin_is_what_the_host_sent_or_nothing() {
    let echo = |stdin: &[u8]| run_to_end(&start("cat", false, stdin)).output.stdout;
    assert_eq!(echo(b"y\n"), b"y\n");
    assert_eq!(echo(b""), b"");
}

#[test]
fn long_output_is_cut_and_counted() {
    let run = run_to_end(&start("head -c 100000 /dev/zero", false, b""));
    assert_eq!((run.output.stdout.len(), run.output.cut), (OUTPUT, 100_000 - OUTPUT as u64));
}

#[test]
fn a_program_without_its_interpreter_is_the_agents_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    std::fs::write(&path, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let command = Command { argv: vec![path.to_str().unwrap().into()], ..start("", true, b"") };
    let (mut tracer, mut recorder) = (Tracer::default(), Recorder::default());
    let mut child = Child::start(&mut tracer, &command).unwrap();
    loop {
        wait_for_a_change();
        let (pid, change) = next_change().unwrap();
        tracer.handle(pid, change, &mut recorder).into_iter().for_each(Stop::resume);
        if matches!(change, Change::Ended(_)) {
            break;
        }
    }
    let failure = child.executed().unwrap_err().to_string();
    assert!(failure.starts_with(&format!("execute `{}`: ", path.display())), "{failure}");
}
