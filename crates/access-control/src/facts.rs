//! The facts that decisions read. The `directory` crate supplies them.

use std::collections::HashMap;
use std::sync::Arc;

use ids::{AppId, GroupId, OrganizationId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{AppLevel, AppRole, PathRules, Role};

/// The facts cannot be trusted at the moment: the answer is "try again", never "allowed".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the facts for this decision are not available at the moment")]
pub struct FactsUnavailable;

/// Where decisions look things up.
pub trait Facts: Send + Sync {
    /// The organization, unless it does not exist.
    ///
    /// # Errors
    /// The facts may be out of date.
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable>;

    /// The app, unless it does not exist.
    ///
    /// # Errors
    /// The facts may be out of date.
    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable>;
}

/// What decisions need to know of an organization.
#[derive(Clone, Debug)]
pub struct OrganizationFacts {
    /// Its identifier.
    pub id: OrganizationId,
    /// When set, only people who signed in with this signed `hd` count as members.
    pub hosted_domain: Option<Arc<str>>,
    /// Its members.
    pub members: HashMap<UserId, MemberFacts>,
}

/// What decisions need to know of a member.
#[derive(Clone, Debug)]
pub struct MemberFacts {
    /// The member's role.
    pub role: Role,
    /// The groups the member is in.
    pub groups: Vec<GroupId>,
}

/// What decisions need to know of an app.
#[derive(Clone, Debug)]
pub struct AppFacts {
    /// Its identifier.
    pub id: AppId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// Who it is for.
    pub level: AppLevel,
    /// Who made it.
    pub creator: UserId,
    /// Who was granted access; read only while the level is Restricted.
    pub grants: HashMap<UserId, GrantFacts>,
    /// Its path rules.
    pub rules: PathRules,
    /// The app opted out of judging a Server Action under every rule.
    pub server_actions_judged_by_page: bool,
}

/// One person's grant on an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantFacts {
    /// What the grant gives, before it is capped by the organization role.
    pub role: AppRole,
    /// The first instant at which it no longer holds.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}
