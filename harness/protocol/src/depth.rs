//! Decodes fields within fields, as deep as anybody needs and no deeper: a guest that lies must not exhaust the host's stack.

use std::cell::Cell;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::Value;

/// A structure of the kernel's has arrays; none of them has structures of structures.
const DEEPEST: u32 = 8;

thread_local! {
    /// How deep the decoder is.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One level; it is left when dropped.
struct Level;

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

pub(crate) fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Value)>, D::Error> {
    DEPTH.set(DEPTH.get() + 1);
    let _level = Level;
    if DEPTH.get() > DEEPEST {
        return Err(D::Error::custom(format!("fields within fields are deeper than {DEEPEST}")));
    }
    Vec::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use crate::{Value, decode, encode};

    fn nested(depth: u32) -> Vec<u8> {
        let value = (0..depth).fold(Value::Int(1), |value, _| Value::Fields(vec![("x".into(), value)]));
        encode(&value).unwrap()
    }

    #[test]
    fn what_is_too_deep_is_refused_and_what_follows_is_not() {
        let [shallow, deep] = [8, 9].map(nested);
        assert!(decode::<Value>(&deep).is_err());
        assert!(decode::<Value>(&shallow).is_ok());
        // Far deeper than any stack: a level of these bytes for each of the decoder's.
        let (version, level) = (&shallow[..1], &shallow[1..5]);
        let bomb = [version, &level.repeat(100_000)].concat();
        assert!(decode::<Value>(&bomb).is_err());
    }
}
