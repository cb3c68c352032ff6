//! URLs with values in them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// Values by the names that templates give them.
pub type Values = BTreeMap<String, String>;

/// A URL, or the text of a header or claim, with `{name}` where a value goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(String),
}

/// Why a template gives no URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A value is missing.
    #[error("the value {0} is missing")]
    Missing(String),
    /// A value would leave its place in the URL.
    #[error("the value {0} has characters that do not belong there")]
    Unfit(String),
    /// It is no `https` URL without credentials and fragment.
    #[error("not an https URL")]
    NotHttps,
}

impl Template {
    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL with these values. A value at the very beginning is a URL of its own; in the host, a value is a part of a
    /// label or several labels; behind it, a value is percent-encoded.
    ///
    /// # Errors
    /// A value is missing or does not fit, or what comes out is no `https` URL.
    pub fn url(&self, values: &Values) -> Result<Url, RenderError> {
        let mut text = String::new();
        for (position, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(name) => {
                    let value = values.get(name).ok_or_else(|| RenderError::Missing(name.clone()))?;
                    let authority = text.strip_prefix("https://");
                    if position == 0 {
                        text.push_str(value.trim_end_matches('/'));
                    } else if authority.is_some_and(|rest| !rest.contains(['/', '?', '#'])) {
                        if value.is_empty() || !value.bytes().all(is_of_host) {
                            return Err(RenderError::Unfit(name.clone()));
                        }
                        text.push_str(value);
                    } else {
                        if matches!(value.as_str(), "." | "..") {
                            return Err(RenderError::Unfit(name.clone()));
                        }
                        text.extend(
                            url::form_urlencoded::byte_serialize(value.as_bytes()).map(plus_as_percent),
                        );
                    }
                }
            }
        }
        let url = Url::parse(&text).map_err(|_| RenderError::NotHttps)?;
        let is_plain = has_one_host(&text)
            && url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url.host_str().is_some_and(|host| !host.is_empty());
        if is_plain { Ok(url) } else { Err(RenderError::NotHttps) }
    }

    /// The text with these values, as they are.
    ///
    /// # Errors
    /// A value is missing.
    pub fn text(&self, values: &Values) -> Result<String, RenderError> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => Ok(literal.as_str()),
                Part::Value(name) => {
                    values.get(name).map(String::as_str).ok_or_else(|| RenderError::Missing(name.clone()))
                }
            })
            .collect()
    }
}

/// Whether every reader finds the host in the same place: some skip slashes, read a backslash as one, or drop line breaks.
pub(crate) fn has_one_host(text: &str) -> bool {
    let begins = text.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("https://"));
    begins
        && !text.get(8..).is_some_and(|rest| rest.starts_with('/'))
        && !text.contains(|character: char| character == '\\' || character.is_control())
}

const fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn plus_as_percent(piece: &str) -> &str {
    if piece == "+" { "%20" } else { piece }
}

impl TryFrom<String> for Template {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (mut parts, mut rest) = (Vec::new(), text.as_str());
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a brace is not closed")?;
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            {
                return Err("names in braces are of lower case letters, digits and _");
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err("a brace is closed that was not opened");
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { text, parts })
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
