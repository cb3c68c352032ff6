//! What a declaration promises, worked out a second time: nothing here is shared with what decides.

use access_control::{AppRole, Role, Rule, UserToken};
use endpoint::{Endpoint, Origins};

use super::callers::Caller;

/// What has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Access is not refused.
    Allowed,
    /// Exactly this status.
    Status(u16),
}

pub fn is_public(endpoint: &Endpoint) -> bool {
    matches!(endpoint.rule(), Rule::Public(_))
}

/// The expectation for one cell.
pub fn of(endpoint: &Endpoint, caller: Caller) -> Expected {
    match endpoint.rule() {
        Rule::Public(_) => Expected::Allowed,
        Rule::AgentToken => Expected::Status(401),
        Rule::ServerSecret(token) => match (caller, token) {
            (Caller::ServerSecretAndUserToken, _) | (Caller::ServerSecret, UserToken::Optional) => {
                Expected::Allowed
            }
            _ => Expected::Status(401),
        },
        Rule::OwnAccount(_) => with_session(endpoint, caller, |_| Expected::Allowed),
        Rule::Roles(roles) => with_session(endpoint, caller, |role| match role {
            None => Expected::Status(404),
            Some(role) if roles.contains(&role) => Expected::Allowed,
            Some(_) => Expected::Status(403),
        }),
        // The app asked about is open to its whole organization: its builders edit it, Members see it.
        Rule::AppRole(needed) => with_session(endpoint, caller, |role| match (role, needed) {
            (None, _) => Expected::Status(404),
            (Some(Role::Member), AppRole::Editor) => Expected::Status(403),
            (Some(_), _) => Expected::Allowed,
        }),
    }
}

/// What a session is worth, by the role in the organization of whoever has it.
fn with_session(endpoint: &Endpoint, caller: Caller, decided: impl Fn(Option<Role>) -> Expected) -> Expected {
    match caller {
        Caller::Anonymous
        | Caller::GarbageCookie
        | Caller::RevokedSession
        | Caller::ServerSecret
        | Caller::ServerSecretAndUserToken
        | Caller::UserTokenOnly => Expected::Status(401),
        Caller::SameSite => Expected::Status(403),
        Caller::AppOrigin if endpoint.origins() == Origins::Platform => Expected::Status(403),
        Caller::OtherOrganization | Caller::RemovedMember => decided(None),
        Caller::Member => decided(Some(Role::Member)),
        Caller::Editor => decided(Some(Role::Editor)),
        Caller::Admin => decided(Some(Role::Admin)),
        Caller::Owner | Caller::AppOrigin => decided(Some(Role::Owner)),
    }
}
