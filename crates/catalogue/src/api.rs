//! Where a credential may be sent, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Template;

/// A service's API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The URL that paths are joined to. A credential goes to nothing outside of it.
    pub base: Template,
    /// The only hosts that may get a credential in a call, whatever `base` renders to.
    pub hosts: Vec<HostPattern>,
    /// How the credential is put into a call.
    #[serde(default)]
    pub credential: Vec<Placement>,
    /// Headers of every call; values may hold variables. The caller's own win, except for the credential's.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A call that works with any account.
    pub test: Option<TestCall>,
    /// How the service says that there were too many calls.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// How long answers are continued.
    pub page: Option<Page>,
}

/// A host, or all names directly or further below one: `*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

impl HostPattern {
    /// Whether it is this host, in lower case.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == self.0,
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HostPattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = text.strip_prefix("*.").unwrap_or(&text);
        let label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        // `*.com` would be everybody.
        if name.split('.').count() < 2 || !name.split('.').all(label) {
            return Err("not a host: expected api.example.com or *.example.com in lower case");
        }
        Ok(Self(text))
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.0
    }
}

/// How one part of the credential is put into a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Where.
    pub place: Place,
    /// The name of the header, query parameter or cookie.
    pub name: String,
    /// What it holds: `Bearer {token}`, `{api_key}`, `{user}`, `{password}`, `{client_id}`; in headers also
    /// `{client_secret}`.
    pub format: String,
}

/// Where a credential is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A header.
    Header,
    /// The query.
    Query,
    /// A member of the JSON body.
    JsonBody,
    /// A cookie.
    Cookie,
    /// `Authorization: Basic`, with `format` as `user:password` before encoding. `name` is `Authorization`.
    Basic,
}

/// A call that works with any account and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestCall {
    /// `GET`, or `POST` where the service has no other.
    #[serde(default = "get")]
    pub method: String,
    /// Its path below `base`.
    pub path: String,
    /// A JSON body for POST.
    pub body: Option<String>,
    /// The status of an account in order.
    #[serde(default = "ok")]
    pub expect: u16,
}

/// How the service says that there were too many calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// The statuses that say so.
    pub statuses: Vec<u16>,
    /// The header that says when to come again, in seconds or as a date (RFC 9110, 10.2.3).
    pub retry_after: String,
    /// The header that says when there is room again, in seconds since 1970.
    pub reset: Option<String>,
    /// The header that says how many calls are left.
    pub remaining: Option<String>,
    /// What the documentation promises, in its own words: `100 requests per minute`.
    pub stated: Option<String>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            statuses: vec![429],
            retry_after: "retry-after".to_owned(),
            reset: None,
            remaining: None,
            stated: None,
        }
    }
}

/// How long answers are continued. Apps continue them themselves; whoever writes one is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// How.
    pub kind: PageKind,
    /// Where in the answer the next cursor is (RFC 6901).
    pub next: Option<String>,
    /// The parameter that carries cursor, offset or number.
    pub parameter: Option<String>,
    /// The parameter that says how many.
    pub size: Option<String>,
}

/// How long answers are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// With a cursor from the answer.
    Cursor,
    /// With the number of records so far.
    Offset,
    /// With the number of the page.
    Number,
    /// With the `Link` header (RFC 8288).
    Link,
}

impl PageKind {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Offset => "offset",
            Self::Number => "number",
            Self::Link => "link",
        }
    }
}

fn get() -> String {
    "GET".to_owned()
}

const fn ok() -> u16 {
    200
}
