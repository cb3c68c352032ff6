//! The paths that a path rule covers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::request_path::encode;
use crate::{RequestPath, RequestPathError};

/// A path prefix on a segment boundary; `*` stands for exactly one segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPattern {
    text: String,
    segments: Vec<Option<Box<str>>>,
}

impl PathPattern {
    /// The segments; `None` stands for `*`.
    pub(crate) fn segments(&self) -> &[Option<Box<str>>] {
        &self.segments
    }
}

/// Why a text is no path pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// Not a plain path.
    #[error("not a path: {0}")]
    Path(#[from] RequestPathError),
    /// `*` next to other characters.
    #[error("`*` stands for one whole segment: write /reports/*/edit, not /reports/a*")]
    Wildcard,
    /// Too long.
    #[error("a path pattern has at most 64 segments")]
    TooLong,
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        // The same reading as a request's, so that a rule and a request spelled alike are alike.
        let path = RequestPath::parse(text)?;
        let mut segments = Vec::new();
        for segment in path.segments() {
            segments.push(match segment {
                "*" => None,
                literal if literal.contains('*') => return Err(PathPatternError::Wildcard),
                literal => Some(literal.into()),
            });
        }
        if segments.len() > 64 {
            return Err(PathPatternError::TooLong);
        }
        // Percent-encoded, so that the text is read as the same pattern again.
        let text = if segments.is_empty() { "/".to_owned() } else { encode(path.segments()) };
        Ok(Self { text, segments })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
