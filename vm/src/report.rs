//! What a kernel says of itself when something is wrong with it, found among its messages.
//!
//! The beginnings are those of kernel/panic.c, lib/bug.c, arch/x86/kernel/{dumpstack,traps}.c, arch/x86/mm/fault.c,
//! kernel/hung_task.c, kernel/watchdog.c, kernel/workqueue.c, kernel/rcu/tree_stall.h, kernel/locking/lockdep.c,
//! lib/list_debug.c, lib/ubsan.c, mm/{oom_kill,page_alloc,slub,vmalloc}.c and mm/{kasan,kfence,kmsan}/report.c, from Linux 5.10 to 7.x.

/// A report of the kernel: that it found something wrong with itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it is called: `a warning`, `an oops`.
    pub kind: &'static str,
    /// The line that says what is wrong.
    pub title: String,
    /// All its lines, as the kernel printed them, without time stamps.
    pub text: String,
}

/// How the line begins that says what is wrong, and what it is called. The first that fits counts.
const SIGNS: [(&str, &str); 39] = [
    ("Kernel panic - ", "a panic"),
    ("BUG: unable to handle", "an oops"),
    ("BUG: kernel NULL pointer dereference", "an oops"),
    ("general protection fault", "an oops"),
    ("Oops: ", "an oops"),
    ("divide error: ", "an oops"),
    ("invalid opcode: ", "an oops"),
    ("stack segment: ", "an oops"),
    ("double fault: ", "an oops"),
    ("kernel BUG at ", "an oops"),
    ("list_add corruption", "a list corruption"),
    ("list_del corruption", "a list corruption"),
    ("BUG: KASAN: ", KASAN),
    ("BUG: KFENCE: ", KFENCE),
    ("BUG: KMSAN: ", KMSAN),
    ("BUG: KCSAN: ", KCSAN),
    ("UBSAN: ", "a UBSAN report"),
    ("BUG: soft lockup", LOCKUP),
    ("BUG: workqueue lockup", LOCKUP),
    ("INFO: rcu", RCU_STALL),
    ("INFO: task ", HUNG_TASK),
    ("BUG: Bad ", "a page corruption"),
    // Of the slab allocator: `BUG kmalloc-64 (Not tainted): Poison overwritten`.
    ("BUG ", "a slab corruption"),
    ("INFO: Slab ", "a slab corruption"),
    ("INFO: Object ", "a slab corruption"),
    ("WARNING: possible ", "a lockdep report"),
    ("WARNING: inconsistent lock state", "a lockdep report"),
    ("WARNING: suspicious RCU usage", "a lockdep report"),
    ("WARNING: bad unlock balance", "a lockdep report"),
    ("WARNING: held lock freed", "a lockdep report"),
    ("WARNING: lock held", "a lockdep report"),
    ("WARNING: Nested lock", "a lockdep report"),
    ("INFO: trying to register non-static key", "a lockdep report"),
    ("BUG: Invalid wait context", "a lockdep report"),
    ("[ BUG: ", "a lockdep report"),
    ("WARNING: ", "a warning"),
    ("BUG: ", "a BUG"),
    // Whatever it is that shows where it was called from, it is not as it should be.
    ("Call Trace:", "a stack trace"),
    (CUT, "a report"),
];

/// What a line has in it where whom it is about stands first, a command or a processor.
const NAMED_SIGNS: [(&str, &str); 5] = [
    (OOM, WANT),
    (": page allocation failure: ", WANT),
    (": vmalloc: allocation failure", WANT),
    (": vmalloc error: ", WANT),
    // In newer kernels the processor that found it stands first.
    ("Watchdog detected hard LOCKUP", LOCKUP),
];

const OOM: &str = " invoked oom-killer: ";

const WANT: &str = "a want of memory";
const HUNG_TASK: &str = "a hung task";
const LOCKUP: &str = "a lockup";
const RCU_STALL: &str = "an RCU stall";
const KASAN: &str = "a KASAN report";
const KFENCE: &str = "a KFENCE report";
const KMSAN: &str = "a KMSAN report";
const KCSAN: &str = "a KCSAN report";

/// What has several stack traces, and ends with a line of `=`.
const FENCED: [&str; 4] = [KASAN, KFENCE, KMSAN, KCSAN];

/// Stands before the message of a warning or a BUG (`CUT_HERE` in include/asm-generic/bug.h).
const CUT: &str = "------------[ cut here ]------------";

/// Who speaks, where it says so first.
const SPEAKERS: [&str; 4] = ["watchdog: ", "NMI watchdog: ", "rcu: ", "Memory manager: "];

/// How lines begin that follow a stack trace and belong to it: registers, code, who it was.
const DETAILS: [&str; 26] = [
    " ",
    "\t",
    "<",
    "RIP",
    "RSP",
    "RAX",
    "RDX",
    "RBP",
    "R10",
    "R13",
    "FS:",
    "CS:",
    "CR2",
    "DR0",
    "DR3",
    "PKRU",
    "Code:",
    "ORIG_RAX",
    "Modules linked in",
    "CPU:",
    "Hardware name",
    "Call Trace",
    "Workqueue:",
    "Stopper:",
    "irq event",
    "---[ end",
];

/// The most lines of one report.
const LONGEST: usize = 300;

impl Report {
    /// Finds all reports among the lines of a kernel's messages.
    pub fn all<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut reports = Vec::new();
        let mut open: Option<Draft> = None;
        let mut listed = false;
        for line in lines {
            if let Some(draft) = &mut open {
                if draft.takes(line) {
                    continue;
                }
                reports.extend(open.take().map(Draft::finish));
            }
            // A list of tasks and their stacks: somebody has asked for it, and it reports nothing.
            listed = line.starts_with("task:") || listed && is_detail(line);
            if !listed {
                open = sign(line).map(|kind| Draft::new(kind, line));
            }
        }
        reports.extend(open.map(Draft::finish));
        reports
    }

    /// Finds all reports on a console.
    pub fn on_console(console: &str) -> Vec<Self> {
        Self::all(console.lines().map(message))
    }

    /// Whether it says that nothing goes on any more: a processor that is never given back, or a hung PID 1.
    pub(crate) fn is_the_end(&self) -> bool {
        match self.kind {
            LOCKUP | RCU_STALL => true,
            HUNG_TASK => self.title.split(" blocked ").next().is_some_and(|task| task.ends_with(":1")),
            _ => false,
        }
    }
}

/// The stacks of the tasks that wait uninterruptibly, on a console on which the kernel has shown all tasks
/// (`show_state_filter` in kernel/sched/core.c), and of those that the guest itself names there as left by SIGKILL.
pub fn blocked_tasks(console: &str) -> Vec<String> {
    let mut tasks: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in console.lines().map(message) {
        if line.starts_with("task:") {
            inside = line.contains(" state:D ") || line.ends_with(" left by SIGKILL");
            if inside {
                tasks.push(vec![line]);
            }
        } else if inside && is_detail(line) {
            tasks.iter_mut().next_back().into_iter().for_each(|task| task.push(line));
        } else {
            inside = false;
        }
    }
    tasks.iter().map(|task| task.join("\n")).collect()
}

/// A line of the console without its time stamp, and without who printed it: `[    1.234567] `, `[    1.234567][   T140] `.
fn message(line: &str) -> &str {
    let stamp = |c: char| c.is_ascii_digit() || "[]. TC".contains(c);
    match line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
        Some((inside, rest)) if inside.chars().all(stamp) => rest,
        _ => line,
    }
}

/// What a line is a sign of.
fn sign(line: &str) -> Option<&'static str> {
    if let Some((_, kind)) = NAMED_SIGNS.iter().find(|(part, _)| line.contains(part)) {
        return Some(kind);
    }
    let said = SPEAKERS.iter().find_map(|speaker| line.strip_prefix(speaker)).unwrap_or(line);
    let (beginning, kind) = SIGNS.iter().find(|(beginning, _)| said.starts_with(beginning))?;
    // `INFO: task` also begins who waits for whom. Since 7.1 it may be `blocked in I/O wait for more than`.
    let hangs = || said.split_once(" blocked ").is_some_and(|(_, rest)| rest.contains("for more than "));
    (*beginning != "INFO: task " || hangs()).then_some(kind)
}

/// Whether a line begins a report of its own where one is open that has no stack trace yet, and may never have one.
fn begins_another(line: &str) -> bool {
    // Further lines of what is one thing gone wrong: an oops says several times what it is, a BUG follows a corruption.
    const SAME: [&str; 8] = [
        "Oops: ",
        "invalid opcode: ",
        "kernel BUG at ",
        "general protection fault",
        "WARNING: CPU: ",
        "rcu: ",
        "Call Trace:",
        CUT,
    ];
    sign(line).is_some() && !SAME.iter().any(|same| line.starts_with(same))
}

/// Whether a line looks like a part of a stack trace.
fn is_detail(line: &str) -> bool {
    DETAILS.iter().any(|beginning| line.starts_with(beginning))
}

/// A report whose end has not come yet.
struct Draft<'a> {
    kind: &'static str,
    title: &'a str,
    lines: Vec<&'a str>,
    /// A stack trace has begun: what does not look like a part of it ends the report.
    traced: bool,
    /// It stands between two lines of `=`, whatever else is in it.
    fenced: bool,
    ended: bool,
}

impl<'a> Draft<'a> {
    fn new(kind: &'static str, line: &'a str) -> Self {
        let fenced = FENCED.contains(&kind);
        Self { kind, title: line, lines: vec![line], traced: line == "Call Trace:", fenced, ended: false }
    }

    /// Adds a line, if it belongs to it.
    fn takes(&mut self, line: &'a str) -> bool {
        let same = sign(line).is_none() || line.starts_with("Call Trace:");
        // It says what memory there is, and ends with whom it killed.
        let counts = self.title.contains(OOM) && same;
        // Such a report goes from processor to processor, and to the tasks that it waits for.
        let next = ["NMI backtrace for cpu", "Sending NMI from CPU", "rcu: ", "task:"];
        let stuck = [LOCKUP, RCU_STALL].contains(&self.kind) && same && next.iter().any(|next| line.starts_with(next));
        let foreign = self.traced && !self.fenced && !counts && !stuck && !is_detail(line);
        let another = !self.traced && !self.fenced && self.title != CUT && begins_another(line);
        if self.ended || foreign || another || self.lines.len() >= LONGEST {
            return false;
        }
        self.ended = line.starts_with("---[ end ") || self.fenced && line.starts_with("=====");
        self.ended |= self.title.contains(OOM) && line.contains("ut of memory");
        self.traced |= line == "Call Trace:";
        // What stands before says only that something comes.
        if self.title == CUT
            && let Some(kind) = sign(line)
        {
            (self.kind, self.title) = (kind, line);
        }
        self.lines.push(line);
        true
    }

    fn finish(self) -> Report {
        Report { kind: self.kind, title: self.title.trim().to_owned(), text: self.lines.join("\n") }
    }
}

#[cfg(test)]
mod tests;
