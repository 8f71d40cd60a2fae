//! Kernels that fail: on demand of a module, by being asked to, and by waiting for what never comes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use mdlab::Class;
use mdlab_vm::{Cache, Headers, Kernel};

use crate::ended::{Ended, ends, trace};

/// The default kernel.
fn kernel() -> Kernel {
    Kernel::find(&"debian:bookworm".parse().unwrap(), &Cache::open().unwrap(), &mut |_| {}).unwrap()
}

/// Its bzImage.
fn image() -> PathBuf {
    let boot = Cache::open().unwrap().path("packages/bookworm/kernel/root/boot");
    kernel();
    let images = boot.read_dir().unwrap().flatten().map(|entry| entry.path());
    images.into_iter().find(|path| path.to_string_lossy().contains("vmlinuz")).unwrap()
}

/// Builds the module against the default kernel, under this name and with these flags.
fn build(name: &str, flags: &str) -> PathBuf {
    let (cache, kernel) = (Cache::open().unwrap(), kernel());
    let headers = Headers::find(&"bookworm".parse().unwrap(), kernel.release(), &cache, &mut |_| {}).unwrap();
    // Each test runs in a process of its own, and may be the only one.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(folder.path().join("plant.c"), include_str!("plant.c")).unwrap();
    let kbuild = match name {
        "plant" => "obj-m := plant.o\n".to_owned(),
        _ => format!("obj-m := {name}.o\n{name}-y := plant.o\nccflags-y := {flags}\n"),
    };
    std::fs::write(folder.path().join("Kbuild"), kbuild).unwrap();
    headers.build(folder.path()).unwrap();
    let module = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.ko", kernel.release()));
    std::fs::rename(folder.path().join(format!("{name}.ko")), &module).unwrap();
    module
}

/// The module, to be inserted into the default kernel.
fn module() -> &'static PathBuf {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| build("plant", ""))
}

/// Has the kernel fail so.
fn plant(fault: &str) -> Ended {
    let put = format!("{}:/plant.ko", module().display());
    ends(trace(&["--put", &put, &format!("insmod /plant.ko fault={fault}")]))
}

#[test]
fn a_warning() {
    // The command ends well, and everything else is as it should be.
    plant("warning")
        .is(Class::Kernel, "the kernel reported a warning: WARNING: CPU: 0 PID: ")
        .says("  kernel:   ------------[ cut here ]------------\n            planted\n")
        .says(" plant_warning+0x")
        .says("  after:    insmod /plant.ko 'fault=warning' (exit 0)\n")
        .has_evidence();
}

#[test]
fn an_oops() {
    plant("oops")
        .is(Class::Kernel, "the kernel reported an oops: BUG: kernel NULL pointer dereference")
        .says("RIP: 0010:plant_oops+0x")
        .says("---[ end trace ")
        .has_evidence();
}

#[test]
fn a_corrupted_list() {
    plant("corruption").is(Class::Kernel, "the kernel reported a list corruption: list_del corruption").has_evidence();
}

#[test]
fn sleep_where_it_is_forbidden() {
    plant("atomic").is(Class::Kernel, "the kernel reported a BUG: BUG: scheduling while atomic: insmod").has_evidence();
}

#[test]
fn a_processor_that_is_never_given_back() {
    let told = plant("lockup")
        .is(Class::Kernel, "the guest was not heard of within ")
        .says("RIP: 0010:plant_lockup+0x")
        .says("  during:   insmod /plant.ko 'fault=lockup'\n")
        .has_evidence();
    // After 21 s of virtual time RCU complains, after 22 s the watchdog; it depends on the host who has by the time it looks.
    let said = ["BUG: soft lockup - CPU#0 stuck for ", "rcu: INFO: rcu_preempt "];
    assert!(said.iter().any(|said| told.complaint.contains(said)), "{}", told.complaint);
}

/// No watchdog of the kernel's can see that one: it is interrupted from without.
#[test]
fn a_processor_that_takes_no_interrupts() {
    let put = format!("{}:/plant.ko", module().display());
    let mut command = trace(&["--put", &put, "insmod /plant.ko fault=masked"]);
    command.env("MDLAB_PATIENCE", "10");
    let told = ends(command).is(Class::Kernel, "the guest was not heard of within 10 s of wall time").has_evidence();
    // Where it is: as the kernel says it, or as QEMU does, which cannot interrupt it if it has run for too long.
    let said = ["RIP: 0010:plant_masked+0x", "the guest takes no interrupts, and QEMU has given up on it: "];
    assert!(said.iter().any(|said| told.complaint.contains(said)), "{}", told.complaint);
    assert!(["RIP: 0010:plant_masked+0x", "  RIP=ffffffffc"].iter().any(|said| told.complaint.contains(said)));
}

#[test]
fn a_panic() {
    plant("panic")
        .is(Class::Kernel, "the kernel panicked: not syncing: planted")
        .says(" plant_panic+0x")
        .says("  during:   insmod /plant.ko 'fault=panic'\n")
        .has_evidence();
    ends(trace(&["sh -c 'echo c > /proc/sysrq-trigger'"]))
        .is(Class::Kernel, "the kernel panicked: not syncing: sysrq triggered crash")
        .has_evidence();
}

/// All that a command had done until then, though it never came to its end.
#[test]
fn what_led_to_a_panic_is_not_lost() {
    let create = "mdadm --create --run /dev/md0 --level 1 --raid-devices 2 /dev/loop0 /dev/loop1";
    let told = ends(trace(&[&format!("sh -c '{create}; echo c > /proc/sysrq-trigger'")]));
    let last = ["\nunfinished\n", ", RUN_ARRAY, ", "    kernel: md/raid1:md0: active with 2 out of 2 mirrors"];
    assert!(last.iter().all(|part| told.story.contains(part)), "{}", told.story);
    told.is(Class::Kernel, "the kernel panicked: not syncing: sysrq triggered crash").has_evidence();
    // And nothing here writes to a place that is watched.
    let others = "mkdir /dev/one; dmsetup create slow --table '0 2048 linear /dev/loop0 0'; mkdir /dev/two";
    let panic = "mkdir /elsewhere; mount -t proc proc /elsewhere; echo c > /elsewhere/sysrq-trigger";
    let told = ends(trace(&[&format!("sh -c \"{others}; {panic}\"")]));
    let last = [" mkdir(\"/dev/one\", 0777) = 0", ", type=0xfd, nr=0x6, ", " close(3</dev/mapper/control>) = 0"];
    assert!(last.iter().all(|part| told.story.contains(part)), "{}", told.story);
}

/// Whatever the kernel said of it may have been lost; that it went wrong is not.
#[test]
fn a_taint_without_a_word() {
    ends(trace(&["sh -c 'echo 512 > /proc/sys/kernel/tainted'"]))
        .is(Class::Kernel, "the kernel is tainted: `W`, the kernel issued a warning")
        .has_evidence();
}

/// What programs write to the kernel's log is not the kernel's.
#[test]
fn a_program_that_cries_wolf_is_not_the_kernel() {
    let told = ends(trace(&["sh -c 'echo WARNING: CPU: 0 PID: 1 at wolf.c > /dev/kmsg'"]));
    assert_eq!(told.complaint, "");
    assert!(told.story.contains("kernel: WARNING: CPU: 0 PID: 1 at wolf.c"), "{}", told.story);
}

/// A disk that answers nothing: whoever reads it can never be killed.
const STALL: [&str; 2] = ["dmsetup create slow --table '0 2048 linear /dev/loop0 0'", "dmsetup suspend slow"];

fn stalled(command: &str) -> Command {
    trace(&[STALL[0], STALL[1], command])
}

#[test]
fn a_command_that_hangs_in_the_kernel() {
    ends(stalled("dd if=/dev/mapper/slow of=/dev/null count=1"))
        .is(
            Class::Kernel,
            "`dd 'if=/dev/mapper/slow' 'of=/dev/null' 'count=1'` did not end within 60 s of virtual time, and",
        )
        .says("INFO: task dd:")
        .says(" blocked for more than 120 seconds.")
        .says(" blkdev_")
        .has_evidence();
}

/// No watchdog of the kernel's can see these either: they do not wait for one thing.
#[test]
fn a_command_that_the_kernel_never_gives_back() {
    for fault in ["retry", "idle"] {
        let hangs =
            format!("`insmod /plant.ko 'fault={fault}'` did not end within 60 s of virtual time, and hangs in ");
        plant(fault).is(Class::Kernel, &hangs).says("task:insmod ").says(&format!(" plant_{fault}+0x")).has_evidence();
    }
}

#[test]
fn a_task_that_is_left_hanging() {
    ends(stalled("sh -c 'dd if=/dev/mapper/slow of=/dev/null count=1 &'"))
        .is(Class::Kernel, "the guest did not settle within 60 s of virtual time: ")
        .says("; dd (process ")
        .says("  kernel:   task:dd              state:D ")
        .has_evidence();
}

/// The agent itself reads the members at the end of a step; here one of them lies on the disk that answers nothing.
#[test]
fn an_agent_that_hangs_in_the_kernel() {
    let mut command = trace(&[
        "dmsetup create slow --table '0 2048 linear /dev/loop1 0'",
        "sh -c 'losetup -d /dev/loop0 && losetup --direct-io=on /dev/loop0 /dev/mapper/slow'",
        "dmsetup suspend slow",
    ]);
    command.env("MDLAB_PATIENCE", "10");
    ends(command)
        .is(Class::Kernel, "the guest was not heard of within 10 s of wall time; it was interrupted")
        .says("  kernel:   task:init            state:D")
        .has_evidence();
}

/// Nothing but a compressed kernel that cannot be unpacked: the loader halts, and says nothing.
#[test]
fn a_kernel_that_never_reaches_the_agent() {
    let mut bytes = std::fs::read(image()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0);
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(broken.path(), bytes).unwrap();
    let mut command = trace(&["--kernel", &format!("file:{}", broken.path().display()), "true"]);
    command.env("MDLAB_PATIENCE", "10");
    ends(command)
        .is(Class::Boot, "boot file:")
        .says("the guest was not heard of within 10 s")
        .says("  evidence: ")
        .says("  rerun:    mdlab trace");
}

/// A module that is loaded before the machine is kept: what such a kernel does afterwards proves nothing.
#[test]
fn a_kernel_that_warns_while_it_boots() {
    let kernel = kernel();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let modules = folder.path().join(kernel.release());
    let copied = Command::new("cp").arg("-a").args([kernel.modules().unwrap(), &modules]).status().unwrap();
    assert!(copied.success());
    // md's personality for tests, which nothing here needs.
    std::fs::rename(build("faulty", r#"-DFAULT='"warning"'"#), modules.join("kernel/drivers/md/faulty.ko")).unwrap();
    let source = format!("file:{},modules:{}", image().display(), modules.display());
    ends(trace(&["--kernel", &source, "true"]))
        .is(Class::Kernel, "boot file:")
        .says("the kernel reported a warning: WARNING: CPU: 0 PID: ")
        .says("plant_warning+0x")
        .says("  evidence: ")
        .says("  rerun:    mdlab trace --kernel file:");
}
