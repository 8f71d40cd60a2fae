//! QEMU's command line: pure functions, so that it can be read and compared.
//!
//! Every file reaches QEMU as a descriptor, so that it needs no path, and leaves nothing behind.

use mdlab_mailbox::{BELL_PORT, PHYSICAL_ADDRESS};

use crate::accel::Accel;

/// Descriptors of every machine, from 3 on in this order.
pub(crate) const BELL: u32 = 3;
pub(crate) const QMP: u32 = 4;
pub(crate) const CONSOLE: u32 = 5;
pub(crate) const MEMORY: u32 = 6;
pub(crate) const MAILBOX: u32 = 7;
/// The device state, in a fork.
pub(crate) const STATE: u32 = 8;
/// Where a debugger may come to, in a fork that waits for one.
pub(crate) const DEBUGGER: u32 = 9;
/// The kernel and its initial RAM disk, in a boot.
pub(crate) const KERNEL: u32 = 8;
pub(crate) const RAM_DISK: u32 = 9;
/// Where its device state is saved.
pub(crate) const SAVED: u32 = 10;

/// Bytes of memory: 254 MiB that the kernel uses, and 2 MiB whose first half is the mailbox. The firmware puts its tables
/// into the other half.
pub(crate) const MEMORY_SIZE: u64 = PHYSICAL_ADDRESS;
pub(crate) const MAILBOX_SIZE: u64 = 2 << 20;

/// A machine that boots a kernel; its memory is shared with the host, which keeps it.
pub(crate) fn boot(accel: Accel) -> Vec<String> {
    let mut arguments = machine(accel, "on");
    arguments.extend(options([
        ("-kernel", format!("/proc/self/fd/{KERNEL}")),
        ("-initrd", format!("/proc/self/fd/{RAM_DISK}")),
        ("-append", command_line()),
    ]));
    arguments
}

/// A machine that goes on where a kept one stopped; its memory is its own, copied page by page when written.
pub(crate) fn fork(accel: Accel) -> Vec<String> {
    let mut arguments = machine(accel, "off");
    arguments.extend(options([
        ("-incoming", format!("fd:{STATE}")),
        // `xen-save-devices-state` writes no such section.
        ("-global", "migration.send-configuration=off".into()),
    ]));
    arguments
}

/// A fork to which a debugger may come (QEMU's gdbstub), at any time, by a socket that listens already.
pub(crate) fn debugged_fork(accel: Accel) -> Vec<String> {
    let mut arguments = fork(accel);
    arguments.extend(options([
        ("-chardev", format!("socket,id=debugger,fd={DEBUGGER},server=on,wait=off")),
        ("-gdb", "chardev:debugger".into()),
    ]));
    arguments
}

/// Has QEMU's main loop and its virtual processor run in turn, for which it records what nobody replays: then both take the
/// lock of its recording (docs/devel/replay.rst of QEMU).
///
/// Otherwise the main loop may find the processor halted whose last instructions are not counted yet, and advance the clock
/// that much too far (`icount_start_warp_timer` beside `icount_process_data`, QEMU 7.2): a few nanoseconds, and nothing is the
/// same from there on.
const IN_TURN: &str = ",rr=record,rrfile=/dev/null";

/// Everything that QEMU can emulate, but random numbers, which would differ from run to run, and fast string instructions:
/// with them the kernel clears a page byte by byte (`clear_page_erms`), and under a clock that counts instructions each
/// byte is a translated block of its own. And but for cmpxchg16b, after which QEMU before 8.0 may hold garbage for the flags
/// (`helper_cmpxchg16b_unlocked` reads them by a `cc_op` that was not brought up to date): an interrupt that comes before they
/// are set anew then faults twice. It befell one of some thousand runs, in `kmalloc`.
const CPU: &str = "max,rdrand=off,rdseed=off,erms=off,fsrm=off,cx16=off";

/// The kernel's command line.
fn command_line() -> String {
    [
        "console=ttyS0",
        // A panic reboots at once, and `-no-reboot` makes that the end.
        "panic=-1",
        // How a guest that has fallen silent is asked where its tasks are: an interrupt that cannot be masked, and whatever
        // it runs, it panics and shows them all (PANIC_PRINT_TASK_INFO of kernel/panic.c, since Linux 5.0).
        "unknown_nmi_panic",
        "panic_print=0x1",
        // Addresses that are the same on every boot.
        "nokaslr",
        // And for programs: code that QEMU has translated for one process serves the next that runs it.
        "norandmaps",
        // Against nobody in here; a retpoline costs several translated blocks where a jump would do.
        "mitigations=off",
        // QEMU offers a seed in the boot protocol since 7.1; trusting it would make every boot another.
        "random.trust_bootloader=off",
        // The mailbox.
        &format!("memmap=1M${PHYSICAL_ADDRESS:#X}").replace("0X", "0x"),
    ]
    .join(" ")
}

/// What both have in common; two machines that differ here cannot take over each other's state.
fn machine(accel: Accel, share: &str) -> Vec<String> {
    let mut list = vec![("-M", "q35,suppress-vmdesc=on".to_owned())];
    match accel {
        Accel::Tcg => list.extend([
            // Random numbers that the host draws would differ on every run.
            ("-cpu", CPU.into()),
            // One thread: with several, translation runs ahead of the clock.
            ("-accel", "tcg,thread=single".into()),
            // The clock counts instructions, two nanoseconds each, and jumps to the next timer when the guest idles.
            ("-icount", format!("shift=1,sleep=off{IN_TURN}")),
        ]),
        Accel::Kvm => list.extend([("-cpu", CPU.into()), ("-accel", "kvm".into())]),
    }
    list.extend([
        ("-smp", "1".into()),
        ("-rtc", "base=2026-01-01T00:00:00,clock=vm".into()),
        ("-seed", "1".into()),
        ("-object", memory("mem", MEMORY_SIZE, MEMORY, share)),
        ("-object", memory("mailbox", MAILBOX_SIZE, MAILBOX, "on")),
        ("-numa", "node,memdev=mem".into()),
        ("-numa", "node,memdev=mailbox".into()),
        ("-m", "256".into()),
        ("-nodefaults", String::new()),
        ("-display", "none".into()),
        ("-no-reboot", String::new()),
        // A guest that panics, or asks to be kept, stops and stays.
        ("-action", "panic=pause".into()),
        ("-device", "pvpanic".into()),
        ("-chardev", format!("file,id=console,path=/proc/self/fd/{CONSOLE},append=on")),
        ("-serial", "chardev:console".into()),
        ("-chardev", format!("socket,id=qmp,fd={QMP}")),
        ("-mon", "chardev=qmp,mode=control".into()),
        ("-chardev", format!("socket,id=bell,fd={BELL}")),
        ("-device", format!("isa-debugcon,iobase={BELL_PORT:#x},chardev=bell")),
        ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny".into()),
    ]);
    options(list)
}

fn memory(id: &str, size: u64, fd: u32, share: &str) -> String {
    format!("memory-backend-file,id={id},size={size},mem-path=/proc/self/fd/{fd},share={share}")
}

/// Options and their values as separate words; an option without a value has an empty one here.
fn options(list: impl IntoIterator<Item = (&'static str, String)>) -> Vec<String> {
    let words = list.into_iter().flat_map(|(option, value)| [option.to_owned(), value]);
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_are_as_reviewed() {
        let lines = |arguments: Vec<String>| arguments.join(" ").replace(" -", "\n-");
        insta::assert_snapshot!("boot-tcg", lines(boot(Accel::Tcg)));
        insta::assert_snapshot!("boot-kvm", lines(boot(Accel::Kvm)));
        insta::assert_snapshot!("fork-tcg", lines(fork(Accel::Tcg)));
        insta::assert_snapshot!("debugged-fork-kvm", lines(debugged_fork(Accel::Kvm)));
    }
}
