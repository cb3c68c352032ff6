//! A call that works with any account and changes nothing.

use super::operations::{Operation, Operations, Parameter};
use super::schemes::Together;

/// Last parts of paths about whoever asks.
const ONESELF: &[&str] = &[
    "me",
    "self",
    "whoami",
    "userinfo",
    "current",
    "current_user",
    "myself",
    "viewer",
    "account",
    "user",
    "profile",
    "auth.test",
    "ping",
    "status",
];
/// A list of anything may be long: only one whose path is short is taken.
const MOST_SEGMENTS: usize = 3;

/// The path of one: about whoever asks, or else the shortest list.
pub(super) fn find(
    operations: &Operations<'_>,
    together: Option<&Together>,
    headers: &[(String, String)],
) -> Option<String> {
    let is_sent = |parameter: &Parameter<'_>| {
        parameter.place == "header"
            && headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(parameter.name))
    };
    let fits = |operation: &&Operation<'_>| {
        operation.method == "get"
            && !operation.is_elsewhere
            && !operation.path.contains(['{', '}', '?', '#', '%', '\\', ' '])
            && operation.path.starts_with('/')
            && operation.path.len() > 1
            && operation.parameters.iter().all(|parameter| !parameter.is_required || parameter.is_token() || is_sent(parameter))
            && operation.takes(together)
            // One that needs no credential says nothing about it.
            && operation.security.iter().all(|alternative| !alternative.is_empty())
            && (together.is_none_or(Together::is_empty) || !operation.security.is_empty())
    };
    let best = operations.all.iter().filter(fits).min_by_key(|operation| rank(operation))?;
    let (is_other, _, segments, ..) = rank(best);
    (!is_other || segments <= MOST_SEGMENTS).then(|| best.path.to_owned())
}

/// The order: whose path ends in one of the names first, then shorter ones.
fn rank<'a>(operation: &Operation<'a>) -> (bool, usize, usize, usize, &'a str) {
    let segments = operation.path.split('/').filter(|segment| !segment.is_empty()).count();
    let last = operation.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let place = ONESELF.iter().position(|name| *name == last);
    (place.is_none(), place.unwrap_or_default(), segments, operation.path.len(), operation.path)
}
