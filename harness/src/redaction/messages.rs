//! What the kernel says by luck.

use mdlab_vm::Report;

/// What md says of a disk that it cannot have, and why: somebody else has it (`md_import_device` of drivers/md/md.c).
const REFUSED: &str = "md: could not open ";
const BUSY: &str = "md: md_import_device returned -16";

/// What the kernel says of its clocks a second after it booted (`tsc_refine_calibration_work` in arch/x86/kernel/tsc.c): in the first
/// step, if it takes no longer than that to boot.
const CLOCKS: [&str; 2] = ["tsc: ", "clocksource: "];

/// The lines without those of a race: once mdadm has closed a disk that it wrote to, udev runs another on it, and that one may
/// ask for the disk before it sees that it is in the array already. Who asks himself for what is taken gets EBUSY, in his calls.
pub(super) fn without_races(lines: Vec<String>) -> Vec<String> {
    let is = |line: Option<&String>, text: &str| line.is_some_and(|line| line.contains(text));
    let lost = |at: usize| {
        let refused = is(lines.get(at), REFUSED) && is(lines.get(at + 1), BUSY);
        let clock = CLOCKS.iter().any(|begin| lines[at].get(LEVEL..).is_some_and(|text| text.starts_with(begin)));
        clock || refused || is(lines.get(at), BUSY) && at > 0 && is(lines.get(at - 1), REFUSED)
    };
    let kept: Vec<bool> = (0..lines.len()).map(|at| !lost(at)).collect();
    lines.into_iter().zip(kept).filter_map(|(line, kept)| kept.then_some(line)).collect()
}

/// How many bytes of a line are its level.
const LEVEL: usize = 7;

/// The lines with what the kernel reports of itself in short: registers, addresses and the rest of a stack are those of one
/// build, if not of one run. What is wrong stays, and the functions through which it came to that.
pub(super) fn reports_in_short(lines: &[String]) -> Vec<String> {
    // A message may have several lines: those after the first begin with as many blanks.
    let lines: Vec<&str> = lines.iter().flat_map(|line| line.split('\n')).collect();
    let messages: Vec<&str> = lines.iter().map(|line| line.get(LEVEL..).unwrap_or_default()).collect();
    let mut reports = Report::all(messages.iter().copied()).into_iter().peekable();
    let (mut short, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let of = |report: &Report| report.text.lines().zip(&messages[at..]).all(|(one, other)| one == *other);
        match reports.next_if(of) {
            Some(report) => {
                short.push(lines[at][..LEVEL].to_owned() + &lasting(&report.title));
                let functions = report.text.lines().filter_map(function);
                short.extend(functions.map(|name| format!("{:LEVEL$}  {name}", "")));
                at += report.text.lines().count();
            }
            None => {
                short.push(lines[at].to_owned());
                at += 1;
            }
        }
    }
    short
}

/// The function that a line of a stack names: ` md_ioctl+0x1a3/0x2b0 [md_mod]`. Of those with a `?` the kernel is not sure.
fn function(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix(' ')?.split_once("+0x")?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)).then_some(name)
}

/// What is wrong, without lines and places in code, and without numbers of processes: `WARNING: CPU: 0 PID: 152 at
/// mm/page_alloc.c:5390 f+0x1/0x2`, in newer kernels `WARNING: mm/page_alloc.c:5390 at f+0x1/0x2, CPU#0: mdadm/152`.
fn lasting(title: &str) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let word = |(before, word): (&str, &str)| {
        let (code, comma) = word.strip_suffix(',').map_or((word, ""), |code| (code, ","));
        let code = code.split("+0x").next().unwrap_or_default();
        let name = code.trim_end_matches(|c: char| c.is_ascii_digit());
        let counted = name.ends_with([':', '/']) && name.len() < code.len();
        match counted || before == "PID:" && is_number(code) {
            true => format!("{name}N{comma}"),
            false => format!("{code}{comma}"),
        }
    };
    let words = || title.split(' ');
    std::iter::once("").chain(words()).zip(words()).map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_what_is_wrong_and_how_it_came_to_it() {
        let lines = [
            "info   md: md0 stopped.",
            "warn   ------------[ cut here ]------------",
            "warn   WARNING: CPU: 0 PID: 152 at mm/page_alloc.c:5390 __alloc_pages+0x1b6/0x330",
            "warn   RIP: 0010:__alloc_pages+0x1b6/0x330",
            "warn   RSP: 0018:ffffb0f9c0143a58 EFLAGS: 00010246",
            "warn   Call Trace:",
            "warn    <TASK>",
            "warn    kmalloc_large_node+0x7a/0x160",
            "warn    ? exc_page_fault+0x70/0x170",
            "warn    md_ioctl+0x1a3/0x2b0 [md_mod]",
            "warn    </TASK>",
            "warn   ---[ end trace 0000000000000000 ]---",
            "info   md/raid1:md0: active",
        ];
        let expected = [
            "info   md: md0 stopped.",
            "warn   WARNING: CPU: 0 PID: N at mm/page_alloc.c:N __alloc_pages",
            "         kmalloc_large_node",
            "         md_ioctl",
            "info   md/raid1:md0: active",
        ];
        assert_eq!(reports_in_short(&lines.map(str::to_owned)), expected);
        // One of several lines, and another after it.
        let lines = ["warn   mdadm invoked oom-killer: gfp_mask=0x0, order=0\n       Mem-Info:".to_owned()];
        let lines = [&lines[..], &["emerg  Out of memory: Killed process 152 (mdadm)".to_owned()]].concat();
        assert_eq!(reports_in_short(&lines), ["warn   mdadm invoked oom-killer: gfp_mask=0x0, order=0"]);
    }

    #[test]
    fn a_title_is_the_same_wherever_it_is_in_the_code() {
        for (title, expected) in [
            (
                "WARNING: drivers/md/md.c:42 at md_run+0x1/0x2, CPU#0: mdadm/152",
                "WARNING: drivers/md/md.c:N at md_run, CPU#0: mdadm/N",
            ),
            ("INFO: task md0_raid1:140 blocked for more than", "INFO: task md0_raid1:N blocked for more than"),
            ("kernel BUG at drivers/md/raid1.c:7!", "kernel BUG at drivers/md/raid1.c:7!"),
        ] {
            assert_eq!(lasting(title), expected);
        }
    }

    #[test]
    fn a_disk_that_is_taken_is_no_news_and_one_that_is_missing_is() {
        let [open, busy] =
            ["warn   md: could not open device unknown-block(7,4).", "warn   md: md_import_device returned -16"];
        let [missing, other] = ["warn   md: md_import_device returned -6", "info   md: reshape of RAID array md0"];
        let of = |lines: &[&str]| without_races(lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(of(&[open, busy, other, open, missing, open, busy]), [other, open, missing]);
        assert_eq!(of(&[busy, other]), [busy, other]);
        assert_eq!(of(&["info   clocksource: Switched to clocksource tsc", other]), [other]);
    }
}
