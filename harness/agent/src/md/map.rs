//! `md map`: shows where on raw devices the sectors lie that `md fill` wrote to an array.

use super::Verdict;
use super::arguments::{Argument, Arguments};
use super::pattern::{SECTOR, classify, extend};
use super::transfer::{Medium, Span};
use super::trouble::Trouble;

pub(super) fn run(mut arguments: Arguments) -> Result<Verdict, Trouble> {
    let (mut span, mut marked, mut devices) = (Span::default(), false, Vec::new());
    while let Some(next) = arguments.next()? {
        match next {
            Argument::Option(option) if option == "--seed" => span.take(&mut arguments, &option)?,
            Argument::Option(option) if option == "--marked" => marked = true,
            Argument::Option(option) => return Err(arguments.unknown(&option)),
            Argument::Word(word) => devices.push(word),
        }
    }
    if devices.is_empty() {
        return Err(arguments.wrong("expected devices, got none"));
    }
    for device in devices {
        print!("{}", look(&Medium::open(&device)?, span, marked)?);
    }
    Ok(Verdict::Good)
}

/// A line for each run; if asked, only for those of the pattern.
fn look(medium: &Medium, span: Span, marked: bool) -> Result<String, Trouble> {
    let mut runs = Vec::new();
    medium.read(0, medium.end(span, false)?, |first, bytes| {
        for (sector, bytes) in (first..).zip(bytes.chunks_exact(SECTOR)) {
            extend(&mut runs, sector, classify(bytes, span.seed));
        }
    })?;
    let shown = runs.iter().filter(|run| !marked || run.pattern().is_some());
    Ok(shown.map(|run| format!("{} {}\n", medium.name(), run.place())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::md::pattern::stamp;

    #[test]
    fn chunks_are_found_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop0");
        let mut bytes = vec![0; 4096 * SECTOR];
        stamp(&mut bytes[2048 * SECTOR..3072 * SECTOR], 0, 0);
        stamp(&mut bytes[3072 * SECTOR..3080 * SECTOR], 2048, 0);
        bytes[8 * SECTOR] = 1;
        std::fs::write(&path, &bytes).unwrap();
        let medium = Medium::open(path.to_str().unwrap()).unwrap();
        assert_eq!(
            look(&medium, Span::default(), false).unwrap(),
            "loop0 0..7 zero\nloop0 8..8 other\nloop0 9..2047 zero\nloop0 2048..3071 = 0..1023\n\
             loop0 3072..3079 = 2048..2055\nloop0 3080..4095 zero\n"
        );
        assert_eq!(
            look(&medium, Span::default(), true).unwrap(),
            "loop0 2048..3071 = 0..1023\nloop0 3072..3079 = 2048..2055\n"
        );
    }
}
