//! Why a person has to connect an account again.

use std::str::FromStr;

/// Why a person has to connect an account again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReconnectCause {
    /// The service says that the grant is gone.
    Refused,
    /// The answer to a refresh was lost, and the service gives no second one.
    LostResponse,
    /// It was not used for longer than the service keeps it.
    Idle,
    /// The service keeps no grant for longer, whatever is done.
    TooOld,
    /// There is nothing to refresh it with, and the access token has ended.
    NoRefreshToken,
    /// The description of the service changed where its credentials go.
    ServiceChanged,
    /// The organization's client at the service was replaced or deleted.
    ClientChanged,
    /// Somebody revoked it here, in a drill or for the whole service.
    Revoked,
}

impl ReconnectCause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::LostResponse,
        Self::Idle,
        Self::TooOld,
        Self::NoRefreshToken,
        Self::ServiceChanged,
        Self::ClientChanged,
        Self::Revoked,
    ];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::LostResponse => "lost_response",
            Self::Idle => "idle",
            Self::TooOld => "too_old",
            Self::NoRefreshToken => "no_refresh_token",
            Self::ServiceChanged => "service_changed",
            Self::ClientChanged => "client_changed",
            Self::Revoked => "revoked",
        }
    }

    /// Whether a token that has not ended serves to its end.
    #[must_use]
    pub const fn leaves_the_token(self) -> bool {
        match self {
            Self::Refused | Self::LostResponse | Self::Idle | Self::TooOld | Self::NoRefreshToken => true,
            Self::ServiceChanged | Self::ClientChanged | Self::Revoked => false,
        }
    }

    /// The same for people, as a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Refused => {
                "The service says that the permission is gone: it was taken back there, or replaced."
            }
            Self::LostResponse => "The service's answer to a refresh was lost, and it gives no second one.",
            Self::Idle => "It was not used for longer than the service keeps permissions.",
            Self::TooOld => "The service ends every permission after a time, and that time is over.",
            Self::NoRefreshToken => "The service gave nothing to refresh it with, and its token has ended.",
            Self::ServiceChanged => "The description of the service changed where credentials are sent.",
            Self::ClientChanged => "The organization's client at the service was replaced or deleted.",
            Self::Revoked => "It was revoked for the whole service.",
        }
    }
}

/// A text that names no cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cause")]
pub struct ReconnectCauseError;

impl FromStr for ReconnectCause {
    type Err = ReconnectCauseError;

    fn from_str(text: &str) -> Result<Self, ReconnectCauseError> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or(ReconnectCauseError)
    }
}
