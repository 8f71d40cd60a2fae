//! Watches the kernel: whatever it says is wrong with it fails the scenario, whatever else passed.

use mdlab_protocol::{Event, What};
use mdlab_vm::Report;

/// Flags of the kernel's taint that it raises when something goes wrong, by their numbers (kernel/panic.c). The others tell
/// of modules that were loaded, and of what somebody asked for.
const FAILURES: [(u32, char, &str); 5] = [
    (4, 'M', "the processor reported a hardware error"),
    (5, 'B', "a page was found in a state that it must not be in"),
    (7, 'D', "the kernel died of an oops or a BUG"),
    (9, 'W', "the kernel issued a warning"),
    (14, 'L', "a processor was stuck in the kernel"),
];

/// What is known of the kernel's health.
pub(crate) struct Watch {
    /// The kernel's messages, line by line.
    lines: Vec<String>,
    /// Taint at the beginning, and now.
    taint: [u64; 2],
    /// Parts of the first lines of reports that are known to come.
    expected: Vec<String>,
    /// Messages of the kernel were lost before they could be read.
    lost: bool,
}

impl Watch {
    /// Begins with a kernel that is tainted so.
    pub(crate) fn new(taint: u64) -> Self {
        Self { lines: Vec::new(), taint: [taint; 2], expected: Vec::new(), lost: false }
    }

    /// Takes note of what the kernel said. What programs write to its log is their own business.
    pub(crate) fn hear(&mut self, events: &[Event]) {
        for event in events {
            match &event.what {
                What::Kernel(message) if message.facility == 0 => {
                    self.lines.extend(message.text.lines().map(str::to_owned));
                }
                What::Lost(what) => self.lost |= what.contains("/dev/kmsg"),
                _ => {}
            }
        }
    }

    /// Whether the console has to be searched as well: what it shows is never lost, but who spoke is not said there.
    pub(crate) fn has_lost(&self) -> bool {
        self.lost
    }

    /// Takes note of what is on the console.
    pub(crate) fn read(&mut self, console: &str) {
        let reports = Report::on_console(console);
        let new = reports.iter().filter(|report| !self.reports().contains(report));
        let lines: Vec<String> = new.flat_map(|report| report.text.lines().map(str::to_owned)).collect();
        self.lines.extend(lines);
        self.lost = false;
    }

    /// Takes note of its taint.
    pub(crate) fn see(&mut self, taint: u64) {
        self.taint[1] |= taint;
    }

    /// A report whose first line has this in it is a known bug's: it counts for nothing, and has to come.
    pub(crate) fn expect(&mut self, part: &str) {
        self.expected.push(part.to_owned());
    }

    /// What is wrong with the kernel, if anything: a sentence, and its reports in full.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let (known, reports): (Vec<_>, Vec<_>) = self.reports().into_iter().partition(|report| self.expects(report));
        let [before, now] = self.taint;
        // A known report taints the kernel as any other does: with a flag of its own, and with no other.
        let excused = known.iter().fold(0, |flags, report| flags | raised_by(report));
        let sentence = of_reports(&reports).or_else(|| of_taint(now & !before & !excused))?;
        Some(Verdict { sentence, reports })
    }

    /// A report that was expected and has not come.
    pub(crate) fn missing(&self) -> Option<&str> {
        let reports = self.reports();
        let came = |part: &&String| reports.iter().any(|report| report.title.contains(part.as_str()));
        self.expected.iter().find(|part| !came(part)).map(String::as_str)
    }

    fn expects(&self, report: &Report) -> bool {
        self.expected.iter().any(|part| report.title.contains(part.as_str()))
    }

    fn reports(&self) -> Vec<Report> {
        Report::all(self.lines.iter().map(String::as_str))
    }
}

/// The flag that a report raises (`add_taint` in kernel/panic.c, arch/x86/kernel/dumpstack.c, mm/page_alloc.c and
/// kernel/watchdog.c).
fn raised_by(report: &Report) -> u64 {
    match report.kind {
        "an oops" | "a list corruption" => 1 << 7 | 1 << 9,
        "a page corruption" | "a slab corruption" | "a KASAN report" | "a KFENCE report" => 1 << 5,
        "a lockup" => 1 << 14,
        "a hung task" | "an RCU stall" | "a want of memory" => 0,
        _ => 1 << 9,
    }
}

/// What is wrong with a kernel.
pub(crate) struct Verdict {
    pub(crate) sentence: String,
    pub(crate) reports: Vec<Report>,
}

/// What reports say in short.
pub(crate) fn of_reports(reports: &[Report]) -> Option<String> {
    let first = reports.first()?;
    let more = match reports.len() - 1 {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    Some(format!("the kernel reported {}: {}{more}", first.kind, first.title))
}

/// What flags of the taint say.
pub(crate) fn of_taint(taint: u64) -> Option<String> {
    let raised = FAILURES.iter().filter(|(number, ..)| taint & 1 << number != 0);
    let raised: Vec<_> = raised.map(|(_, letter, meaning)| format!("`{letter}`, {meaning}")).collect();
    (!raised.is_empty()).then(|| format!("the kernel is tainted: {}", raised.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdlab_protocol::KernelMessage;

    fn message(facility: u32, text: &str) -> Event {
        let (text, properties) = (text.to_owned(), Vec::new());
        let message = KernelMessage { level: 4, facility, sequence: 1, stamp: 1, text, properties };
        Event { at: 1, what: What::Kernel(message) }
    }

    #[test]
    fn what_the_kernel_says_counts_and_what_programs_say_does_not() {
        let warning = "WARNING: CPU: 0 PID: 7 at drivers/md/md.c:1 md_x+0x1/0x2 [md_mod]";
        let mut watch = Watch::new(0);
        watch.hear(&[message(1, warning), message(0, "md: md0 stopped.")]);
        assert!(watch.verdict().is_none());
        watch.hear(&[message(0, warning)]);
        assert_eq!(watch.verdict().unwrap().sentence, format!("the kernel reported a warning: {warning}"));
    }

    #[test]
    fn a_report_that_is_expected_has_to_come_and_excuses_no_other() {
        let mut watch = Watch::new(0);
        watch.expect("mm/page_alloc.c");
        assert_eq!(watch.missing(), Some("mm/page_alloc.c"));
        watch.hear(&[message(0, "WARNING: CPU: 0 PID: 7 at mm/page_alloc.c:1 __alloc_pages+0x1/0x2")]);
        watch.see(1 << 9);
        assert!(watch.missing().is_none() && watch.verdict().is_none());
        watch.hear(&[message(0, "---[ end trace 0000000000000000 ]---"), message(0, "BUG: scheduling while atomic")]);
        assert!(watch.verdict().unwrap().sentence.starts_with("the kernel reported a BUG: "));
    }

    #[test]
    fn an_expected_warning_excuses_no_death() {
        let mut watch = Watch::new(0);
        watch.expect("mm/page_alloc.c");
        watch.hear(&[message(0, "WARNING: CPU: 0 PID: 7 at mm/page_alloc.c:1 __alloc_pages+0x1/0x2")]);
        watch.see(1 << 9 | 1 << 7);
        assert_eq!(
            watch.verdict().unwrap().sentence,
            "the kernel is tainted: `D`, the kernel died of an oops or a BUG"
        );
    }

    #[test]
    fn what_was_lost_is_found_on_the_console() {
        let mut watch = Watch::new(0);
        watch.hear(&[Event { at: 1, what: What::Lost("records of `/dev/kmsg`, overwritten".into()) }]);
        assert!(watch.has_lost() && watch.verdict().is_none());
        watch.read("[    4.1] md: md0 stopped.\n[    4.2] BUG: scheduling while atomic: md0_raid1/140/0x2\n");
        assert!(watch.verdict().unwrap().sentence.starts_with("the kernel reported a BUG: "));
        assert!(!watch.has_lost());
    }

    #[test]
    fn a_taint_counts_where_it_is_new_and_tells_of_a_failure() {
        let mut watch = Watch::new(1 << 9);
        // Out-of-tree and unsigned modules.
        watch.see(1 << 9 | 1 << 12 | 1 << 13);
        assert!(watch.verdict().is_none());
        watch.see(1 << 7);
        assert_eq!(
            watch.verdict().unwrap().sentence,
            "the kernel is tainted: `D`, the kernel died of an oops or a BUG"
        );
    }
}
