//! How long tokens live, and what becomes of a refresh token that is used.

use serde::{Deserialize, Serialize};

/// What becomes of a refresh token once it was used (RFC 6749, 6; RFC 9700, 4.14.2). It decides what may be done when the
/// answer to a refresh was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReusePolicy {
    /// It stays the same: it may be sent again at any time.
    Static,
    /// A new one comes, and the old one may be sent again for a while.
    Grace,
    /// A new one comes, and the old one works until the new one is used.
    UntilSuccessorUsed,
    /// A new one comes, and the old one sent again is taken for theft.
    SingleUse,
}

impl ReusePolicy {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Static, Self::Grace, Self::UntilSuccessorUsed, Self::SingleUse];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Grace => "grace",
            Self::UntilSuccessorUsed => "until_successor_used",
            Self::SingleUse => "single_use",
        }
    }
}

/// Where the lifetime of an access token is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLifetime {
    /// `expires_in` of the answer, in seconds; without it, [`Lifetime::access_seconds`].
    #[default]
    Answer,
    /// The same in milliseconds.
    AnswerMilliseconds,
    /// Nowhere: a 401 of the service is the first sign.
    Unknown,
    /// It does not end.
    Never,
}

/// How long the tokens of a service live.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// Where the lifetime of an access token is said.
    #[serde(default)]
    pub access: AccessLifetime,
    /// The lifetime, in seconds, if an answer does not say one.
    pub access_seconds: Option<u32>,
    /// How long before its end a token is replaced, in seconds.
    #[serde(default = "usual_margin")]
    pub margin_seconds: u32,
    /// A refresh token that was not used for so long ends, in days.
    pub idle_days: Option<u32>,
    /// A connection ends so long after the person consented, in days, whatever is done.
    pub absolute_days: Option<u32>,
    /// What becomes of a refresh token once it was used. Without one, the strictest is assumed.
    #[serde(default = "strictest")]
    pub reuse: ReusePolicy,
    /// For [`ReusePolicy::Grace`]: how long the old one may be sent again, in seconds.
    pub grace_seconds: Option<u32>,
    /// Some services refuse a refresh while a token has more than this left, in seconds.
    pub not_before_remaining_seconds: Option<u32>,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            access: AccessLifetime::default(),
            access_seconds: None,
            margin_seconds: usual_margin(),
            idle_days: None,
            absolute_days: None,
            reuse: strictest(),
            grace_seconds: None,
            not_before_remaining_seconds: None,
        }
    }
}

const fn usual_margin() -> u32 {
    600
}

const fn strictest() -> ReusePolicy {
    ReusePolicy::SingleUse
}
