//! Whatever a guest lets itself be recorded doing: it can be redacted and shown, and no terminal is told anything.

use mdlab::{Channel, Recording, Redaction, Story};
use mdlab_protocol::decode;

/// A recording as the protocol would encode it; else a text.
pub(crate) fn holds(data: &[u8]) {
    let Ok(recording) = decode::<Recording>(data) else {
        let text = String::from_utf8_lossy(data);
        assert_eq!(Redaction::none().text(&text), text);
        assert_eq!(Redaction::default().text(&text).split('\n').count(), text.split('\n').count());
        return;
    };
    let redaction = Redaction::of(&recording);
    for channel in Channel::ALL {
        let text = channel.render(&recording.steps, &redaction);
        let told = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c));
        assert_eq!(told, None, "{channel}");
    }
    let _ = (Story::redacted(&recording).text(), Story::raw(&recording).text(), Story::redacted(&recording).json());
}
