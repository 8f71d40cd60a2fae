//! What the kernel says by luck.

/// What md says of a disk that it cannot have, and why: somebody else has it (`md_import_device` of drivers/md/md.c).
const REFUSED: &str = "md: could not open ";
const BUSY: &str = "md: md_import_device returned -16";

/// The lines without those of a race: once mdadm has closed a disk that it wrote to, udev runs another on it, and that one may
/// ask for the disk before it sees that it is in the array already. Who asks himself for what is taken gets EBUSY, in his calls.
pub(super) fn without_races(lines: Vec<String>) -> Vec<String> {
    let is = |line: Option<&String>, text: &str| line.is_some_and(|line| line.contains(text));
    let lost = |at: usize| {
        let refused = is(lines.get(at), REFUSED) && is(lines.get(at + 1), BUSY);
        refused || is(lines.get(at), BUSY) && at > 0 && is(lines.get(at - 1), REFUSED)
    };
    let kept: Vec<bool> = (0..lines.len()).map(|at| !lost(at)).collect();
    lines.into_iter().zip(kept).filter_map(|(line, kept)| kept.then_some(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_taken_is_no_news_and_one_that_is_missing_is() {
        let [open, busy] =
            ["warn   md: could not open device unknown-block(7,4).", "warn   md: md_import_device returned -16"];
        let [missing, other] = ["warn   md: md_import_device returned -6", "info   md: reshape of RAID array md0"];
        let of = |lines: &[&str]| without_races(lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(of(&[open, busy, other, open, missing, open, busy]), [other, open, missing]);
        assert_eq!(of(&[busy, other]), [busy, other]);
    }
}
