//! HTTP methods as path rules see them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An HTTP method, upper case. HEAD is judged as GET.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method(MethodName);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum MethodName {
    Known(&'static str),
    Other(Box<str>),
}

/// A text that is no HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP method: use letters such as GET or POST")]
pub struct MethodError;

impl Method {
    const KNOWN: [&'static str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

    /// The method as it is judged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            MethodName::Known(name) => name,
            MethodName::Other(name) => name,
        }
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        // RFC 9110, section 9.3.2: HEAD is GET without the content.
        let judged = if text == "HEAD" { "GET" } else { text };
        if let Some(known) = Self::KNOWN.into_iter().find(|known| *known == judged) {
            return Ok(Self(MethodName::Known(known)));
        }
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
        if judged.is_empty() || judged.len() > 20 || !judged.bytes().all(plain) {
            return Err(MethodError);
        }
        Ok(Self(MethodName::Other(judged.into())))
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
