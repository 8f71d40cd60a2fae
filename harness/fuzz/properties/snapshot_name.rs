//! Whatever files lie among snapshots, and however a test is called: a name means one version or nothing, and a scenario's
//! folder lies below its crate.

use mdlab::{Channel, Place, Since};

/// A file's name, a function's path and a test's name, line by line.
pub(crate) fn holds(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n').chain(std::iter::repeat(""));
    let mut line = || lines.next().unwrap_or_default();
    let (name, path, title) = (line(), line(), line());
    for channel in Channel::ALL {
        let Some(since) = Since::read(name, channel) else { continue };
        let written = since.name(channel);
        assert_eq!(Since::read(&format!("{written}.snap"), channel), Some(since), "{written}");
    }
    let place = Place::of(path, title, "/crate");
    assert!(place.folder().starts_with("/crate/snapshots"), "{}", place.folder().display());
    let climbs = place.folder().components().any(|part| part == std::path::Component::ParentDir);
    assert!(!climbs, "{}", place.folder().display());
}
