//! The HTTP side of apps. The only room that knows JSON shapes.

mod access;
mod agent_tokens;
mod apps;
mod orphaned_apps;
mod problem;
mod server_secret_rotations;
mod server_secrets;
mod whoami;

use std::fmt;
use std::sync::Arc;

use endpoint::{Endpoint, Problem, sentence};
use revocations::Revocations;

use crate::{
    AgentTokens, AppPathRules, Apps, Grants, OrphanedApps, People, ServerSecretRotations, ServerSecrets,
};

/// Everything that the endpoints of apps are made from.
#[derive(Clone)]
pub struct AppsApi {
    /// The apps.
    pub apps: Apps,
    /// Those that nobody may edit.
    pub orphaned_apps: OrphanedApps,
    /// Their grants.
    pub grants: Grants,
    /// Their path rules.
    pub path_rules: AppPathRules,
    /// Their server secrets.
    pub server_secrets: ServerSecrets,
    /// Rotations of the server secrets of all apps of an organization.
    pub server_secret_rotations: ServerSecretRotations,
    /// Their agent tokens.
    pub agent_tokens: AgentTokens,
    /// Who people are.
    pub people: Arc<dyn People>,
    /// What revocations did.
    pub revocations: Revocations,
}

impl fmt::Debug for AppsApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AppsApi").finish_non_exhaustive()
    }
}

impl AppsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = apps::endpoints(&self.apps);
        all.extend(orphaned_apps::endpoints(&self.orphaned_apps));
        all.extend(access::endpoints(self));
        all.extend(server_secrets::endpoints(&self.server_secrets));
        all.extend(server_secret_rotations::endpoints(&self.server_secret_rotations));
        all.extend(agent_tokens::endpoints(&self.agent_tokens));
        all.push(whoami::endpoint(self));
        all
    }
}

/// 422 for a text that its type does not take.
fn invalid(code: &'static str) -> impl Fn(&dyn fmt::Display) -> Problem {
    move |reason| Problem::invalid(code, sentence(reason))
}
