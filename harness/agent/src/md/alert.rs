//! `md alert`, also called `md-alert`: what `mdadm --monitor --program` runs for each event. It logs those that are not luck.

use std::fs::File;
use std::io::Write;

use super::Verdict;
use super::arguments::Arguments;
use super::trouble::{Refused, Trouble};

/// How events begin of which mdadm reports more or fewer, depending on when it looks: RebuildStarted, RebuildNN,
/// RebuildFinished.
const LUCK: &str = "Rebuild";

/// The kernel's log, because it is recorded in the order in which things happen.
const LOG: &str = "/dev/kmsg";

pub(super) fn run(mut arguments: Arguments) -> Result<Verdict, Trouble> {
    let words = arguments.words()?;
    if !(2..=3).contains(&words.len()) {
        return Err(arguments.wrong(format!("expected EVENT DEVICE [MEMBER], got {} words", words.len())));
    }
    if words[0].starts_with(LUCK) {
        return Ok(Verdict::Good);
    }
    // One write is one record. Without the newline it would stay open for more (`vprintk_store` of kernel/printk/printk.c),
    // and nobody could read it yet.
    let line = format!("mdadm: {}", words.join(" ")).replace(char::is_control, "?") + "\n";
    let written = File::options().write(true).open(LOG).and_then(|mut log| log.write_all(line.as_bytes()));
    written.refused(|| format!("write `{LOG}`"))?;
    Ok(Verdict::Good)
}
