//! The value of a session's cookie: sealed, and good for one host.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::{SealError, SealingKey, Token};
use ids::SessionId;

use crate::CookieHost;

/// `ses_` and 32 digits.
const LENGTH_OF_ID: usize = 36;
/// Identifier, token, nonce and tag, in base64url.
const LENGTH: usize = 128;

/// The value for one host.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn seal(
    key: &SealingKey,
    id: SessionId,
    token: &Token,
    host: CookieHost<'_>,
) -> Result<String, SealError> {
    let value = [id.to_string().as_bytes(), token.as_bytes().as_slice()].concat();
    Ok(URL_SAFE_NO_PAD.encode(key.seal(&host.place(), &value)?))
}

/// What a value holds that was sealed for this host. Says nothing about whether the session lives.
pub(crate) fn open(key: &SealingKey, cookie: &str, host: CookieHost<'_>) -> Option<(SessionId, Token)> {
    // One length only: anything else is not ours, and is not decoded.
    let sealed = (cookie.len() == LENGTH).then(|| URL_SAFE_NO_PAD.decode(cookie).ok())??;
    let value = key.open(&host.place(), &sealed).ok()?;
    let (id, token) = value.reveal().split_at_checked(LENGTH_OF_ID)?;
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    Some((id, Token::from_bytes(token)?))
}
