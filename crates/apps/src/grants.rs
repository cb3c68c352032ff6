//! Grants: who may use a restricted app.

use std::fmt;
use std::sync::Arc;

use access_control::{
    Action, AppLevel, AppRole, Facts, OrganizationFacts, Permit, ReadAppAccess, Role, Subject, UpdateApp,
};
use audit::{Actor, Change, Event, Occasion, Target, Withdrawal};
use ids::{OrganizationId, UserId};
use serde_json::{Value, json};

use crate::store::{grants, path_rules};
use crate::{AppError, Grant, NewGrant, Store, store};

/// The grants of all apps.
#[derive(Clone)]
pub struct Grants {
    store: Store,
    facts: Arc<dyn Facts>,
}

impl fmt::Debug for Grants {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Grants").finish_non_exhaustive()
    }
}

impl Grants {
    /// Grants in this store.
    #[must_use]
    pub fn new(store: Store, facts: Arc<dyn Facts>) -> Self {
        Self { store, facts }
    }

    /// The grants on one app, oldest first. They are read by decisions only while it is Restricted.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(&self, permit: &Permit<ReadAppAccess>) -> Result<Vec<Grant>, AppError> {
        grants::list(self.store.database(), permit.app()).await
    }

    /// Gives a member a grant, or replaces it. The second is a withdrawal, too: the new one may be less.
    ///
    /// # Errors
    /// The person is no member, or nobody would be left who may edit the app.
    pub async fn put(
        &self,
        permit: &Permit<UpdateApp>,
        new: NewGrant,
        occasion: Occasion,
    ) -> Result<(Grant, Option<Withdrawal>), AppError> {
        let organization = self.facts.organization(permit.organization())?.ok_or(AppError::NotFound)?;
        let change = self.store.begin().await?;
        let held = grants::list(change.transaction(), permit.app()).await?;
        let (grant, event) = self.put_within(&change, permit, &organization, new, occasion).await?;
        if held.iter().any(|held| held.user == grant.user) {
            return Ok((grant, Some(change.withdraw(event).await?)));
        }
        change.commit(event).await?;
        Ok((grant, None))
    }

    /// [`Grants::put`] as a part of a change, with the organization as that change has it.
    ///
    /// # Errors
    /// As there.
    pub async fn put_within(
        &self,
        change: &Change,
        permit: &Permit<UpdateApp>,
        organization: &OrganizationFacts,
        new: NewGrant,
        occasion: Occasion,
    ) -> Result<(Grant, Event), AppError> {
        if new.expires_at.is_some_and(|end| end <= occasion.now) {
            return Err(AppError::EndPassed);
        }
        let grant = Grant {
            user: new.user,
            role: new.role,
            granted_by: permit.user(),
            created_at: occasion.now,
            expires_at: new.expires_at,
        };
        let event = write(change, permit, organization, new.user, Some(grant), occasion).await?;
        Ok((grant, event))
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// There is none, or nobody would be left who may edit the app.
    pub async fn delete(
        &self,
        permit: &Permit<UpdateApp>,
        user: UserId,
        occasion: Occasion,
    ) -> Result<Withdrawal, AppError> {
        let organization = self.facts.organization(permit.organization())?.ok_or(AppError::NotFound)?;
        let change = self.store.begin().await?;
        let event = self.delete_within(&change, permit, &organization, user, occasion).await?;
        Ok(change.withdraw(event).await?)
    }

    /// [`Grants::delete`] as a part of a change, with the organization as that change has it.
    ///
    /// # Errors
    /// As there.
    pub async fn delete_within(
        &self,
        change: &Change,
        permit: &Permit<UpdateApp>,
        organization: &OrganizationFacts,
        user: UserId,
        occasion: Occasion,
    ) -> Result<Event, AppError> {
        write(change, permit, organization, user, None, occasion).await
    }
}

/// Puts one person's grant in the place of the one before.
async fn write(
    change: &Change,
    permit: &Permit<UpdateApp>,
    organization: &OrganizationFacts,
    user: UserId,
    grant: Option<Grant>,
    occasion: Occasion,
) -> Result<Event, AppError> {
    let app = store::lock(change, permit.app()).await?;
    let before = grants::list(change.transaction(), app.id).await?;
    let replaced = before.iter().find(|grant| grant.user == user);
    match &grant {
        Some(_) if !organization.members.contains_key(&user) => return Err(AppError::NotAMember),
        // The store asks for membership, too: somebody may leave between here and there.
        Some(grant) => grants::put(change.transaction(), &app, grant).await?,
        None if replaced.is_none() => return Err(AppError::NotFound),
        None => grants::delete(change.transaction(), app.id, user).await?,
    }
    let others = before.iter().filter(|grant| grant.user != user);
    let still_edited = others.chain(&grant).any(|grant| is_lasting_editor(grant, organization));
    let was_edited = before.iter().any(|grant| is_lasting_editor(grant, organization));
    if app.level == AppLevel::Restricted && was_edited && !still_edited {
        return Err(AppError::LastEditor);
    }
    let event = Event::done(Actor::Person(permit.user()), UpdateApp::NAME, Target::Grant(app.id, user))
        .of(app.organization)
        .during(occasion)
        .with(json!({ "before": replaced.map(described), "after": grant.as_ref().map(described) }));
    Ok(event)
}

/// Takes back what an organization's apps gave this person, and forgets the person in their rules,
/// within the change that ends the membership: whoever is invited again starts from nothing.
///
/// # Errors
/// The store is not available.
pub async fn forget_member(
    change: &Change,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), AppError> {
    grants::delete_of_member(change.transaction(), organization, user).await?;
    for mut rule in path_rules::naming(change.transaction(), organization, user).await? {
        rule.subjects.retain(|subject| *subject != Subject::User(user));
        path_rules::update(change.transaction(), &rule).await?;
    }
    Ok(())
}

/// Whether this grant lets somebody edit the app without an end in sight.
fn is_lasting_editor(grant: &Grant, organization: &OrganizationFacts) -> bool {
    let may_edit = |role| matches!(role, Role::Owner | Role::Admin | Role::Editor);
    grant.role == AppRole::Editor
        && grant.expires_at.is_none()
        && organization.members.get(&grant.user).is_some_and(|member| may_edit(member.role))
}

fn described(grant: &Grant) -> Value {
    json!({
        "role": grant.role,
        "expiresAt": grant.expires_at.map(|end| end.unix_timestamp()),
    })
}
