//! Access and refresh token of an account at a service (RFC 6749).

use cryptography::SecretBytes;
use time::OffsetDateTime;

use super::{GivenParts, ValueError, fields, one_line};

/// The most scopes.
const MOST_SCOPES: usize = 200;

/// Tokens, with what is known about them.
pub struct OauthTokenSet {
    /// The access token.
    pub access_token: SecretBytes,
    /// The refresh token, if the service gave one.
    pub refresh_token: Option<SecretBytes>,
    /// How the access token is sent; Bearer, if nobody said.
    pub token_type: String,
    /// When the access token ends.
    pub expires_at: Option<OffsetDateTime>,
    /// What it is good for.
    pub scopes: Vec<String>,
}

impl OauthTokenSet {
    /// Checks what was sent.
    pub(super) fn given(parts: GivenParts) -> Result<Self, ValueError> {
        parts.only(&["accessToken", "refreshToken", "tokenType", "expiresAt", "scopes"])?;
        let token_type = parts.token_type.unwrap_or_else(|| "Bearer".to_owned());
        if token_type.is_empty()
            || token_type.len() > 50
            || !token_type.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(ValueError::Refused("tokenType is a word such as Bearer"));
        }
        let scopes = parts.scopes.unwrap_or_default();
        let is_scope = |scope: &String| {
            // RFC 6749, section 3.3.
            let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            (1..=500).contains(&scope.len()) && scope.bytes().all(fits)
        };
        if scopes.len() > MOST_SCOPES || !scopes.iter().all(is_scope) {
            return Err(ValueError::Refused(
                "scopes are at most 200 words of at most 500 visible ASCII characters",
            ));
        }
        // A time of another zone can be one of the year 10000, which is sealed and never read again.
        let is_late = |at: OffsetDateTime| OffsetDateTime::from_unix_timestamp(at.unix_timestamp()).is_err();
        if parts.expires_at.is_some_and(is_late) {
            return Err(ValueError::Refused("expiresAt is later than the year 9999"));
        }
        Ok(Self {
            access_token: one_line(parts.access_token.ok_or(ValueError::Missing("accessToken"))?)?,
            refresh_token: parts.refresh_token.map(one_line).transpose()?,
            token_type,
            expires_at: parts.expires_at,
            scopes,
        })
    }

    /// As it is sealed.
    #[must_use]
    pub fn sealed(&self) -> SecretBytes {
        let expires_at = self.expires_at.map(|at| at.unix_timestamp().to_string()).unwrap_or_default();
        fields::join(&[
            self.access_token.reveal(),
            self.refresh_token.as_ref().map(SecretBytes::reveal).unwrap_or_default(),
            self.token_type.as_bytes(),
            expires_at.as_bytes(),
            self.scopes.join(" ").as_bytes(),
        ])
    }

    /// What was sealed.
    #[must_use]
    pub fn opened(value: &SecretBytes) -> Option<Self> {
        let [access_token, refresh_token, token_type, expires_at, scopes] = fields::split(value)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let expires_at = text(expires_at)?;
        let expires_at = if expires_at.is_empty() {
            None
        } else {
            Some(OffsetDateTime::from_unix_timestamp(expires_at.parse().ok()?).ok()?)
        };
        Some(Self {
            access_token: SecretBytes::copy_of(access_token),
            refresh_token: (!refresh_token.is_empty()).then(|| SecretBytes::copy_of(refresh_token)),
            token_type: text(token_type)?.to_owned(),
            expires_at,
            scopes: text(scopes)?.split_whitespace().map(str::to_owned).collect(),
        })
    }
}
