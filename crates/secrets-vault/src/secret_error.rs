//! What can go wrong with named secrets.

use access_control::FactsUnavailable;
use audit::AuditError;
use ids::NameError;

use crate::value::ValueError;
use crate::variable::VariableError;
use crate::{Kind, SecretScope, VaultError};

/// Why a use case of named secrets did not do what it was asked. Nothing was changed, and nothing here holds
/// any of a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret here.
    #[error("no such secret")]
    NotFound,
    /// The value is not acceptable.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The name is none.
    #[error(transparent)]
    Name(NameError),
    /// The name is none of a variable.
    #[error(transparent)]
    Variable(VariableError),
    /// Secrets of this kind do not belong there.
    #[error("secrets of the kind {1:?} do not belong to the scope {0:?}")]
    Scope(SecretScope, Kind),
    /// The kind is injected, so it has to be said where.
    #[error("say for which environment: preview or production")]
    EnvironmentMissing,
    /// The kind is not injected.
    #[error("secrets of this kind are not injected and have no environment")]
    EnvironmentUnexpected,
    /// Another secret has this name, or becomes the same variable.
    #[error("another secret has this name or becomes the same variable")]
    NameTaken,
    /// Somebody else wrote it meanwhile.
    #[error("it was replaced meanwhile")]
    Changed,
    /// There are as many as there can be.
    #[error("too many secrets")]
    TooMany,
    /// Together they are as large as they can be.
    #[error("too many bytes")]
    TooManyBytes,
    /// What an environment would get of this owner is more than a program can be started with.
    #[error("too many bytes for one environment")]
    TooMuchInjected,
    /// The facts for a decision are not there.
    #[error(transparent)]
    Facts(#[from] FactsUnavailable),
    /// The vault did not seal or open.
    #[error(transparent)]
    Vault(VaultError),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A task of this process ended before its time.
    #[error("interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<VaultError> for SecretError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound,
            // The app, the membership or the organization went meanwhile.
            error if error.names_what_is_gone() => Self::NotFound,
            error if error.is_taken() => Self::NameTaken,
            error => Self::Vault(error),
        }
    }
}
