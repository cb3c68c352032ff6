//! `$ref`, inside the document only.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The most references that lead to one another.
const MOST_HOPS: usize = 16;

/// The longest reference, in bytes: one that every operation follows costs its length every time.
const LONGEST: usize = 1_000;

/// What references of a document lead to.
#[derive(Clone, Copy)]
pub(super) struct References<'a> {
    root: &'a Value,
}

impl<'a> References<'a> {
    pub(super) const fn of(root: &'a Value) -> Self {
        Self { root }
    }

    /// The value, or what it refers to. None if that is in another document, not there, or goes in circles.
    pub(super) fn follow(self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..MOST_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
            if reference.len() > LONGEST {
                return None;
            }
            let pointer: Cow<'_, str> =
                percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
            value = self.root.pointer(&pointer)?;
        }
        None
    }

    /// A member of an object, followed.
    pub(super) fn member(self, value: &'a Value, key: &str) -> Option<&'a Value> {
        self.follow(value.get(key)?)
    }
}
