//! Changing several things at once: all of a draft, or nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use access_control::{
    ApplyPolicy, ChangeRole, ManageGroups, Permit, Principal, RemoveMember, SignedIn, UpdateApp, authorize,
};
use apps::{AppPathRules, Apps, Grants, NewGrant};
use audit::{Change, Event, Journal, Occasion};
use ids::{AppId, EmailAddress, OrganizationId, UserId};
use organizations::{Groups, Members, OrganizationError, People};

use crate::simulations::only_of;
use crate::{MOST_CHANGES, PolicyChange, PolicyError, World};

/// Changes of the policy.
#[derive(Clone)]
pub struct PolicyChanges {
    /// Where changes begin.
    pub journal: Journal,
    /// Members of organizations.
    pub members: Members,
    /// Groups of organizations.
    pub groups: Groups,
    /// Levels of apps.
    pub apps: Apps,
    /// Grants on apps.
    pub grants: Grants,
    /// Path rules of apps.
    pub path_rules: AppPathRules,
    /// Addresses of people.
    pub people: Arc<dyn People>,
}

impl fmt::Debug for PolicyChanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PolicyChanges").finish_non_exhaustive()
    }
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// The changes, in order.
    pub changes: Vec<PolicyChange>,
    /// The simulation that the actor has seen; with it, nothing is changed if the policy has moved since.
    pub simulation: Option<String>,
}

impl PolicyChanges {
    /// Makes the changes of a draft, as if each was sent to its own endpoint in this order, with nothing in
    /// between. Answers how many changed anything.
    ///
    /// # Errors
    /// One of them is refused, or the simulation does not fit; then nothing was changed.
    pub async fn make(
        &self,
        permit: &Permit<ApplyPolicy>,
        order: &Order,
        occasion: Occasion,
    ) -> Result<usize, PolicyError> {
        let emails = self.emails_of_removed(&order.changes).await?;
        let actor = permit.actor();
        let (change, mut world) = self.begin(permit.organization(), None, order).await?;
        let principal = Principal::User(actor.clone());
        // The permit was decided on facts of a moment ago.
        let permit = authorize::<ApplyPolicy>(Some(&principal), permit.organization(), &world, occasion.now)?;
        let mut events = Vec::new();
        for (index, wanted) in order.changes.iter().enumerate() {
            let made = match wanted.app() {
                None => self.change_organization(&change, &permit, wanted, &emails, occasion).await,
                Some(app) => self.change_app(&change, actor, app, &world, wanted, occasion).await,
            };
            events.extend(made.map_err(PolicyError::at(index))?);
            world.apply(wanted, actor.user, occasion.now).map_err(PolicyError::at(index))?;
        }
        commit(change, events).await
    }

    /// [`PolicyChanges::make`] for changes of one app, by whoever may change it.
    ///
    /// # Errors
    /// As there, and for a change of anything else.
    pub async fn make_in_app(
        &self,
        permit: &Permit<UpdateApp>,
        order: &Order,
        occasion: Occasion,
    ) -> Result<usize, PolicyError> {
        only_of(permit.app(), &order.changes)?;
        let (change, mut world) = self.begin(permit.organization(), Some(permit.app()), order).await?;
        let actor = permit.actor();
        let mut events = Vec::new();
        for (index, wanted) in order.changes.iter().enumerate() {
            let made = self.change_app(&change, actor, permit.app(), &world, wanted, occasion).await;
            events.extend(made.map_err(PolicyError::at(index))?);
            world.apply(wanted, actor.user, occasion.now).map_err(PolicyError::at(index))?;
        }
        commit(change, events).await
    }

    /// Begins a change that no other change of the organization, its members and these apps can
    /// interleave with, reads the world in it, and compares it with the one that was simulated.
    async fn begin(
        &self,
        organization: OrganizationId,
        only: Option<AppId>,
        order: &Order,
    ) -> Result<(Change, World), PolicyError> {
        if order.changes.len() > MOST_CHANGES {
            return Err(PolicyError::TooManyChanges);
        }
        let change = self.journal.begin().await?;
        organizations::lock_organization(&change, organization).await?;
        let apps = apps::lock_and_load(&change, organization, only).await?;
        let record = organizations::load(change.transaction(), organization).await?;
        let facts = record.ok_or(OrganizationError::NotFound)?.facts;
        let world = World::new(facts, apps.into_iter().map(|app| app.facts));
        let moved = |seen: &String| *seen != world.hash(&order.changes).as_str();
        if order.simulation.as_ref().is_some_and(moved) {
            return Err(PolicyError::WorldMoved);
        }
        Ok((change, world))
    }

    async fn change_organization(
        &self,
        change: &Change,
        permit: &Permit<ApplyPolicy>,
        wanted: &PolicyChange,
        emails: &HashMap<UserId, EmailAddress>,
        occasion: Occasion,
    ) -> Result<Option<Event>, PolicyError> {
        let request = occasion.request;
        Ok(match wanted {
            PolicyChange::SetRole { user_id, role } => {
                let permit = permit.also::<ChangeRole>()?;
                self.members.change_role_within(change, &permit, request, *user_id, *role).await?
            }
            PolicyChange::RemoveMember { user_id } => {
                let permit = permit.also::<RemoveMember>()?;
                let email = emails.get(user_id);
                Some(self.members.remove_within(change, &permit, request, *user_id, email).await?)
            }
            PolicyChange::AddGroupMember { group_id, user_id } => {
                let permit = permit.also::<ManageGroups>()?;
                self.groups.add_member_within(change, &permit, request, *group_id, *user_id).await?
            }
            PolicyChange::RemoveGroupMember { group_id, user_id } => {
                let permit = permit.also::<ManageGroups>()?;
                Some(self.groups.remove_member_within(change, &permit, request, *group_id, *user_id).await?)
            }
            _ => None,
        })
    }

    async fn change_app(
        &self,
        change: &Change,
        actor: &SignedIn,
        app: AppId,
        world: &World,
        wanted: &PolicyChange,
        occasion: Occasion,
    ) -> Result<Option<Event>, PolicyError> {
        let principal = Principal::User(actor.clone());
        let permit = &authorize::<UpdateApp>(Some(&principal), app, world, occasion.now)?;
        let organization = world.organization_facts();
        Ok(match wanted {
            PolicyChange::SetLevel { level, .. } => {
                self.apps.set_level_within(change, permit, *level, occasion).await?
            }
            PolicyChange::PutGrant { user_id, role, expires_at, .. } => {
                let new = NewGrant { user: *user_id, role: *role, expires_at: *expires_at };
                Some(self.grants.put_within(change, permit, organization, new, occasion).await?.1)
            }
            PolicyChange::DeleteGrant { user_id, .. } => {
                Some(self.grants.delete_within(change, permit, organization, *user_id, occasion).await?)
            }
            PolicyChange::AddPathRule { rule, .. } => {
                let new = rule.checked()?;
                Some(self.path_rules.create_within(change, permit, organization, new, occasion).await?.1)
            }
            PolicyChange::ReplacePathRule { rule_id, rule, .. } => {
                let (id, new) = (*rule_id, rule.checked()?);
                Some(self.path_rules.replace_within(change, permit, organization, id, new, occasion).await?.1)
            }
            PolicyChange::DeletePathRule { rule_id, .. } => {
                Some(self.path_rules.delete_within(change, permit, *rule_id, occasion).await?)
            }
            _ => None,
        })
    }

    /// Read before the change begins, which would otherwise wait for a second connection.
    async fn emails_of_removed(
        &self,
        changes: &[PolicyChange],
    ) -> Result<HashMap<UserId, EmailAddress>, PolicyError> {
        let removed = changes.iter().filter_map(|change| match change {
            PolicyChange::RemoveMember { user_id } => Some(*user_id),
            _ => None,
        });
        let removed: Vec<UserId> = removed.collect();
        if removed.is_empty() {
            return Ok(HashMap::new());
        }
        let people = self.people.people(&removed).await.map_err(PolicyError::Neighbour)?;
        Ok(people.into_iter().map(|(user, person)| (user, person.email)).collect())
    }
}

async fn commit(change: Change, events: Vec<Event>) -> Result<usize, PolicyError> {
    let made = events.len();
    change.commit_all(events).await?;
    Ok(made)
}
