//! What a decision read of an organization and an app, in one canonical text that is named by its digest.

use access_control::{AppFacts, AppLevel, OrganizationFacts, PathRule, PathRules};
use cryptography::{digest, hexadecimal};
use ids::{AppId, OrganizationId, UserId};
use serde::{Deserialize, Serialize};

/// The part of the facts that is the same for everybody: whoever decides about an app reads all of it.
///
/// Its JSON is canonical: fixed order of fields, rules by identifier. The same policy has the same digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySnapshot {
    /// The organization.
    pub organization: OrganizationId,
    /// The hosted domain that it asks for.
    pub hosted_domain: Option<String>,
    /// The app.
    pub app: AppId,
    /// Who it is for.
    pub level: AppLevel,
    /// Who made it.
    pub creator: UserId,
    /// Whether it opted out of judging a Server Action under every rule.
    pub server_actions_judged_by_page: bool,
    /// Its path rules, by identifier.
    pub rules: Vec<PathRule>,
}

impl PolicySnapshot {
    /// What a decision about this app reads.
    #[must_use]
    pub fn of(organization: &OrganizationFacts, app: &AppFacts) -> Self {
        Self {
            organization: app.organization,
            hosted_domain: organization.hosted_domain.as_deref().map(str::to_owned),
            app: app.id,
            level: app.level,
            creator: app.creator,
            server_actions_judged_by_page: app.server_actions_judged_by_page,
            rules: app.rules.as_slice().to_vec(),
        }
    }

    /// The canonical text and its digest (SHA-256, hexadecimal).
    ///
    /// # Errors
    /// It is no JSON.
    pub(crate) fn written(&self) -> Result<(String, String), serde_json::Error> {
        let text = serde_json::to_string(self)?;
        let name = hexadecimal::encode(&digest(text.as_bytes()));
        Ok((text, name))
    }

    /// The facts that it was made from, without the people.
    pub(crate) fn app_facts(&self) -> AppFacts {
        AppFacts {
            id: self.app,
            organization: self.organization,
            level: self.level,
            creator: self.creator,
            grants: std::collections::HashMap::new(),
            rules: PathRules::new(self.rules.clone()),
            server_actions_judged_by_page: self.server_actions_judged_by_page,
        }
    }
}
