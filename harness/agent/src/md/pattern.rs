//! Sectors that say which they are, and runs of what was found in their places.

use std::fmt;

/// Bytes of a sector.
pub(super) const SECTOR: usize = 512;

/// Bytes of a word of the pattern: the mark, and the sector's number. Every word of a sector is the same, so that a sector
/// that was torn, or put together from two, is told from a whole one.
const WORD: usize = 16;

/// The mark of seed 0; chosen at random.
const MARK: u64 = 0x6d64_5f9d_31c7_a8e5;

/// Spreads the seed's bits over the mark: the golden ratio, as a fraction of 64 bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a sector holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The pattern of this sector.
    Sector(u64),
    Zero,
    Other,
}

/// Neighbouring sectors that hold the same: neighbours of the pattern, or zeros, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) last: u64,
    /// What the first of them holds.
    content: Content,
}

/// Writes the pattern of a sector and of those after it, as far as the bytes reach.
pub(super) fn stamp(bytes: &mut [u8], sector: u64, seed: u64) {
    for (sector, bytes) in (sector..).zip(bytes.chunks_exact_mut(SECTOR)) {
        let word = word(sector, seed);
        bytes.chunks_exact_mut(WORD).for_each(|place| place.copy_from_slice(&word));
    }
}

/// What one sector holds.
pub(super) fn classify(bytes: &[u8], seed: u64) -> Content {
    let Some(first) = bytes.first_chunk::<WORD>() else { return Content::Other };
    if bytes.chunks_exact(WORD).any(|word| word != first) {
        return Content::Other;
    }
    let (mark, number) = first.split_at(WORD / 2);
    match <[u8; WORD / 2]>::try_from(number).map(u64::from_le_bytes) {
        Ok(sector) if mark == mark_of(seed) => Content::Sector(sector),
        Ok(0) if mark.iter().all(|byte| *byte == 0) => Content::Zero,
        _ => Content::Other,
    }
}

/// Adds a sector to the last run, or begins another.
pub(super) fn extend(runs: &mut Vec<Run>, sector: u64, content: Content) {
    match runs.last_mut() {
        Some(run) if run.last + 1 == sector && run.content_after() == content => run.last = sector,
        _ => runs.push(Run { first: sector, last: sector, content }),
    }
}

impl Run {
    /// What one more sector of the run would hold.
    fn content_after(&self) -> Content {
        match self.content {
            Content::Sector(first) => Content::Sector(first.wrapping_add(self.last - self.first + 1)),
            other => other,
        }
    }

    /// The sectors of the pattern that it holds.
    pub(super) fn pattern(&self) -> Option<(u64, u64)> {
        match self.content {
            Content::Sector(first) => Some((first, first.wrapping_add(self.last - self.first))),
            _ => None,
        }
    }

    /// A line that says where on the device what lies.
    pub(super) fn place(&self) -> String {
        let Run { first, last, content } = self;
        match (self.pattern(), content) {
            (Some((from, to)), _) => format!("{first}..{last} = {from}..{to}"),
            (None, Content::Zero) => format!("{first}..{last} zero"),
            (None, _) => format!("{first}..{last} other"),
        }
    }
}

/// What is wrong with sectors that should hold their own pattern.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sectors {}..{}: expected their own, got ", self.first, self.last)?;
        match (self.pattern(), self.content) {
            (Some((from, to)), _) => write!(f, "sectors {from}..{to}"),
            (None, Content::Zero) => f.write_str("zeros"),
            (None, _) => f.write_str("something else"),
        }
    }
}

fn mark_of(seed: u64) -> [u8; WORD / 2] {
    (MARK ^ seed.wrapping_mul(SPREAD)).to_le_bytes()
}

fn word(sector: u64, seed: u64) -> [u8; WORD] {
    let mut word = [0; WORD];
    word[..WORD / 2].copy_from_slice(&mark_of(seed));
    word[WORD / 2..].copy_from_slice(&sector.to_le_bytes());
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_says_which_it_is() {
        let mut bytes = vec![0; 3 * SECTOR];
        stamp(&mut bytes, 7, 1);
        let contents: Vec<_> = bytes.chunks(SECTOR).map(|sector| classify(sector, 1)).collect();
        assert_eq!(contents, [Content::Sector(7), Content::Sector(8), Content::Sector(9)]);
        assert_eq!(classify(&bytes[..SECTOR], 2), Content::Other, "another seed");
        assert_eq!(classify(&bytes[16..16 + SECTOR], 1), Content::Other, "made of two sectors");
        bytes[SECTOR - 1] ^= 1;
        assert_eq!(classify(&bytes[..SECTOR], 1), Content::Other, "a torn sector");
        assert_eq!(classify(&[0; SECTOR], 1), Content::Zero);
        assert_eq!(classify(&[1; SECTOR], 1), Content::Other);
    }

    #[test]
    fn runs_are_as_long_as_they_can_be() {
        use Content::{Other, Sector, Zero};
        let mut runs = Vec::new();
        for (sector, content) in (0..).zip([Sector(5), Sector(6), Sector(8), Zero, Zero, Other, Other, Sector(9)]) {
            extend(&mut runs, sector, content);
        }
        let lines: Vec<_> = runs.iter().map(Run::place).collect();
        assert_eq!(lines, ["0..1 = 5..6", "2..2 = 8..8", "3..4 zero", "5..6 other", "7..7 = 9..9"]);
        assert_eq!(runs[0].to_string(), "sectors 0..1: expected their own, got sectors 5..6");
        assert_eq!(runs[2].to_string(), "sectors 3..4: expected their own, got zeros");
        extend(&mut runs, 20, Sector(22));
        assert_eq!(runs.len(), 6, "what is not next to it is another run");
    }
}
