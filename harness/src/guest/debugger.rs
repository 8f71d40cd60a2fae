//! A guest that stops at a step, for gdb: `mdlab gdb` asks for it.

use std::os::unix::net::UnixListener;

use super::title::Title;
use crate::failure::Failure;
use crate::laboratory::Laboratory;
use crate::session::Session;

/// The variable that names the socket by which gdb comes.
pub(crate) const SOCKET: &str = "MDLAB_GDB_SOCKET";

/// The variable that names the step; the first one, where it is empty.
pub(crate) const STEP: &str = "MDLAB_GDB_STEP";

/// Says that the guest has stopped, at this step, to whoever reads what the test prints.
pub(crate) const STOPPED: &str = "mdlab: stopped for gdb at ";

/// Says that it has not, likewise.
pub(crate) const PASSED: &str = "mdlab: gdb is not wanted at ";

/// Starts a guest; gdb comes to the scenario's first.
pub(super) fn fork(laboratory: &Laboratory, title: &Title) -> Result<Session, Failure> {
    let Some(path) = std::env::var_os(SOCKET).filter(|_| title.number == 1) else { return laboratory.fork() };
    let listening = UnixListener::bind(&path);
    let socket = listening.map_err(|error| Failure::infra(format!("wait for gdb at `{}`: {error}", path.display())))?;
    laboratory.fork_for_debugger(socket)
}

/// Stops the guest if this is the step.
pub(super) fn stop_at(label: &str, title: &Title, session: &mut Session) -> Result<(), Failure> {
    let wanted = std::env::var(STEP);
    let first = session.recording().steps.iter().all(|step| step.given);
    match wanted {
        Ok(wanted) if title.number == 1 && (wanted == label || wanted.is_empty() && first) => {
            session.stop(|| eprintln!("{STOPPED}`{label}`"))
        }
        Ok(_) if title.number == 1 => {
            eprintln!("{PASSED}`{label}`");
            Ok(())
        }
        _ => Ok(()),
    }
}
