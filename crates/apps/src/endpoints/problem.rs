//! What clients are told when something goes wrong with apps.

use endpoint::{Problem, sentence};
use secrets_vault::VaultError;

use crate::AppError;

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::HostTaken(label) => Self::conflict(
                "host_taken",
                format!("The host {label} belongs to another app. Choose another slug."),
            ),
            AppError::Label(reason) => Self::invalid("invalid_slug", sentence(&reason)),
            // Somebody else's member is told like nobody at all.
            AppError::NotFound | AppError::NotAMember => Self::not_found(),
            AppError::Refused(refusal) => refusal.into(),
            AppError::NotCreator => {
                Self::invalid("not_creator", "Only the app's creator can make it theirs alone.")
            }
            AppError::CannotEdit => Self::invalid(
                "cannot_edit",
                "The person's role in the organization does not allow to edit apps. Choose somebody else.",
            ),
            AppError::LastEditor => Self::conflict(
                "last_editor",
                "A restricted app keeps at least one editor whose grant does not end. Name another one first.",
            ),
            AppError::Grace(reason) => Self::invalid("grace_too_long", sentence(&reason)),
            AppError::EndPassed => Self::invalid("end_passed", "The end has already passed."),
            AppError::TooManyPathRules => {
                Self::conflict("too_many_path_rules", "An app has at most 1000 path rules.")
            }
            AppError::TooManyServerSecrets => Self::conflict(
                "too_many_server_secrets",
                "An environment has at most two live server secrets. Revoke one first.",
            ),
            AppError::ServerSecretInUse => Self::conflict(
                "server_secret_in_use",
                "An app proved itself with a secret of this environment within the last 15 minutes. Give it a grace, or \
                 set force to end it at once.",
            ),
            AppError::RotationUnderWay => Self::conflict(
                "rotation_under_way",
                "The server secrets of this organization are being rotated. Wait for the end of its grace, or begin one \
                 without grace.",
            ),
            AppError::TooManyAgentTokens => Self::conflict(
                "too_many_agent_tokens",
                "An app has at most 100 live agent tokens. Revoke one first.",
            ),
            AppError::UpstreamRefused(reason) => Self::invalid("upstream_refused", sentence(&reason)),
            AppError::UpstreamUnknown => {
                Self::invalid("upstream_unknown", "The upstream's host name has no address.")
            }
            AppError::Audit(reason) => reason.into(),
            AppError::Facts(_) => Self::unavailable(),
            AppError::Store(_)
            | AppError::Neighbour(_)
            | AppError::Vault(VaultError::Store(_) | VaultError::Audit(_) | VaultError::Provider(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an endpoint of apps failed");
                Self::unavailable()
            }
            AppError::Randomness(_) | AppError::Unreadable(_) | AppError::Vault(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an endpoint of apps failed");
                Self::internal()
            }
        }
    }
}
