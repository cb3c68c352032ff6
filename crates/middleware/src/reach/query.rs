//! The query of a request, as far as it says what is reached.

use std::borrow::Cow;

use super::ReachError;

/// Parameters that Next.js makes for itself. When a client sends them, Next.js 14 and 15 take them
/// for its own: `nxtPid=7` replaces the part of the path that `[id]` stands for.
const INTERNAL: [&[u8]; 5] = [b"nxtP", b"nxtI", b"__next", b"_next", b"nextInternal"];

/// Refuses a query with an internal parameter or with bytes that do not belong in a request target.
pub(super) fn check(query: &str) -> Result<(), ReachError> {
    if query.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#') {
        return Err(ReachError::Query);
    }
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        let internal = INTERNAL.iter().any(|start| {
            // `nxtP` alone is an ordinary name to Next.js, too.
            let mut decoded = Decoded(name.as_bytes());
            decoded.by_ref().take(start.len()).eq(start.iter().copied()) && decoded.next().is_some()
        });
        if internal {
            return Err(ReachError::InternalParameter);
        }
    }
    Ok(())
}

/// Every value of a parameter, percent-decoded once.
pub(super) fn values<'a>(query: &'a str, wanted: &'static [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
    query.split('&').filter_map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Decoded(name.as_bytes()).eq(wanted.iter().copied()).then(|| {
            if value.bytes().any(|byte| byte == b'%' || byte == b'+') {
                Cow::Owned(Decoded(value.as_bytes()).collect())
            } else {
                Cow::Borrowed(value.as_bytes())
            }
        })
    })
}

/// Percent-decodes once as Node and browsers do: `+` is a space, a broken escape stands for itself.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (byte, rest) = match *self.0 {
            [] => return None,
            [b'%', high, low, ref rest @ ..] => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => (high * 16 + low, rest),
                _ => (b'%', &self.0[1..]),
            },
            [b'+', ref rest @ ..] => (b' ', rest),
            [byte, ref rest @ ..] => (byte, rest),
        };
        self.0 = rest;
        Some(byte)
    }
}
