//! Server secrets: what an app proves itself with.

use access_control::Environment;
use cryptography::{SealError, Token};
use ids::{SecretId, ServerSecretId, UserId};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// What every server secret starts with, so that people and scanners recognise one.
const PREFIX: &str = "vybe_sk_";

/// The value of a server secret: `vybe_sk_<environment>_<43 characters>`, 256 random bits.
///
/// No `Debug`, `Display` or `Serialize`.
pub struct ServerSecretText(Zeroizing<String>);

impl ServerSecretText {
    /// A new secret.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate(environment: Environment) -> Result<Self, SealError> {
        let token = Token::generate()?.reveal();
        Ok(Self(Zeroizing::new(format!(
            "{PREFIX}{environment}_{}",
            *token,
            environment = environment.as_str()
        ))))
    }

    /// Reads a secret in its one spelling. Anything longer, shorter or padded is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let token = Environment::ALL.into_iter().find_map(|environment| {
            rest.strip_prefix(environment.as_str()).and_then(|rest| rest.strip_prefix('_'))
        })?;
        Token::parse(token)?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether this is a secret of that environment, to look at.
    pub(crate) fn is_of(text: &str, environment: Environment) -> bool {
        let rest = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(environment.as_str()));
        rest.is_some_and(|rest| rest.starts_with('_')) && Self::parse(text).is_some()
    }

    /// The secret, to hand out once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// For how long the secrets that a new one replaces still count: at most 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(Duration);

/// A grace of more than 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a grace is at most 30 days (2592000 seconds)")]
pub struct GraceError;

impl Grace {
    /// They end at once.
    pub const NONE: Self = Self(Duration::ZERO);
    /// The longest.
    pub const LONGEST: Self = Self(Duration::days(30));

    /// So many seconds.
    ///
    /// # Errors
    /// More than 30 days.
    pub fn from_seconds(seconds: u32) -> Result<Self, GraceError> {
        let grace = Duration::seconds(seconds.into());
        if grace > Self::LONGEST.0 { Err(GraceError) } else { Ok(Self(grace)) }
    }

    /// The instant at which the replaced secrets stop counting.
    #[must_use]
    pub fn end(self, now: OffsetDateTime) -> OffsetDateTime {
        now + self.0
    }
}

/// What a new server secret is for.
#[derive(Clone, Copy, Debug)]
pub struct NewServerSecret {
    /// Where it will be used.
    pub environment: Environment,
    /// The first instant at which it no longer counts; none for no end.
    pub expires_at: Option<OffsetDateTime>,
    /// The instant at which the environment's other secret stops counting; none leaves it as it is.
    pub previous_expires_at: Option<OffsetDateTime>,
}

/// A server secret without its value.
#[derive(Clone, Copy, Debug)]
pub struct ServerSecret {
    /// Its identifier.
    pub id: ServerSecretId,
    /// Its value in the vault, from where only a deployment takes it.
    pub value: SecretId,
    /// Where it is used.
    pub environment: Environment,
    /// Who issued it.
    pub issued_by: UserId,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// The first instant at which it no longer counts.
    pub expires_at: Option<OffsetDateTime>,
    /// When an app last proved itself with it, to about a minute.
    pub last_used_at: Option<OffsetDateTime>,
}

impl ServerSecret {
    /// Whether it counts at this instant.
    #[must_use]
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
