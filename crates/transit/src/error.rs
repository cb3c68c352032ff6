//! What can go wrong with a key management service.

use secrets_vault::ProviderError;

/// A setting that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not an address of a server.
    #[error(
        "write https://host:port without path and user (http:// only for a loopback address such as 127.0.0.1)"
    )]
    Address,
    /// Not the path of an engine.
    #[error("write the path at which the engine is mounted, such as transit or team/transit")]
    Mount,
    /// Not the name of a key.
    #[error(
        "a key's name has letters, digits, `-`, `_` and `.` only, and begins and ends with none of the last two"
    )]
    Key,
    /// Not the path of a namespace.
    #[error("write the namespace's path, such as team or company/team")]
    Namespace,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
}

/// Why the service did not do what it was asked. The texts hold the service's address and the key's name, and
/// nothing that the service wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitError {
    /// It cannot be reached, or does not prove its name.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the connection ended with.
        reason: String,
    },
    /// It does not answer in time.
    #[error("{0} did not answer in time")]
    Silent(String),
    /// It is sealed: nobody has given it its own keys since it was started.
    #[error("{0} is sealed; unseal it")]
    Sealed(String),
    /// It does not take the token, or the token may not do this.
    #[error(
        "{address} refuses the token; it needs `read` on {mount}/keys/{key} and `update` on {mount}/encrypt/{key} and {mount}/decrypt/{key}"
    )]
    Forbidden {
        /// Where.
        address: String,
        /// At which path the engine is.
        mount: String,
        /// Which key.
        key: String,
    },
    /// The token cannot be read.
    #[error("the token cannot be read: {0}")]
    Token(String),
    /// There is no such key, or no engine at this path.
    #[error("{address} has no key {mount}/{key}; it is made there, never from here")]
    NoSuchKey {
        /// Where.
        address: String,
        /// At which path the engine is.
        mount: String,
        /// Which key.
        key: String,
    },
    /// It sends elsewhere, which is not followed.
    #[error("{0} answers with a redirect, which is not followed; name the active server")]
    Redirected(String),
    /// It has trouble of its own.
    #[error("{address} answers with status {status}")]
    Failed {
        /// Where.
        address: String,
        /// Its answer (RFC 9110, section 15).
        status: u16,
    },
    /// Its answer is not what the API promises.
    #[error("{0} answers with what is no answer of a transit engine")]
    NotUnderstood(String),
    /// The key cannot be used.
    #[error("the key {name} {reason}")]
    Unsuitable {
        /// Which.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// What was wrapped does not open with this key at this place.
    #[error("the wrapped key does not open")]
    Refused,
    /// A number or key could not be made.
    #[error("no random numbers")]
    Randomness,
}

impl From<TransitError> for ProviderError {
    fn from(error: TransitError) -> Self {
        match error {
            TransitError::Refused => Self::Refused,
            error => Self::Unavailable(error.to_string()),
        }
    }
}
