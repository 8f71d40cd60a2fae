use super::*;

/// Kind and title of each report.
fn found(text: &str) -> Vec<(&'static str, String)> {
    Report::on_console(text).into_iter().map(|report| (report.kind, report.title)).collect()
}

fn one(text: &str) -> Report {
    let mut reports = Report::on_console(text);
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

const WARNING: &str = "\
[    4.107654] md: md0 stopped.
[    4.128313] ------------[ cut here ]------------
[    4.128320] WARNING: CPU: 0 PID: 108 at mm/page_alloc.c:5634 __alloc_pages+0x2a9/0x330
[    4.128327] Modules linked in: raid1 md_mod loop
[    4.128331] CPU: 0 PID: 108 Comm: md Not tainted 6.1.0-50-cloud-amd64 #1  Debian 6.1.176-1
[    4.128340] RIP: 0010:__alloc_pages+0x2a9/0x330
[    4.128345] Call Trace:
[    4.128350]  <TASK>
[    4.128351]  setup_conf+0x10b/0x4e0 [raid1]
[    4.128355]  </TASK>
[    4.128356] ---[ end trace 0000000000000000 ]---
[    4.128360] md: pers->run() failed ...
";

#[test]
fn a_warning_is_taken_whole_and_nothing_else_with_it() {
    let report = one(WARNING);
    assert_eq!(report.kind, "a warning");
    assert_eq!(report.title, "WARNING: CPU: 0 PID: 108 at mm/page_alloc.c:5634 __alloc_pages+0x2a9/0x330");
    assert!(
        report.text.starts_with(CUT) && report.text.ends_with("---[ end trace 0000000000000000 ]---"),
        "{report:?}"
    );
    assert_eq!(report.text.lines().count(), 10);
}

#[test]
fn hung_tasks_are_told_apart() {
    let task = |name: &str| {
        format!(
            "[  245.7] INFO: task {name} blocked for more than 120 seconds.\n\
             [  245.7]       Not tainted 6.1.0-50-cloud-amd64 #1 Debian 6.1.176-1\n\
             [  245.7] \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n\
             [  245.7] task:dd              state:D stack:0     pid:110   ppid:1      flags:0x00404006\n\
             [  245.7] Call Trace:\n[  245.7]  <TASK>\n[  245.7]  schedule+0x5a/0xd0\n[  245.7]  </TASK>\n"
        )
    };
    let reports = Report::on_console(&(task("dd:110") + &task("init:1") + "[  245.8] md: md0 stopped.\n"));
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(|report| report.kind == HUNG_TASK && report.text.lines().count() == 8), "{reports:?}");
    assert!(!reports[0].is_the_end() && reports[1].is_the_end());
}

#[test]
fn tasks_that_are_listed_after_a_report_are_none() {
    let list = "[    9.1] task:mdadm           state:D stack:0     pid:140   ppid:1      flags:0x00004000\n\
                [    9.1] Call Trace:\n[    9.1]  <TASK>\n[    9.1]  schedule+0x5a/0xd0\n[    9.1]  </TASK>\n";
    let report = one(&WARNING.replace("[    4.128356] ---[ end trace 0000000000000000 ]---\n", list));
    assert!(report.kind == "a warning" && report.text.ends_with(" </TASK>"), "{report:?}");
    assert_eq!(report.text.matches("Call Trace:").count(), 1);
}

#[test]
fn a_stall_is_one_report_however_many_processors_it_shows() {
    let report = one("\
[   25.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
[   25.1] rcu: \t1-...!: (1 GPs behind) idle=0fc/0/0x1 softirq=1/1 fqs=0
[   25.1] \t(detected by 0, t=5252 jiffies, g=1, q=1 ncpus=2)
[   25.1] Sending NMI from CPU 0 to CPUs 1:
[   25.1] NMI backtrace for cpu 1
[   25.1] CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.1.0-50-cloud-amd64 #1
[   25.1] Call Trace:
[   25.1]  <TASK>
[   25.1]  default_idle+0xb/0x10
[   25.1]  </TASK>
[   25.1] rcu: rcu_preempt kthread starved for 5252 jiffies! g1 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0
[   25.1] rcu: \tUnless rcu_preempt kthread gets sufficient CPU time, OOM is now expected behavior.
[   25.1] rcu: RCU grace-period kthread stack dump:
[   25.1] task:rcu_preempt     state:R  running task     stack:0     pid:14    ppid:2      flags:0x00004000
[   25.1] Call Trace:
[   25.1]  <TASK>
[   25.1]  schedule+0x5a/0xd0
[   25.1]  </TASK>
[   25.1] rcu: Stack dump where RCU GP kthread last ran:
[   25.1] Sending NMI from CPU 0 to CPUs 0:
[   25.1] NMI backtrace for cpu 0
[   25.1] CPU: 0 PID: 14 Comm: rcu_preempt Not tainted 6.1.0-50-cloud-amd64 #1
[   25.1] Call Trace:
[   25.1]  <TASK>
[   25.1]  schedule+0x5a/0xd0
[   25.1]  </TASK>
[   25.2] md: md0 stopped.
");
    assert!(report.kind == RCU_STALL && report.text.ends_with(" </TASK>"), "{report:?}");
    assert_eq!(report.text.lines().count(), 26);
    let stall = report.text.clone() + "\nrcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n";
    assert_eq!(found(&stall).len(), 2);
}

#[test]
fn a_want_of_memory_says_whom_it_killed() {
    let text = "\
[    9.1] dd invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0
[    9.1] CPU: 0 PID: 105 Comm: dd Not tainted 6.1.0-50-cloud-amd64 #1  Debian 6.1.176-1
[    9.1] Call Trace:
[    9.1]  <TASK>
[    9.1]  dump_stack_lvl+0x44/0x5c
[    9.1]  </TASK>
[    9.1] Mem-Info:
[    9.1] active_anon:30 inactive_anon:43000 isolated_anon:0
                  active_file:0 inactive_file:0 isolated_file:0
[    9.1] Tasks state (memory values in pages):
[    9.1] [    105]     0   105    28743    28500   237568        0             0 dd
[    9.1] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task=dd,pid=105,uid=0
[    9.1] Out of memory: Killed process 105 (dd) total-vm:114972kB, anon-rss:112640kB, file-rss:1280kB
[    9.2] md: md0 stopped.
";
    let report = one(text);
    assert!(report.kind == WANT && report.text.contains("Killed process 105 (dd)"), "{report:?}");
    assert!(!report.text.contains("md0"));
    let nobody = text.replace("Out of memory: Killed process 105", "Out of memory and no killable processes...");
    assert!(!one(&nobody).text.contains("md0"));
    // Whatever else goes wrong meanwhile is a report of its own.
    let worse = text
        .replace("[    9.1] Tasks state", "[    9.1] BUG: Bad page state in process dd  pfn:1\n[    9.1] Tasks state");
    assert_eq!(found(&worse).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [WANT, "a page corruption"]);
}

#[test]
fn a_report_without_a_stack_ends_where_the_next_begins() {
    let text = "\
[    9.1] BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1
[    9.1] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    9.1] #PF: supervisor write access in kernel mode
[    9.1] Oops: 0002 [#1] PREEMPT SMP NOPTI
[    9.1] Call Trace:
[    9.1]  plant_oops+0x5/0x10 [plant]
[    9.1] ---[ end trace 0000000000000000 ]---
";
    let kinds: Vec<_> = found(text).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["a page corruption", "an oops"]);
}

#[test]
fn whatever_a_kernel_can_say_is_known() {
    for (line, kind) in [
        ("Kernel panic - not syncing: sysrq triggered crash", "a panic"),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000008", "an oops"),
        ("BUG: unable to handle page fault for address: ffffffffdeadbeef", "an oops"),
        ("general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP", "an oops"),
        ("Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP", "an oops"),
        ("kernel BUG at drivers/md/raid5.c:1234!", "an oops"),
        ("divide error: 0000 [#1] PREEMPT SMP NOPTI", "an oops"),
        ("WARNING: drivers/md/md.c:1234 at md_run+0x12/0x34 [md_mod], CPU#0: mdadm/140", "a warning"),
        ("WARNING: possible circular locking dependency detected", "a lockdep report"),
        ("WARNING: inconsistent lock state", "a lockdep report"),
        ("WARNING: suspicious RCU usage", "a lockdep report"),
        ("[ BUG: bad unlock balance detected! ]", "a lockdep report"),
        ("BUG: KASAN: slab-use-after-free in raid5_end_read_request+0x1/0x2 [raid456]", "a KASAN report"),
        ("BUG: KFENCE: out-of-bounds read in md_bitmap_get_counter+0x1/0x2", "a KFENCE report"),
        ("UBSAN: shift-out-of-bounds in drivers/md/raid10.c:1:2", "a UBSAN report"),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", "an RCU stall"),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [md0_raid5:140]", "a lockup"),
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 0", "a lockup"),
        ("watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3", "a lockup"),
        ("sh invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0", WANT),
        ("mdadm: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null)", WANT),
        ("INFO: task dd:110 blocked for more than 120 seconds.", HUNG_TASK),
        ("INFO: task dd:110 blocked in I/O wait for more than 122 seconds.", HUNG_TASK),
        ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!", "a lockup"),
        ("list_del corruption. prev->next should be ff110000, but was ff110008", "a list corruption"),
        ("list_add corruption. next->prev should be prev (ff11), but was ff12. (next=ff13).", "a list corruption"),
        ("BUG: Bad page state in process mdadm  pfn:0b1c2", "a page corruption"),
        ("BUG kmalloc-64 (Not tainted): Poison overwritten", "a slab corruption"),
        ("BUG: scheduling while atomic: md0_raid1/140/0x00000002", "a BUG"),
        ("BUG: sleeping function called from invalid context at mm/slab.h:1", "a BUG"),
        ("Call Trace:", "a stack trace"),
    ] {
        assert_eq!(found(&format!("[    1.000000] {line}\n")), [(kind, line.to_owned())], "{line}");
        // With CONFIG_PRINTK_CALLER.
        assert_eq!(found(&format!("[    1.000000][  T140] {line}\n")), [(kind, line.to_owned())], "{line}");
    }
}

#[test]
fn what_only_looks_like_a_report_is_none() {
    for line in [
        "md: md0: resync done.",
        "md0: WARNING: loop0 appears to be on the same physical disk as loop1.",
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled",
        "INFO: lockdep is turned off.",
        "INFO: task dd:110 is blocked on a mutex likely owned by task mdadm:140.",
        "mdadm[140]: segfault at 0 ip 00007f sp 00007f error 4 in mdadm",
        "traps: mdadm[140] general protection fault ip:7f sp:7f error:0 in mdadm",
        "Registered BUG handler",
    ] {
        assert_eq!(found(&format!("[    1.000000] {line}\n")), [], "{line}");
    }
}

/// From Documentation/dev-tools/kasan.rst.
#[test]
fn a_report_between_fences_has_several_stacks() {
    let text = "\
==================================================================
BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0xa8/0xbc [test_kasan]
Write of size 1 at addr ffff8801f44ec37b by task insmod/2760
Call Trace:
 dump_stack+0x94/0xd8

Allocated by task 2760:
 save_stack+0x43/0xd0
Memory state around the buggy address:
>ffff8801f44ec300: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03
==================================================================
md: md0 stopped.
";
    let report = one(text);
    assert_eq!(report.kind, KASAN);
    assert_eq!(report.text.lines().count(), 10);
}

#[test]
fn a_list_of_tasks_is_no_report_and_shows_those_that_are_blocked() {
    let text = "\
[    9.1] task:init            state:S stack:    0 pid:    1 ppid:     0 flags:0x00000000
[    9.1] Call Trace:
[    9.1]  schedule+0x5a/0xd0
[    9.1] task:mdadm           state:D stack:    0 pid:  140 ppid:     1 flags:0x00004000
[    9.1] Call Trace:
[    9.1]  mddev_suspend+0x5a/0xd0 [md_mod]
[    9.1] RIP: 0033:0x7ffff7ed8350
[    9.1] task:kworker/0:1H    state:I stack:    0 pid:    9 ppid:     2 flags:0x00004000
[    9.1] Workqueue:  0x0 (kblockd)
[    9.1] Call Trace:
";
    assert_eq!(found(text), []);
    let blocked = blocked_tasks(text);
    assert_eq!(blocked.len(), 1);
    assert!(blocked[0].starts_with("task:mdadm ") && blocked[0].ends_with("RIP: 0033:0x7ffff7ed8350"), "{blocked:?}");
}
