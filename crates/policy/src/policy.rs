//! The policy of an organization as data.

use access_control::{AppLevel, AppRole, Role};
use ids::{
    AppId, AppSlug, EmailAddress, GroupId, Name, OrganizationId, OrganizationSlug, PathRuleId, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::WantedRule;

/// Roles, groups, and who may use which app under which rules. Everything is in a stable order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its slug.
    pub organization: OrganizationSlug,
    /// Who reads this: whoever restricts an app keeps access to it.
    pub reader_id: UserId,
    /// The version of the facts.
    pub policy_version: u64,
    /// The members, by e-mail address.
    pub members: Vec<PolicyMember>,
    /// The groups, by name.
    pub groups: Vec<PolicyGroup>,
    /// The apps that the reader can edit, by slug.
    pub apps: Vec<PolicyApp>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyMember {
    /// The person.
    pub user_id: UserId,
    /// The verified e-mail address.
    pub email: EmailAddress,
    /// The role.
    pub role: Role,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyGroup {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
    /// Who is in it.
    pub members: Vec<UserId>,
}

/// An app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyApp {
    /// The app.
    pub id: AppId,
    /// Its slug.
    pub slug: AppSlug,
    /// Who it is for.
    pub level: AppLevel,
    /// Its grants.
    pub grants: Vec<PolicyGrant>,
    /// Its path rules.
    pub path_rules: Vec<PolicyRule>,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyGrant {
    /// Whose.
    pub user_id: UserId,
    /// What it gives.
    pub role: AppRole,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<OffsetDateTime>,
}

/// A path rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// Its identifier.
    pub id: PathRuleId,
    /// What it says.
    pub rule: WantedRule,
}
