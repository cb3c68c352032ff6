//! Why there is no token.

use std::time::Duration;

use catalogue::RenderError;
use outbound::Refused;

/// Why there is no token. What decides is whether the service can have seen the request: a refresh token that it saw may be
/// spent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The service never saw the request.
    #[error("not sent: {0}")]
    NotSent(#[from] NotSent),
    /// It was sent, and no whole answer came back.
    #[error("the service gave no whole answer")]
    NoAnswer,
    /// The service refuses.
    #[error("the service refuses{}", .word.as_deref().map(|word| format!(": {word}")).unwrap_or_default())]
    Refused {
        /// The service's word for why: letters, digits, `_`, `-`, `.` only.
        word: Option<String>,
        /// Whether it means that a person has to consent again.
        reconnect: bool,
    },
    /// It answered that it cannot now (5xx, 408, 425, 429), and spent nothing.
    #[error("the service cannot answer now")]
    Unavailable {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It answered with success and something that holds no token: what it spent is not known.
    #[error("the service's answer holds no token")]
    Unreadable,
    /// There is a token, and a value that the account needs is missing in the answer, or does not look as it has to. Only
    /// when an account is connected; the token was revoked as far as the service can.
    #[error("the service did not say a usable {0}")]
    Unfit(String),
}

/// Why a request did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The entry's URL or texts cannot be filled.
    #[error(transparent)]
    Values(#[from] RenderError),
    /// There is no client, or it has no secret and needs one.
    #[error("the OAuth client is missing or has no secret")]
    Client,
    /// The credentials are not of the kind of the entry, or there is nothing to get a token with.
    #[error("there is nothing to get a token with")]
    Credentials,
    /// The private key is none, or not of the kind that the entry names.
    #[error("the private key is not of the kind that the service takes")]
    Key,
    /// The redirect brought no code.
    #[error("the redirect brought no code")]
    Code,
    /// A header or parameter of the entry cannot be written.
    #[error("the request cannot be written")]
    Request,
    /// The name has no address.
    #[error("the service's name does not resolve")]
    Name,
    /// One of its addresses may not be connected to.
    #[error(transparent)]
    Address(#[from] Refused),
    /// No connection, or no TLS session with a certificate that names the host, in time.
    #[error("no connection to the service")]
    Connection,
}

impl NotSent {
    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Values(_) => "values",
            Self::Client => "client",
            Self::Credentials => "credentials",
            Self::Key => "private_key",
            Self::Code => "code",
            Self::Request => "request",
            Self::Name => "name",
            Self::Address(_) => "address",
            Self::Connection => "connection",
        }
    }
}

impl TokenError {
    /// The same, without a word that is part of what was sent: some services answer with it.
    pub(crate) fn without(self, sent: &[&str]) -> Self {
        match self {
            Self::Refused { word, reconnect } => Self::Refused { word: unsaid(word, sent), reconnect },
            other => other,
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "not_sent",
            Self::NoAnswer => "no_answer",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
            Self::Unreadable => "unreadable",
            Self::Unfit(_) => "unfit",
        }
    }
}

/// A word of which nothing was sent.
pub(crate) fn unsaid(word: Option<String>, sent: &[&str]) -> Option<String> {
    word.filter(|word| {
        !sent.iter().any(|sent| sent.contains(word.as_str()) || (sent.len() >= 6 && word.contains(sent)))
    })
}

/// Why a connection was not revoked at the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// The service has no way to revoke, or there is no token.
    #[error("the service has no way to revoke")]
    NotRevocable,
    /// It refuses, or the request cannot be written.
    #[error("the service refuses to revoke{}", .word.as_deref().map(|word| format!(": {word}")).unwrap_or_default())]
    Refused {
        /// The service's word for why.
        word: Option<String>,
    },
    /// No connection, no answer, or one that it cannot now.
    #[error("the service cannot revoke now")]
    Unavailable {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
}
