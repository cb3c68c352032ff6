//! How long ago a person may have signed in to reach a page.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// The largest age at which a sign-in counts: whole minutes, 1 minute to 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SignInAge(u32);

/// A number of minutes that is no such age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the largest age of a sign-in is {} to {} minutes", SignInAge::SHORTEST, SignInAge::LONGEST)]
pub struct SignInAgeError;

impl SignInAge {
    const SHORTEST: u32 = 1;
    /// No session is older.
    const LONGEST: u32 = 30 * 24 * 60;

    /// The age in minutes.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        self.0
    }

    /// Whether somebody who signed in at `authenticated_at` did so recently enough. A sign-in that lies
    /// in the future counts as one of now: clocks of two machines differ.
    #[must_use]
    pub fn covers(self, authenticated_at: OffsetDateTime, now: OffsetDateTime) -> bool {
        now - authenticated_at <= Duration::minutes(i64::from(self.0))
    }
}

impl TryFrom<u32> for SignInAge {
    type Error = SignInAgeError;

    fn try_from(minutes: u32) -> Result<Self, SignInAgeError> {
        if (Self::SHORTEST..=Self::LONGEST).contains(&minutes) {
            Ok(Self(minutes))
        } else {
            Err(SignInAgeError)
        }
    }
}

impl From<SignInAge> for u32 {
    fn from(age: SignInAge) -> Self {
        age.0
    }
}

impl JsonSchema for SignInAge {
    fn schema_name() -> Cow<'static, str> {
        "SignInAge".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": Self::SHORTEST, "maximum": Self::LONGEST })
    }
}
