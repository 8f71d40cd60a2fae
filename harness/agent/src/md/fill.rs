//! `md fill`: writes sectors that say which they are.

use super::Verdict;
use super::arguments::{Argument, Arguments};
use super::pattern::stamp;
use super::transfer::{Medium, Span};
use super::trouble::Trouble;

pub(super) fn run(mut arguments: Arguments) -> Result<Verdict, Trouble> {
    let (mut span, mut node) = (Span::default(), None);
    while let Some(next) = arguments.next()? {
        match next {
            Argument::Option(option) => span.take(&mut arguments, &option)?,
            Argument::Word(word) if node.is_none() => node = Some(word),
            Argument::Word(word) => return Err(arguments.wrong(format!("expected one node, got `{word}` as well"))),
        }
    }
    let node = node.ok_or_else(|| arguments.wrong("expected a node, got none"))?;
    let medium = Medium::open_to_fill(&node)?;
    let end = medium.end(span, true)?;
    medium.write(span.from, end, |sector, bytes| stamp(bytes, sector, span.seed))?;
    Ok(Verdict::Good)
}
