//! Text from the guest, made fit for a terminal: what a guest says must not move its reader's cursor, nor worse.

use std::borrow::Cow;

/// The text with its control characters spelled out, but for line feeds and tabs.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    spelled(text, |c| c.escape_unicode().to_string())
}

/// The same for a text in JSON, of the same meaning: JSON itself escapes those of ASCII only, and not even DEL.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    spelled(json, |c| format!("\\u{:04x}", u32::from(c)))
}

fn spelled(text: &str, spell: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(harmful) {
        return text.into();
    }
    text.chars().map(|c| if harmful(c) { spell(c) } else { c.to_string() }).collect::<String>().into()
}

fn harmful(c: char) -> bool {
    // Those that turn the direction of writing around hide what is there (CVE-2021-42574).
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Readers of reports end lines at the first two (Python's splitlines), and XML knows none of the others (XML 1.0, "Char").
    let unfit = matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    c.is_control() && !"\n\t".contains(c) || turns || unfit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(printable("md0 :\tactive\nnone"), "md0 :\tactive\nnone");
        assert_eq!(printable("a\u{202e}b\u{2028}\u{ffff}"), r"a\u{202e}b\u{2028}\u{ffff}");
        assert_eq!(printable("\x1b]0;title\x07 \u{9b}2J\r"), r"\u{1b}]0;title\u{7} \u{9b}2J\u{d}");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = "a\u{9b}2J\u{7f}\u{202e}\n\\";
        let json = serde_json::to_string(text).unwrap();
        assert!(json.contains('\u{9b}'));
        let shown = printable_json(&json);
        assert_eq!(shown, r#""a\u009b2J\u007f\u202e\n\\""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
