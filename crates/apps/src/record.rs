//! What the facts in memory hold of an app.

use std::sync::Arc;

use access_control::{AppFacts, Environment};
use ids::{AppId, AppSlug, HostLabel, Name, OrganizationId, ServerSecretId};
use time::OffsetDateTime;

use crate::{AgentToken, UpstreamUrl};

/// An app with everything that a request for it or by it needs.
#[derive(Clone, Debug)]
pub struct AppRecord {
    /// What decisions read.
    pub facts: Arc<AppFacts>,
    /// The first label of its host.
    pub label: HostLabel,
    /// Its slug.
    pub slug: AppSlug,
    /// Its name.
    pub name: Name,
    /// Where it runs, if that was said.
    pub upstream: Option<UpstreamUrl>,
    /// Its server secrets.
    pub secrets: Vec<SecretRecord>,
    /// Its agent tokens.
    pub agent_tokens: Vec<AgentTokenRecord>,
}

impl AppRecord {
    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> AppId {
        self.facts.id
    }

    /// The organization it belongs to.
    #[must_use]
    pub fn organization(&self) -> OrganizationId {
        self.facts.organization
    }
}

/// One agent token, without its value.
#[derive(Clone, Debug)]
pub struct AgentTokenRecord {
    /// The token.
    pub token: AgentToken,
    /// The keyed hash it is recognised by.
    pub hash: [u8; 32],
}

/// One server secret, without its value.
#[derive(Clone, Debug)]
pub struct SecretRecord {
    /// Its identifier.
    pub id: ServerSecretId,
    /// The keyed hash it is recognised by.
    pub hash: [u8; 32],
    /// The environment it was issued for.
    pub environment: Environment,
    /// The first instant at which it no longer counts.
    pub expires_at: Option<OffsetDateTime>,
}

impl SecretRecord {
    /// Whether it counts at this instant.
    #[must_use]
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
