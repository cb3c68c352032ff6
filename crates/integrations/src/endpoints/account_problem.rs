//! What clients are told when something goes wrong with accounts and OAuth clients.

use endpoint::http::StatusCode;
use endpoint::{Problem, sentence};
use service_client::{NotSent, RevokeError, TokenError};

use crate::{AccountError, StoreError};

/// What a client may wait before it tries again, in seconds.
const TRY_AGAIN_AFTER: u32 = 5;

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let said = sentence(&error);
        match error {
            AccountError::NotFound => Self::not_found(),
            AccountError::UnknownService => Self::invalid("unknown_service", said),
            AccountError::Invalid { .. } => Self::invalid("invalid_account", said),
            AccountError::UnknownApp => Self::invalid("unknown_app", said),
            AccountError::HiddenApps => Self::conflict("hidden_apps", said),
            AccountError::TooMany(_) => Self::conflict("too_many", said),
            AccountError::ClientTaken => Self::conflict("client_taken", said),
            AccountError::Changed => Self::conflict(
                "changed_meanwhile",
                "Somebody else has changed it since you looked. Read it again.",
            ),
            AccountError::Busy => Self::conflict("account_busy", said).after(TRY_AGAIN_AFTER),
            AccountError::TrialsBusy => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "trials_busy", said).after(TRY_AGAIN_AFTER)
            }
            AccountError::RevocationUnderWay(revocation) => {
                Self::conflict("revocation_under_way", said).of_revocation(revocation)
            }
            AccountError::NoClient => Self::conflict(
                "no_oauth_client",
                "The organization has not said what it is registered as at this service. An Owner or Admin does that.",
            ),
            AccountError::ClientChanged => Self::conflict("client_changed", said),
            AccountError::ServiceChanged => Self::conflict("service_changed", said),
            AccountError::SecretNeeded => Self::invalid("secret_needed", said),
            AccountError::BrowserNeeded => Self::invalid(
                "browser_needed",
                "People consent at this service, in the browser in which they are signed in here.",
            ),
            AccountError::CredentialsNeeded => Self::invalid("credentials_needed", said),
            AccountError::UnknownAttempt => Self::new(
                StatusCode::BAD_REQUEST,
                "connect_attempt_unknown",
                "This attempt to connect an account has been used, took longer than ten minutes, or was begun by somebody else or in another session. Nothing was connected. Begin again.",
            ),
            AccountError::OtherIssuer => Self::new(StatusCode::BAD_GATEWAY, "other_issuer", said),
            AccountError::RefusedAtService { word, sentence } => {
                let more = sentence.map(|sentence| format!(": {sentence}")).unwrap_or_default();
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "refused_at_service",
                    format!("Nothing was connected. The service says {word}{more}"),
                )
            }
            AccountError::Token(error) => of_token(&error, said),
            AccountError::Address => Self::invalid("address_refused", said),
            AccountError::NotTaken(_) => Self::invalid("credentials_refused", said),
            AccountError::NotRevoked(RevokeError::Unavailable { retry_after }) => {
                let problem = Self::new(StatusCode::BAD_GATEWAY, "not_revoked", said);
                match retry_after.and_then(|after| u32::try_from(after.as_secs()).ok()) {
                    Some(seconds) => problem.after(seconds.max(1)),
                    None => problem,
                }
            }
            AccountError::NotRevoked(_) => Self::new(StatusCode::BAD_GATEWAY, "not_revoked", said),
            AccountError::Tampered(_) => Self::conflict(
                "account_tampered",
                "The account was changed outside of the platform, and is not used. Disconnect it, connect a new one, and tell the operator.",
            ),
            AccountError::ClientTampered => Self::conflict(
                "oauth_client_tampered",
                "The OAuth client was changed outside of the platform, and is not used. Give it again with its secret, and tell the operator.",
            ),
            AccountError::NeedsReconnect(_) => Self::conflict("needs_reconnect", said),
            AccountError::NoToken { retry_after } => {
                let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).max(1);
                Self::new(StatusCode::BAD_GATEWAY, "service_unavailable", said).after(seconds)
            }
            AccountError::Forbidden(refusal) => refusal.into(),
            AccountError::Facts(_) => Self::unavailable(),
            AccountError::Vault(reason) => reason.into(),
            AccountError::Audit(reason) => reason.into(),
            AccountError::Store(StoreError::Database(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an account was not kept or read");
                Self::unavailable()
            }
            AccountError::Store(_) | AccountError::Unwritable(_) | AccountError::Sealing(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an endpoint of accounts failed");
                Self::internal()
            }
        }
    }
}

fn of_token(error: &TokenError, said: String) -> Problem {
    let bad_gateway = |code| Problem::new(StatusCode::BAD_GATEWAY, code, said.clone());
    match error {
        TokenError::NotSent(NotSent::Address(_)) => Problem::invalid("address_refused", said),
        TokenError::NotSent(NotSent::Name | NotSent::Connection) => bad_gateway("service_unreachable"),
        TokenError::NotSent(NotSent::Code) => bad_gateway("no_code"),
        TokenError::NotSent(_) => Problem::invalid("invalid_account", said),
        TokenError::Refused { .. } => Problem::invalid("credentials_refused", said),
        TokenError::NoAnswer | TokenError::Unreadable | TokenError::Unfit(_) => {
            bad_gateway("service_no_answer")
        }
        TokenError::Unavailable { retry_after } => {
            let problem = bad_gateway("service_unavailable");
            match retry_after.and_then(|after| u32::try_from(after.as_secs()).ok()) {
                Some(seconds) => problem.after(seconds.max(1)),
                None => problem,
            }
        }
    }
}
