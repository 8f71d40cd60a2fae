//! Text from the guest, made fit for a terminal: what a guest says must not move its reader's cursor, nor worse.

use std::borrow::Cow;

/// The text with its control characters spelled out, but for line feeds and tabs.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    // Those that turn the direction of writing around hide what is there (CVE-2021-42574).
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let harmful = |c: char| c.is_control() && !"\n\t".contains(c) || turns(c);
    if !text.contains(harmful) {
        return text.into();
    }
    let spell = |c: char| if harmful(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(spell).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(printable("md0 :\tactive\nnone"), "md0 :\tactive\nnone");
        assert_eq!(printable("a\u{202e}b"), r"a\u{202e}b");
        assert_eq!(printable("\x1b]0;title\x07 \u{9b}2J\r"), r"\u{1b}]0;title\u{7} \u{9b}2J\u{d}");
    }
}
