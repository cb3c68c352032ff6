//! Which pages a request reaches. The path level is decided for every one of them.
//!
//! A Next.js app answers with the content of a page under more addresses than the page's own: its
//! data file, its payload for the client router, the image optimizer, an intercepting route. Where
//! the readings of Next.js 14, 15 and 16 differ, all of them are listed: a request has to be allowed
//! under each. Requests for internal addresses that no browser sends are refused.
//!
//! Pure: no I/O, no session, no app. A path without aliases costs no allocation beyond the one that
//! [`RequestPath`] may need.

use access_control::{Method, RequestPath, RequestPathError};
use smallvec::{SmallVec, smallvec};

mod alias;
mod query;

/// The parts of a request that say what it reaches, as they came from the client.
///
/// Nothing else may influence the decision: headers that override the method or the path
/// (`X-HTTP-Method-Override`, `X-Original-URL`, …) have no place here.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a, 'headers> {
    /// The method token.
    pub method: &'a str,
    /// The request target in origin form: path and query, as on the wire.
    pub target: &'a str,
    /// Every value of the `Content-Type` header.
    pub content_type: &'headers [&'headers [u8]],
    /// Whether there is a `Next-Action` header, whatever its value.
    pub next_action: bool,
    /// Every value of the `Next-Url` header: the page that the client router navigates from.
    pub next_url: &'headers [&'headers [u8]],
}

/// What a request reaches.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// The method as it is judged.
    pub method: Method,
    /// The pages: the request's own path first, then those it is an alias of.
    pub paths: SmallVec<[RequestPath<'a>; 1]>,
    /// The query, byte for byte as it came, without the `?`.
    pub query: Option<&'a str>,
    /// The request may run a Server Action, which is not tied to the page it is sent to.
    pub under_every_rule: bool,
}

impl<'a> Reach<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// The request has no single reading, or asks for something internal to the app's framework.
    pub fn of(asked: &Asked<'a, '_>) -> Result<Self, ReachError> {
        let method: Method = asked.method.parse().map_err(|_| ReachError::Method)?;
        if matches!(method.as_str(), "TRACE" | "TRACK" | "CONNECT") {
            return Err(ReachError::Method);
        }
        let (path, query) = match asked.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (asked.target, None),
        };
        let own = RequestPath::parse(path)?;
        let mut aliases = alias::Aliases::default();
        aliases.of_path(&own, query)?;
        for page in asked.next_url {
            aliases.of_page_left(page)?;
        }
        let mut paths = smallvec![own];
        paths.extend(aliases.into_paths());
        let under_every_rule =
            asked.next_action || (method.as_str() == "POST" && carries_a_form(asked.content_type));
        Ok(Self { method, paths, query, under_every_rule })
    }

    /// The path to put on the wire: canonical, percent-encoded.
    #[must_use]
    pub fn forwarded_path(&self) -> &str {
        // `of` always puts the request's own path first.
        self.paths.first().map_or("/", RequestPath::forwarded)
    }

    /// The request target to put on the wire.
    #[must_use]
    pub fn forwarded_target(&self) -> std::borrow::Cow<'_, str> {
        match self.query {
            Some(query) => format!("{}?{query}", self.forwarded_path()).into(),
            None => self.forwarded_path().into(),
        }
    }
}

/// Why a request is refused before anything is decided. Always the sender's fault: 400, except
/// [`ReachError::Method`], which is 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// No method, or one that is never forwarded (`TRACE`, `CONNECT`).
    #[error("this method is not supported")]
    Method,
    /// The path has no single reading.
    #[error(transparent)]
    Path(#[from] RequestPathError),
    /// The query has a character that must be percent-encoded.
    #[error("the query has characters that are not percent-encoded")]
    Query,
    /// The query sets a parameter that is internal to Next.js, such as `nxtPid`, which some versions
    /// put in the place of a part of the path.
    #[error("the query has a parameter that is reserved for the app's framework")]
    InternalParameter,
    /// The path names an intercepting route, such as `/feed/(..)photo`, which only Next.js itself does.
    #[error("the path is reserved for the app's framework")]
    InternalRoute,
    /// The address of an image or of the page left has no single reading.
    #[error("the address within the request has no single reading")]
    Inner,
    /// Addresses within addresses, deeper than any browser sends.
    #[error("the request has addresses within addresses")]
    TooDeep,
}

/// Whether the body can be that of a Server Action without `Next-Action` header. Next.js 14, 15 and
/// 16 look for one in every `POST` whose content type begins with `multipart/form-data`, on every
/// page; a URL-encoded form is never read as one. Looking into the body for `$ACTION_` would be no
/// check: the names of its parts can be spelled in several ways.
fn carries_a_form(content_types: &[&[u8]]) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    content_types.iter().any(|value| {
        let value = value.trim_ascii_start();
        value.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM))
    })
}

#[cfg(test)]
mod tests;
