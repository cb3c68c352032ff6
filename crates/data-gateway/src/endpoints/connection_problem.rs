//! What clients are told when something goes wrong with connections.

use endpoint::http::StatusCode;
use endpoint::{Problem, sentence};

use super::problem::TRY_AGAIN_AFTER;
use crate::{ConnectionError, RunError};

impl From<ConnectionError> for Problem {
    fn from(error: ConnectionError) -> Self {
        let said = sentence(&error);
        match error {
            ConnectionError::NotFound => Self::not_found(),
            ConnectionError::Definition(_) => Self::invalid("invalid_connection", said),
            ConnectionError::Address(_) => Self::invalid("address_refused", said),
            ConnectionError::UnknownApp => Self::invalid("unknown_app", said),
            ConnectionError::CredentialsNeeded | ConnectionError::CredentialsNeededForMore => {
                Self::invalid("credentials_needed", said)
            }
            ConnectionError::NameTaken => Self::conflict(
                "name_taken",
                "There is a connection of this kind with this name, or the app has a database already. Case makes no \
                 difference.",
            ),
            ConnectionError::TooMany => {
                Self::conflict("too_many_connections", "There are 1000 connections here. Delete one first.")
            }
            ConnectionError::Changed => Self::conflict(
                "changed_meanwhile",
                "Somebody else has changed the connection since you looked. Read it again.",
            ),
            ConnectionError::HostKeyChanged(changed) => Self::conflict(
                "ssh_host_key_changed",
                format!(
                    "The host key of SSH server {} is {}, not the confirmed one. Nothing is sent until an Admin has said which is right.",
                    changed.hop + 1,
                    changed.presented
                ),
            ),
            ConnectionError::OtherHostKey => Self::conflict("ssh_host_key_unknown", said),
            ConnectionError::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "trials_busy",
                "Too many databases of the organization are being looked into. Try again in a few seconds.",
            )
            .after(TRY_AGAIN_AFTER),
            ConnectionError::Tampered(_) => Self::conflict(
                "connection_tampered",
                "The connection was changed outside of the platform, and is not used. Give its definition again with \
                 password and keys, and tell the operator.",
            ),
            ConnectionError::Query(reason) => RunError::Query(reason).into(),
            ConnectionError::Facts(_) => Self::unavailable(),
            ConnectionError::Vault(reason) => reason.into(),
            ConnectionError::Audit(reason) => reason.into(),
            ConnectionError::Store(crate::StoreError::Database(_)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a connection was not kept or read"
                );
                Self::unavailable()
            }
            ConnectionError::Store(_) | ConnectionError::Interrupted(_) | ConnectionError::Unwritable(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an endpoint of connections failed"
                );
                Self::internal()
            }
        }
    }
}
