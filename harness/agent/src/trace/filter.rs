//! The seccomp filter that stops a traced program at recorded calls and at no others.
//!
//! Stopping at every call (PTRACE_SYSCALL) would cost several times the program's own work under software emulation.

use nix::errno::Errno;

use super::arch;

/// Offsets into `struct seccomp_data`.
const DATA_NUMBER: u32 = 0;
const DATA_ARCH: u32 = 4;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The program: whatever is not in [`arch::NUMBERS`] is allowed.
pub(super) fn program() -> Vec<libc::sock_filter> {
    let count = arch::NUMBERS.len() as u8;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = vec![
        step(LOAD, 0, 0, DATA_ARCH),
        // Another architecture: over the next load and all comparisons to the first return.
        step(JUMP_IF_EQUAL, 0, count + 1, arch::AUDIT_ARCH),
        step(LOAD, 0, 0, DATA_NUMBER),
    ];
    for (index, (_, number)) in arch::NUMBERS.iter().enumerate() {
        // A match: over the remaining comparisons and the first return to the second.
        program.push(step(JUMP_IF_EQUAL, count - index as u8, 0, *number as u32));
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_TRACE));
    program
}

/// Puts the calling process and all its children under `program`. Called between fork and exec: allocates nothing.
pub(super) fn install(program: &mut [libc::sock_filter]) -> Result<(), Errno> {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let set = || {
        // SAFETY: `filter` points to `len` instructions that live until the call returns; the kernel copies them.
        Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter, 0, 0) })
    };
    match set() {
        // Without CAP_SYS_ADMIN the kernel wants a promise that set-uid programs gain nothing. PID 1 never needs it, and
        // so the programs it records run as they would without a recorder.
        Err(Errno::EACCES) => {
            nix::sys::prctl::set_no_new_privs()?;
            set().map(drop)
        }
        other => other.map(drop),
    }
}

/// Whether the kernel has seccomp filters and can stop a call for a tracer.
pub(crate) fn supported() -> Result<(), Errno> {
    let action: u32 = libc::SECCOMP_RET_TRACE;
    // SAFETY: the kernel reads the one number at `action`.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn verdict(arch: u32, number: u32) -> u32 {
        let program = program();
        let (mut at, mut loaded) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            match step.code {
                LOAD => loaded = if step.k == DATA_ARCH { arch } else { number },
                JUMP_IF_EQUAL => at += usize::from(if loaded == step.k { step.jt } else { step.jf }),
                RETURN => return step.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn recorded_calls_stop_and_others_do_not() {
        for (name, number) in arch::NUMBERS {
            assert_eq!(verdict(arch::AUDIT_ARCH, *number as u32), libc::SECCOMP_RET_TRACE, "{name}");
        }
        for number in [libc::SYS_mmap, libc::SYS_brk, libc::SYS_fstat, libc::SYS_exit_group] {
            assert_eq!(verdict(arch::AUDIT_ARCH, number as u32), libc::SECCOMP_RET_ALLOW);
        }
    }

    #[test]
    fn another_architecture_is_let_through() {
        let i386 = 3 | 0x4000_0000;
        let x32 = 0x4000_0000;
        assert_eq!(verdict(i386, libc::SYS_open as u32), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(arch::AUDIT_ARCH, libc::SYS_open as u32 | x32), libc::SECCOMP_RET_ALLOW);
    }
}
