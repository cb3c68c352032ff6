//! The policy's endpoints, and how they read requests: as the middleware does.

use std::sync::Arc;

use decisions::Traffic;
use endpoint::Endpoint;
use middleware::reach::{Asked, Reach};
use policy::{Explanations, Policies, PolicyApi, PolicyChanges, Probe, Simulations};

use super::use_cases::{AppUseCases, Foundation, IdentityUseCases, OrganizationUseCases};

pub(super) fn endpoints(
    foundation: &Foundation,
    identity: &IdentityUseCases,
    organizations: &OrganizationUseCases,
    apps: &AppUseCases,
) -> Vec<Endpoint> {
    let directory = &foundation.directory;
    let groups = &organizations.groups;
    let traffic = Traffic::new(decisions::Store::new(foundation.database.clone()));
    let api = PolicyApi {
        explanations: Explanations {
            directory: directory.clone(),
            people: identity.people(),
            read: Arc::new(read_target),
        },
        simulations: Simulations::new(directory.clone(), groups.clone(), traffic),
        policies: Policies {
            directory: directory.clone(),
            groups: groups.clone(),
            people: identity.people(),
        },
        changes: PolicyChanges {
            journal: foundation.journal.clone(),
            members: organizations.members.clone(),
            groups: groups.clone(),
            apps: apps.apps.clone(),
            grants: apps.grants.clone(),
            path_rules: apps.path_rules.clone(),
            people: identity.people(),
        },
    };
    api.endpoints()
}

/// Reads a request that has no headers.
fn read_target(method: &str, target: &str) -> Result<Probe, String> {
    let asked = Asked { method, target, content_type: &[], next_action: false, next_url: &[] };
    let reach = Reach::of(&asked).map_err(|error| error.to_string())?;
    Ok(Probe {
        paths: reach.paths.into_iter().map(access_control::RequestPath::into_owned).collect(),
        method: reach.method,
        under_every_rule: reach.under_every_rule,
    })
}
