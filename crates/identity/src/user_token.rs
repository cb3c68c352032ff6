//! The user token (VUT): what it says and how it is read. A JWT (RFC 7519) signed with Ed25519 (RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ids::{AppId, SessionId, SigningKeyId, UserId};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Deserialize;

use crate::signing_key::SigningKey;

/// How long a user token is valid, in seconds from its `iat`.
pub const LIFE: i64 = 780;
/// How far clocks may be apart, in seconds.
const SKEW: i64 = 30;
/// The longest text that is looked at, in bytes. Ours have about 520.
const LONGEST: usize = 2048;

/// The five claims. Anything else is not ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    sub: UserId,
    aud: AppId,
    iat: i64,
    exp: i64,
    iss: String,
}

/// Writes and signs a token. `issuer` is JSON text already.
pub(crate) fn sign(
    key: &SigningKey,
    issuer: &str,
    session: SessionId,
    user: UserId,
    app: AppId,
    now: i64,
) -> String {
    // By hand, because the library parses the private key again for each signature.
    let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}","sid":"{session}"}}"#, key.id);
    let claims =
        format!(r#"{{"sub":"{user}","aud":"{app}","iat":{now},"exp":{},"iss":{issuer}}}"#, now + LIFE);
    let mut token = String::with_capacity(600);
    URL_SAFE_NO_PAD.encode_string(header, &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.pair.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// The key and the session that a token names. Nothing of it is believed before [`verify`].
pub(crate) fn peek(token: &str) -> Option<(SigningKeyId, SessionId)> {
    if token.len() > LONGEST || token.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return None;
    }
    let header: Header = jsonwebtoken::decode_header(token).ok()?;
    if header.alg != Algorithm::EdDSA || header.crit.is_some() {
        return None;
    }
    let session = header.extras.get::<String>("sid").ok().flatten()?.parse().ok()?;
    Some((header.kid?.parse().ok()?, session))
}

/// Reads a token that was signed with this key by this issuer. What its claims permit now is [`Claims::user`].
pub(crate) fn authentic(token: &str, key: &SigningKey, issuer: &str) -> Option<Claims> {
    // The library checks algorithm and signature; the claims are checked here, where none is optional
    // and the time is an argument.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.verifier, &validation).ok()?.claims;
    let right_life = claims.exp.checked_sub(claims.iat)? == LIFE;
    (claims.iss == issuer && right_life).then_some(claims)
}

impl Claims {
    /// Whom the token names to this app at this time.
    pub(crate) fn user(&self, app: AppId, now: i64) -> Option<UserId> {
        let in_time = self.iat <= now.checked_add(SKEW)? && now < self.exp.checked_add(SKEW)?;
        (self.aud == app && in_time).then_some(self.sub)
    }
}
