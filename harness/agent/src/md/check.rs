//! `md check`: says which sectors are not as `md fill` wrote them.

use super::Verdict;
use super::arguments::{Argument, Arguments};
use super::pattern::{Content, Run, SECTOR, classify, extend};
use super::transfer::{Medium, Span};
use super::trouble::Trouble;

/// Most lines of what differs; an array whose chunks are all in the wrong places has thousands.
const LINES: usize = 8;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    written: u64,
    zero: u64,
    wrong: Vec<Run>,
}

pub(super) fn run(mut arguments: Arguments) -> Result<Verdict, Trouble> {
    let (mut span, mut node, mut zero_allowed) = (Span::default(), None, false);
    while let Some(next) = arguments.next()? {
        match next {
            Argument::Option(option) if option == "--zero-allowed" => zero_allowed = true,
            Argument::Option(option) => span.take(&mut arguments, &option)?,
            Argument::Word(word) if node.is_none() => node = Some(word),
            Argument::Word(word) => return Err(arguments.wrong(format!("expected one node, got `{word}` as well"))),
        }
    }
    let node = node.ok_or_else(|| arguments.wrong("expected a node, got none"))?;
    let findings = look(&Medium::open(&node)?, span, zero_allowed)?;
    print!("{}", findings.report());
    Ok(if findings.wrong.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn look(medium: &Medium, span: Span, zero_allowed: bool) -> Result<Findings, Trouble> {
    let mut findings = Findings::default();
    let end = medium.end(span, false)?;
    medium.read(span.from, end, |first, bytes| {
        for (sector, bytes) in (first..).zip(bytes.chunks_exact(SECTOR)) {
            match classify(bytes, span.seed) {
                Content::Sector(own) if own == sector => findings.written += 1,
                Content::Zero if zero_allowed => findings.zero += 1,
                content => extend(&mut findings.wrong, sector, content),
            }
        }
    })?;
    Ok(findings)
}

impl Findings {
    fn report(&self) -> String {
        let zero = if self.zero > 0 { format!(", {} zero", self.zero) } else { String::new() };
        if self.wrong.is_empty() {
            return format!("{} sectors as written{zero}\n", self.written);
        }
        let lines = self.wrong.iter().take(LINES).map(|run| format!("{run}\n"));
        let more = self.wrong.len().saturating_sub(LINES);
        let more = if more > 0 { format!("and {more} more runs\n") } else { String::new() };
        lines.collect::<String>() + &more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::md::run as md;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_was_filled_is_found_and_what_was_damaged_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let path = path.to_str().unwrap();
        // More than one piece, and no multiple of it.
        assert_eq!(md(words(&format!("fill {path} --sectors 2500 --seed 3"))).unwrap(), Verdict::Good);
        assert_eq!(md(words(&format!("check {path} --seed 3"))).unwrap(), Verdict::Good);
        assert_eq!(md(words(&format!("check {path} --seed 4"))).unwrap(), Verdict::Bad);

        let mut bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len(), 2500 * SECTOR);
        bytes[10 * SECTOR..12 * SECTOR].fill(0);
        bytes.copy_within(640 * SECTOR..768 * SECTOR, 128 * SECTOR);
        bytes[2499 * SECTOR] ^= 1;
        std::fs::write(path, &bytes).unwrap();
        let medium = Medium::open(path).unwrap();
        let span = Span { seed: 3, ..Span::default() };
        let findings = look(&medium, span, false).unwrap();
        assert_eq!(
            findings.report(),
            "sectors 10..11: expected their own, got zeros\n\
             sectors 128..255: expected their own, got sectors 640..767\n\
             sectors 2499..2499: expected their own, got something else\n"
        );
        let part = Span { from: 4, sectors: Some(100), ..span };
        assert_eq!(look(&medium, part, true).unwrap().report(), "98 sectors as written, 2 zero\n");
        assert!(look(&medium, Span { sectors: Some(2501), ..span }, true).is_err());
    }

    #[test]
    fn a_report_is_bounded() {
        let mut findings = Findings::default();
        (0..20).for_each(|sector| extend(&mut findings.wrong, sector * 2, Content::Zero));
        assert_eq!(findings.report().lines().count(), LINES + 1);
        assert!(findings.report().ends_with("and 12 more runs\n"));
    }
}
