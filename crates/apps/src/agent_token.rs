//! Agent tokens: what the coding agent proves itself with while it works on one app.

use access_control::SignedIn;
use cryptography::{SealError, Token};
use ids::AgentTokenId;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// What every agent token starts with, so that people and scanners recognise one.
const PREFIX: &str = "vybe_agent_";

/// The value of an agent token: `vybe_agent_<43 characters>`, 256 random bits.
///
/// No `Debug`, `Display` or `Serialize`.
pub struct AgentTokenText(Zeroizing<String>);

impl AgentTokenText {
    /// A new token.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", *Token::generate()?.reveal()))))
    }

    /// Reads a token in its one spelling. Anything longer, shorter or padded is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Token::parse(text.strip_prefix(PREFIX)?)?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }

    /// The token, to hand out once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// How long an agent token counts: 1 minute to 24 hours, in whole minutes, whatever the use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentTokenLife(u16);

/// A number of minutes that is no such life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an agent token counts for {} to {} minutes", AgentTokenLife::SHORTEST, AgentTokenLife::LONGEST)]
pub struct AgentTokenLifeError;

impl AgentTokenLife {
    /// The fewest minutes.
    pub const SHORTEST: u16 = 1;
    /// The most minutes.
    pub const LONGEST: u16 = 24 * 60;
    /// For those who do not say: a working day.
    pub const USUAL: Self = Self(8 * 60);

    /// In minutes.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::minutes(i64::from(self.0))
    }
}

impl TryFrom<u16> for AgentTokenLife {
    type Error = AgentTokenLifeError;

    fn try_from(minutes: u16) -> Result<Self, AgentTokenLifeError> {
        let some = (Self::SHORTEST..=Self::LONGEST).contains(&minutes);
        if some { Ok(Self(minutes)) } else { Err(AgentTokenLifeError) }
    }
}

/// An agent token without its value.
#[derive(Clone, Debug)]
pub struct AgentToken {
    /// Its identifier.
    pub id: AgentTokenId,
    /// Who issued it, as they were signed in then.
    pub issued_by: SignedIn,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// The first instant at which it no longer counts.
    pub expires_at: OffsetDateTime,
}

impl AgentToken {
    /// Whether it counts at this instant, as far as time goes.
    #[must_use]
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        now < self.expires_at
    }
}
