//! What clients are told when something goes wrong with named secrets. No sentence holds any of a value.

use endpoint::{Problem, sentence};

use crate::SecretError;

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NotFound => Self::not_found(),
            SecretError::Value(reason) => Self::invalid("invalid_value", sentence(&reason)),
            SecretError::Name(reason) => Self::invalid("invalid_name", sentence(&reason)),
            SecretError::Variable(reason) => Self::invalid("invalid_name", sentence(&reason)),
            SecretError::Scope(scope, kind) => Self::invalid(
                "invalid_kind",
                format!(
                    "There are no secrets of the kind {} with the scope {}.",
                    kind.as_str(),
                    scope.as_str()
                ),
            ),
            SecretError::EnvironmentMissing => {
                Self::invalid("invalid_environment", "Say for which environment: preview or production.")
            }
            SecretError::EnvironmentUnexpected => Self::invalid(
                "invalid_environment",
                "Such a secret is not injected into deployments: leave environment out.",
            ),
            SecretError::NameTaken => Self::conflict(
                "name_taken",
                "There is a secret with this name, or one that becomes the same variable in this environment. Case \
                 makes no difference.",
            ),
            SecretError::Changed => Self::conflict(
                "secret_changed",
                "Somebody else has replaced the value since you looked. Read the version again.",
            ),
            SecretError::TooMany => {
                Self::conflict("too_many_secrets", "There are 10000 secrets here. Delete one first.")
            }
            SecretError::TooManyBytes => Self::conflict(
                "too_many_bytes",
                "The secrets here would be larger than 64 MiB, or your own than 1 MiB. Delete one first.",
            ),
            SecretError::TooMuchInjected => Self::conflict(
                "too_much_injected",
                "What an environment gets from here would be larger than 512 KiB. Make a value smaller, or delete one.",
            ),
            SecretError::Facts(_) => Self::unavailable(),
            SecretError::Vault(reason) => reason.into(),
            SecretError::Audit(reason) => reason.into(),
            SecretError::Interrupted(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "checking a value was interrupted");
                Self::internal()
            }
        }
    }
}
