//! Changes of the policy that have not been made yet.

use access_control::{AppLevel, AppRole, Method, PathPattern, PathRule, Role, SignInAge, Subject};
use apps::{NewPathRule, PathRuleError};
use ids::{AppId, GroupId, PathRuleId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The most changes that are simulated or made at once.
pub const MOST_CHANGES: usize = 1_000;

/// One change of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum PolicyChange {
    /// Give a member another role.
    SetRole {
        /// Who.
        user_id: UserId,
        /// The new role.
        role: Role,
    },
    /// End a membership.
    RemoveMember {
        /// Whose.
        user_id: UserId,
    },
    /// Put a member into a group.
    AddGroupMember {
        /// The group.
        group_id: GroupId,
        /// Who.
        user_id: UserId,
    },
    /// Take a member out of a group.
    RemoveGroupMember {
        /// The group.
        group_id: GroupId,
        /// Who.
        user_id: UserId,
    },
    /// Say who an app is for.
    SetLevel {
        /// The app.
        app_id: AppId,
        /// The new level.
        level: AppLevel,
    },
    /// Give a grant, or replace it.
    PutGrant {
        /// The app.
        app_id: AppId,
        /// Who gets it.
        user_id: UserId,
        /// What it gives.
        role: AppRole,
        /// When it ends (RFC 3339); never, if left out.
        #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>", extend("format" = "date-time"))]
        expires_at: Option<OffsetDateTime>,
    },
    /// Take a grant back.
    DeleteGrant {
        /// The app.
        app_id: AppId,
        /// Whose.
        user_id: UserId,
    },
    /// Add a path rule.
    AddPathRule {
        /// The app.
        app_id: AppId,
        /// The rule.
        rule: WantedRule,
    },
    /// Write a path rule anew.
    ReplacePathRule {
        /// The app.
        app_id: AppId,
        /// Which rule.
        rule_id: PathRuleId,
        /// What it is to be.
        rule: WantedRule,
    },
    /// Remove a path rule.
    DeletePathRule {
        /// The app.
        app_id: AppId,
        /// Which rule.
        rule_id: PathRuleId,
    },
}

impl PolicyChange {
    /// The app that is changed; none for changes of the organization.
    #[must_use]
    pub const fn app(&self) -> Option<AppId> {
        match *self {
            Self::SetRole { .. }
            | Self::RemoveMember { .. }
            | Self::AddGroupMember { .. }
            | Self::RemoveGroupMember { .. } => None,
            Self::SetLevel { app_id, .. }
            | Self::PutGrant { app_id, .. }
            | Self::DeleteGrant { app_id, .. }
            | Self::AddPathRule { app_id, .. }
            | Self::ReplacePathRule { app_id, .. }
            | Self::DeletePathRule { app_id, .. } => Some(app_id),
        }
    }

    /// The path rule that comes.
    pub(crate) const fn rule(&self) -> Option<&WantedRule> {
        match self {
            Self::AddPathRule { rule, .. } | Self::ReplacePathRule { rule, .. } => Some(rule),
            _ => None,
        }
    }
}

/// A path rule without an identifier: what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedRule {
    /// A path prefix on a segment boundary; `*` stands for one segment.
    #[schemars(with = "String")]
    pub pattern: PathPattern,
    /// The methods it covers; all, if left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub methods: Vec<Method>,
    /// Whom it lets through: kind is user, group, role or app_role.
    pub subjects: Vec<Subject>,
    /// How many minutes ago those may have signed in; any time, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_within_minutes: Option<SignInAge>,
}

impl WantedRule {
    /// The rule as `apps` takes it.
    ///
    /// # Errors
    /// It names too many methods or subjects.
    pub fn checked(&self) -> Result<NewPathRule, PathRuleError> {
        let methods: Vec<String> = self.methods.iter().map(|method| method.as_str().to_owned()).collect();
        let rule = NewPathRule::new(&self.pattern.to_string(), &methods, self.subjects.clone())?;
        Ok(NewPathRule { sign_in_within: self.sign_in_within_minutes, ..rule })
    }

    /// The rule under this identifier.
    pub(crate) fn called(&self, id: PathRuleId) -> PathRule {
        PathRule {
            id,
            pattern: self.pattern.clone(),
            methods: self.methods.clone(),
            subjects: self.subjects.clone(),
            sign_in_within: self.sign_in_within_minutes,
        }
    }
}

impl From<&PathRule> for WantedRule {
    fn from(rule: &PathRule) -> Self {
        Self {
            pattern: rule.pattern.clone(),
            methods: rule.methods.clone(),
            subjects: rule.subjects.clone(),
            sign_in_within_minutes: rule.sign_in_within,
        }
    }
}
