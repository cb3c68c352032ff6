//! What a declaration promises, worked out a second time: nothing here is shared with what decides.

use crate::caller::{Caller, Presents};
use crate::declared::{Access, Endpoint, Means, Origins, UserToken};

/// What has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Access is not refused.
    Allowed,
    /// Exactly this status.
    Status(u16),
}

/// The expectation for one cell.
#[must_use]
pub fn expected(endpoint: &Endpoint, caller: &Caller) -> Expected {
    let allowed_if =
        |allowed, otherwise| if allowed { Expected::Allowed } else { Expected::Status(otherwise) };
    match &endpoint.access {
        Access::Public { .. } => Expected::Allowed,
        Access::AgentToken => allowed_if(caller.presents == Presents::AgentToken, 401),
        Access::ServerSecret { user_token } => match caller.presents {
            Presents::SecretAndUserToken => Expected::Allowed,
            Presents::Secret | Presents::CookieAndSecret => {
                allowed_if(*user_token == UserToken::Optional, 401)
            }
            _ => Expected::Status(401),
        },
        Access::AppOrItsPage => match caller.presents {
            Presents::Secret | Presents::SecretAndUserToken => Expected::Allowed,
            Presents::CookieFromAppPage => allowed_if(caller.app_role.is_some(), 403),
            // A session alone, from anywhere else, is no app; and two credentials are none.
            _ => Expected::Status(401),
        },
        Access::OwnAccount { means } => match session(endpoint, caller) {
            Ok(with) => allowed_if(means.contains(&with), 403),
            Err(status) => Expected::Status(status),
        },
        Access::Roles { roles } => match (session(endpoint, caller), caller.role) {
            (Err(status), _) => Expected::Status(status),
            (Ok(_), None) => Expected::Status(404),
            (Ok(_), Some(role)) => allowed_if(roles.contains(&role), 403),
        },
        Access::AppRole { role: needed } => match (session(endpoint, caller), caller.app_role) {
            (Err(status), _) => Expected::Status(status),
            (Ok(_), None) => Expected::Status(404),
            (Ok(_), Some(role)) => allowed_if(role >= *needed, 403),
        },
    }
}

/// What a caller proves a session with, or the status of the refusal.
fn session(endpoint: &Endpoint, caller: &Caller) -> Result<Means, u16> {
    match caller.presents {
        Presents::Cookie => Ok(Means::Browser),
        Presents::CookieFromAppPage | Presents::CookieAndSecret
            if endpoint.origins == Origins::AppsToo && caller.app_role.is_some() =>
        {
            Ok(Means::Browser)
        }
        Presents::CookieFromAppPage | Presents::CookieAndSecret | Presents::CookieFromSibling => Err(403),
        Presents::ApiToken => Ok(Means::ApiToken),
        Presents::Nothing
        | Presents::GarbageCookie
        | Presents::RevokedCookie
        | Presents::Secret
        | Presents::SecretAndUserToken
        | Presents::UserToken
        | Presents::RevokedApiToken
        | Presents::ApiTokenWithOrigin
        | Presents::ApiTokenWithCookie
        | Presents::AgentToken
        | Presents::AgentTokenWithCookie => Err(401),
    }
}
