//! What changed between two superblocks.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Field, FieldValue, Superblock};

/// A field that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The kernel's name of the field.
    pub name: Cow<'static, str>,
    /// What it held; `None` if the superblock before had no such field.
    pub before: Option<FieldValue>,
    /// What it holds; `None` if the superblock after has no such field.
    pub after: Option<FieldValue>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<FieldValue>| value.as_ref().map_or("absent".to_owned(), ToString::to_string);
        write!(f, "{}: {} -> {}", self.name, text(&self.before), text(&self.after))
    }
}

/// The fields that differ, by name: first those of `before` in their order, then those that only
/// `after` has. Equal superblocks yield nothing.
pub fn diff(before: &Superblock, after: &Superblock) -> Vec<Change> {
    let (before, after) = (before.fields(), after.fields());
    let find =
        |fields: &[Field], name: &str| fields.iter().find(|field| field.name == name).map(|field| field.value.clone());
    let added = after.iter().filter(|field| find(&before, &field.name).is_none());
    before
        .iter()
        .chain(added)
        .map(|field| Change {
            name: field.name.clone(),
            before: find(&before, &field.name),
            after: find(&after, &field.name),
        })
        .filter(|change| change.before != change.after)
        .collect()
}
