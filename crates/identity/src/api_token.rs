//! API tokens: what a program proves itself with as the person who made it.

use cryptography::Token;
use ids::{Name, SessionId};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// What every API token starts with, so that people and scanners recognise one.
const PREFIX: &str = "vybe_api_";
/// The digits of a session's identifier.
const DIGITS: usize = 32;

/// The value of an API token: `vybe_api_<32 digits>_<43 characters>`, the identifier of its session and
/// 256 random bits.
///
/// No `Debug`, `Display` or `Serialize`.
pub struct ApiTokenText(Zeroizing<String>);

impl ApiTokenText {
    pub(crate) fn new(id: SessionId, secret: &Token) -> Self {
        let id = id.to_string();
        let digits = id.strip_prefix("ses_").unwrap_or(&id);
        Self(Zeroizing::new(format!("{PREFIX}{digits}_{}", *secret.reveal())))
    }

    /// The token, to hand out once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Reads a token in its one spelling. Says nothing about whether it counts.
pub(crate) fn parse(text: &str) -> Option<(SessionId, Token)> {
    let (digits, secret) = text.strip_prefix(PREFIX)?.split_at_checked(DIGITS)?;
    let id = format!("ses_{digits}").parse().ok()?;
    Some((id, Token::parse(secret.strip_prefix('_')?)?))
}

/// How long an API token counts: 1 to 90 whole days, whatever the use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiTokenLife(u8);

/// A number of days that is no such life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API token counts for {} to {} days", ApiTokenLife::SHORTEST, ApiTokenLife::LONGEST)]
pub struct ApiTokenLifeError;

impl ApiTokenLife {
    /// The fewest days.
    pub const SHORTEST: u8 = 1;
    /// The most days.
    pub const LONGEST: u8 = 90;
    /// For those who do not say.
    pub const USUAL: Self = Self(30);

    /// In days.
    #[must_use]
    pub const fn days(self) -> u8 {
        self.0
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::days(i64::from(self.0))
    }
}

impl TryFrom<u8> for ApiTokenLife {
    type Error = ApiTokenLifeError;

    fn try_from(days: u8) -> Result<Self, ApiTokenLifeError> {
        if (Self::SHORTEST..=Self::LONGEST).contains(&days) { Ok(Self(days)) } else { Err(ApiTokenLifeError) }
    }
}

/// What a new API token is for.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// What its person calls it.
    pub name: Name,
    /// How long it counts.
    pub life: ApiTokenLife,
}

/// An API token without its value.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// The identifier of its session.
    pub id: SessionId,
    /// What its person calls it.
    pub name: Name,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used, at most five minutes behind.
    pub last_seen_at: OffsetDateTime,
    /// The first instant at which it no longer counts.
    pub expires_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_spelling() {
        let (id, secret) = (SessionId::generate(), Token::generate().unwrap());
        let text = ApiTokenText::new(id, &secret).reveal().to_owned();
        let (read_id, read_secret) = parse(&text).unwrap();
        assert_eq!((read_id, read_secret.hash()), (id, secret.hash()));
        assert_eq!(text.len(), PREFIX.len() + DIGITS + 1 + 43);
        for other in [
            text.to_uppercase(),
            format!("{text}="),
            format!(" {text}"),
            text.replace("vybe_api_", "vybe_agent_"),
            text.replace("vybe_api_", ""),
            text[..text.len() - 1].to_owned(),
            text.replacen("api_", "api_ses_", 1),
            String::new(),
        ] {
            assert!(parse(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_life_is_1_to_90_days() {
        let lives = (0..=u8::MAX).filter_map(|days| ApiTokenLife::try_from(days).ok());
        assert_eq!(lives.count(), 90);
        assert!(ApiTokenLife::try_from(0).is_err() && ApiTokenLife::try_from(91).is_err());
    }
}
