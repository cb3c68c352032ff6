//! What clients are told when something goes wrong with the vault.

use endpoint::Problem;

use crate::VaultError;

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::not_found(),
            VaultError::RotationUnderWay => Self::conflict(
                "rotation_under_way",
                "The organization's key is being rotated. Wait until that has finished.",
            ),
            VaultError::RotatedJustNow => Self::conflict(
                "rotated_just_now",
                "The organization's key was rotated a moment ago. It can be rotated again a minute after that has finished.",
            ),
            VaultError::Audit(reason) => reason.into(),
            VaultError::Store(_)
            | VaultError::Provider(_)
            | VaultError::KeyReplaced
            // Its successor takes over without being asked.
            | VaultError::KeyExhausted(_)
            | VaultError::TurnLost => {
                tracing::error!(error = &error as &dyn std::error::Error, "an endpoint of the vault failed");
                Self::unavailable()
            }
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "an endpoint of the vault failed");
                Self::internal()
            }
        }
    }
}
