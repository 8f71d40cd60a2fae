//! The agent's voice on the guest's console, and its last words.
//!
//! PID 1 that ends makes the kernel panic, which would look like the kernel's fault. So every way out of the agent leads
//! through [`die`], which says that the agent failed and stops the machine in an orderly way.

use std::fs::OpenOptions;
use std::io::{self, Write};

use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::termios::tcdrain;

const PATH: &str = "/dev/console";

/// Makes the console the agent's standard input, output and error.
pub(crate) fn adopt() -> io::Result<()> {
    let console = OpenOptions::new().read(true).write(true).open(PATH)?;
    nix::unistd::dup2_stdin(&console)?;
    nix::unistd::dup2_stdout(&console)?;
    nix::unistd::dup2_stderr(&console)?;
    Ok(())
}

/// Writes a line that cannot be taken for a kernel message or a command's output.
pub(crate) fn say(text: &str) {
    let line = format!("mdlab-agent: {text}\n");
    // There is nowhere to report that the console does not work.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Turns a panic into the agent's death, which the kernel never sees.
pub(crate) fn take_panics() {
    std::panic::set_hook(Box::new(|panic| die(&format!("panic: {panic}"))));
}

/// Says why the agent cannot go on, and stops the machine.
pub(crate) fn die(why: &str) -> ! {
    say(&format!("failed, stopping the machine: {why}"));
    // Characters still in the serial port's queue would be lost.
    let _ = tcdrain(io::stderr());
    for mode in [RebootMode::RB_POWER_OFF, RebootMode::RB_AUTOBOOT, RebootMode::RB_HALT_SYSTEM] {
        let Err(error) = reboot(mode);
        say(&format!("reboot with `{mode:?}`: {error}"));
    }
    loop {
        nix::unistd::pause();
    }
}
