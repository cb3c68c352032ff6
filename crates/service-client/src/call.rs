//! A call that an app makes.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

/// A call that an app makes. What it says is the app's: only its method and limits are printed.
#[derive(Clone)]
pub struct Call {
    /// GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
    pub method: Method,
    /// Below the service's base URL, percent-encoded; may hold a query.
    pub path: String,
    /// Further parameters of the query, not encoded.
    pub query: Vec<(String, String)>,
    /// Headers, as the caller wants them. Those that are not the caller's to set are refused.
    pub headers: Vec<(String, String)>,
    /// The body; its kind is in `headers`.
    pub body: Option<Bytes>,
    /// What the answer may cost.
    pub limits: CallLimits,
}

/// What an answer may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// The time until its last byte.
    pub within: Duration,
    /// Its size, in bytes.
    pub most_bytes: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { within: Duration::from_secs(60), most_bytes: 64 * 1024 * 1024 }
    }
}

impl Call {
    /// A call without headers, query and body, under the usual limits.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            limits: CallLimits::default(),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Call");
        shown.field("method", &self.method).field("limits", &self.limits).finish_non_exhaustive()
    }
}
