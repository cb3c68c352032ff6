//! Reading the policy of an organization.

use std::fmt;
use std::sync::Arc;

use access_control::{ListGroups, Permit, Principal, ReadAppAccess, ReadPolicy, Refusal, authorize};
use apps::AppRecord;
use directory::Directory;
use ids::UserId;
use organizations::{Groups, People};
use time::OffsetDateTime;

use crate::{Policy, PolicyApp, PolicyError, PolicyGrant, PolicyGroup, PolicyMember, PolicyRule, WantedRule};

/// The policies of organizations.
#[derive(Clone)]
pub struct Policies {
    /// The facts.
    pub directory: Directory,
    /// Groups of organizations.
    pub groups: Groups,
    /// Addresses of people.
    pub people: Arc<dyn People>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Policies").finish_non_exhaustive()
    }
}

impl Policies {
    /// The policy, as far as the reader may see it: apps that the reader cannot edit are left out. Grants
    /// that have ended are left out.
    ///
    /// # Errors
    /// The facts or the store are not available.
    pub async fn read(
        &self,
        permit: &Permit<ReadPolicy>,
        now: OffsetDateTime,
    ) -> Result<Policy, PolicyError> {
        let id = permit.organization();
        let policy_version = self.directory.version();
        let organization = self.directory.organization_record(id)?.ok_or(Refusal::NotFound)?;
        let users: Vec<UserId> = organization.facts.members.keys().copied().collect();
        let mut people = self.people.people(&users).await.map_err(PolicyError::Neighbour)?;
        let members = organization.facts.members.iter().filter_map(|(user, member)| {
            let email = people.remove(user)?.email;
            Some(PolicyMember { user_id: *user, email, role: member.role })
        });
        let mut members: Vec<PolicyMember> = members.collect();
        members.sort_by(|one, other| one.email.cmp(&other.email));

        let groups = self.groups.list(&permit.also::<ListGroups>()?).await?;
        let mut groups: Vec<PolicyGroup> = groups
            .into_iter()
            .map(|group| PolicyGroup { id: group.id, name: group.name, members: group.members })
            .collect();
        groups.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));

        let principal = Principal::User(permit.actor().clone());
        let mut apps = Vec::new();
        for app in self.directory.apps_of(id)? {
            match authorize::<ReadAppAccess>(Some(&principal), app.id(), &self.directory, now) {
                Ok(_) => apps.push(described(&app, now)),
                Err(Refusal::Unavailable(unavailable)) => return Err(unavailable.into()),
                Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => {}
            }
        }
        apps.sort_by(|one, other| one.slug.as_str().cmp(other.slug.as_str()));
        Ok(Policy {
            organization_id: id,
            organization: organization.slug.clone(),
            reader_id: permit.user(),
            policy_version,
            members,
            groups,
            apps,
        })
    }
}

fn described(app: &AppRecord, now: OffsetDateTime) -> PolicyApp {
    let facts = &app.facts;
    let holds = |end: Option<OffsetDateTime>| end.is_none_or(|end| now < end);
    let mut grants: Vec<PolicyGrant> = facts
        .grants
        .iter()
        .filter(|(_, grant)| holds(grant.expires_at))
        .map(|(user, grant)| PolicyGrant { user_id: *user, role: grant.role, expires_at: grant.expires_at })
        .collect();
    grants.sort_by_key(|grant| grant.user_id);
    let path_rules = facts.rules.as_slice().iter();
    PolicyApp {
        id: facts.id,
        slug: app.slug.clone(),
        level: facts.level,
        grants,
        path_rules: path_rules.map(|rule| PolicyRule { id: rule.id, rule: WantedRule::from(rule) }).collect(),
    }
}
