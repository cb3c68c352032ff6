//! The HTTP of identity. The only room that knows its paths, pages and JSON.

use std::sync::Arc;

use access_control::{
    EndOwnSession, ListApiTokens, ListOwnSessions, ManageApiTokens, ReadOwnSession, ReadSigningKeys,
    RedeemHandOff, SignIn,
};
use endpoint::http::StatusCode;
use endpoint::{Authenticator, Endpoint, Problem, Sites, Surface};
use revocations::{ReceiptAnswer, Revocations};

use crate::{ApiTokens, HandOff, HandOffError, IdentityError, SessionError, Sessions, SignIns, SigningKeys};

mod api_tokens;
mod sessions;
mod sign_in;

/// What the endpoints work on.
#[derive(Clone)]
pub struct Identity {
    /// Signing in.
    pub sign_ins: Arc<SignIns>,
    /// Sessions.
    pub sessions: Arc<Sessions>,
    /// API tokens.
    pub api_tokens: Arc<ApiTokens>,
    /// Carrying sessions to app hosts.
    pub hand_off: Arc<HandOff>,
    /// The keys to publish.
    pub signing_keys: Arc<SigningKeys>,
    /// Who knows which app a person may open.
    pub authenticator: Arc<dyn Authenticator>,
    /// Which hosts are ours.
    pub sites: Arc<Sites>,
    /// What revocations did.
    pub revocations: Revocations,
}

/// Every endpoint of identity.
#[must_use]
pub fn endpoints(identity: &Identity) -> Vec<Endpoint> {
    let state = || identity.clone();
    vec![
        Endpoint::get("/login", "choose_provider")
            .sign_in_step()
            .requires::<SignIn>()
            .query::<sign_in::Wanted>()
            .gives_page()
            .leads_elsewhere(StatusCode::FOUND)
            .refuses(&[StatusCode::NOT_FOUND])
            .answers(state(), sign_in::choose),
        Endpoint::get("/login/{provider}", "begin_sign_in")
            .sign_in_step()
            .requires::<SignIn>()
            .query::<sign_in::Wanted>()
            .leads_elsewhere(StatusCode::FOUND)
            .refuses(&[StatusCode::BAD_GATEWAY])
            .answers(state(), sign_in::begin),
        Endpoint::get("/login/{provider}/callback", "complete_sign_in")
            .sign_in_step()
            .requires::<SignIn>()
            .query::<sign_in::ProviderAnswer>()
            .leads_elsewhere(StatusCode::FOUND)
            .refuses(&[StatusCode::FORBIDDEN, StatusCode::BAD_GATEWAY])
            .answers(state(), sign_in::complete),
        Endpoint::get("/.vybe/session", "redeem_hand_off")
            .on(Surface::AppHosts)
            .sign_in_step()
            .requires::<RedeemHandOff>()
            .query::<sign_in::Code>()
            .leads_elsewhere(StatusCode::FOUND)
            .refuses(&[StatusCode::NOT_FOUND])
            .answers(state(), sign_in::redeem),
        Endpoint::get("/.well-known/jwks.json", "read_signing_keys")
            .requires::<ReadSigningKeys>()
            .gives::<sign_in::KeySet>(StatusCode::OK)
            .answers(state(), sign_in::keys),
        Endpoint::get("/api/auth/get-session", "get_session")
            .open_to_app_origins()
            .requires::<ReadOwnSession>()
            .gives::<sessions::SessionAnswer>(StatusCode::OK)
            .answers(state(), sessions::read),
        Endpoint::post("/api/auth/sign-out", "sign_out")
            .open_to_app_origins()
            .requires::<EndOwnSession>()
            .gives::<sessions::SignedOut>(StatusCode::OK)
            .answers(state(), sessions::sign_out),
        Endpoint::post("/logout", "sign_out_by_form")
            .requires::<EndOwnSession>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .answers(state(), sessions::sign_out_page),
        Endpoint::get("/api/v1/sessions", "list_sessions")
            .requires::<ListOwnSessions>()
            .gives::<sessions::ListAnswer>(StatusCode::OK)
            .answers(state(), sessions::list),
        Endpoint::delete("/api/v1/sessions", "end_all_sessions")
            .requires::<EndOwnSession>()
            .gives::<ReceiptAnswer>(StatusCode::OK)
            .answers(state(), sessions::end_all),
        Endpoint::delete("/api/v1/sessions/{session_id}", "end_session")
            .requires::<EndOwnSession>()
            .gives::<ReceiptAnswer>(StatusCode::OK)
            .answers(state(), sessions::end),
        Endpoint::get("/api/v1/api-tokens", "list_api_tokens")
            .requires::<ListApiTokens>()
            .gives::<api_tokens::ListAnswer>(StatusCode::OK)
            .answers(state(), api_tokens::list),
        Endpoint::post("/api/v1/api-tokens", "issue_api_token")
            .requires::<ManageApiTokens>()
            .takes::<api_tokens::MakeBody>()
            .gives::<api_tokens::TokenAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(state(), api_tokens::make),
        Endpoint::delete("/api/v1/api-tokens/{api_token_id}", "revoke_api_token")
            .requires::<ManageApiTokens>()
            .gives::<ReceiptAnswer>(StatusCode::OK)
            .answers(state(), api_tokens::revoke),
    ]
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::NotFound => Self::not_found(),
            IdentityError::SignedOut => Self::unauthenticated(),
            IdentityError::TooManyApiTokens => Self::new(
                StatusCode::CONFLICT,
                "too_many_api_tokens",
                "You have 100 API tokens. Revoke one first.",
            ),
            IdentityError::Store(_) | IdentityError::Audit(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store did not answer");
                Self::unavailable()
            }
            IdentityError::Unreadable { .. }
            | IdentityError::Seal(_)
            | IdentityError::Open(_)
            | IdentityError::Vault(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a row or a key is not usable");
                Self::internal()
            }
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Invalid => Self::unauthenticated(),
            SessionError::Unavailable => Self::unavailable(),
        }
    }
}

impl From<HandOffError> for Problem {
    fn from(error: HandOffError) -> Self {
        match error {
            HandOffError::Refused => Self::malformed(
                "This link has been used, is too old, or was made for another browser or host. \
                 Open the app's address again.",
            ),
            HandOffError::Unavailable => Self::unavailable(),
            HandOffError::Failed(error) => error.into(),
        }
    }
}
