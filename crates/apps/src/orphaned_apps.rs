//! Apps that nobody may edit any more, and what an Owner can do about them.
//!
//! Apps stay when their creator leaves: they are the organization's. One of level User is nobody's then, and
//! a Restricted one may be left without anybody who may edit it. No other app is shown or touched here, so
//! that being an Owner opens nobody's private app.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use access_control::{Action, AppLevel, AppRole, Facts, ManageOrphanedApps, Permit, Refusal, Role};
use audit::{Actor, Change, Event, Occasion, Target};
use ids::{AppId, UserId};
use serde_json::json;
use time::OffsetDateTime;

use crate::apps::described;
use crate::store::{apps, grants};
use crate::{App, AppError, Grant, Memberships, Store};

/// The orphaned apps of all organizations.
#[derive(Clone)]
pub struct OrphanedApps {
    store: Store,
    facts: Arc<dyn Facts>,
    memberships: Arc<dyn Memberships>,
}

impl fmt::Debug for OrphanedApps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OrphanedApps").finish_non_exhaustive()
    }
}

impl OrphanedApps {
    /// Orphaned apps in this store.
    #[must_use]
    pub fn new(store: Store, facts: Arc<dyn Facts>, memberships: Arc<dyn Memberships>) -> Self {
        Self { store, facts, memberships }
    }

    /// The organization's orphaned apps, oldest first: at most so many, after this one.
    ///
    /// # Errors
    /// The store or the facts are not available.
    pub async fn list(
        &self,
        permit: &Permit<ManageOrphanedApps>,
        after: Option<AppId>,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<App>, AppError> {
        let organization = self.facts.organization(permit.organization())?.ok_or(AppError::NotFound)?;
        let roles = organization.members.iter().map(|(user, member)| (*user, member.role)).collect();
        let grants = grants::of_organization(self.store.database(), organization.id).await?;
        let mut apps = apps::list(self.store.database(), organization.id).await?;
        apps.retain(|app| {
            let grants = grants.get(&app.id).map_or(&[][..], Vec::as_slice);
            after.is_none_or(|after| app.id > after) && is_orphaned(app, grants, &roles, now)
        });
        apps.truncate(most);
        Ok(apps)
    }

    /// Makes a member the creator of an orphaned app, and its Editor where it is Restricted.
    ///
    /// # Errors
    /// No orphaned app of this organization, no such member or one who may not edit apps, not an Owner any
    /// more, or the store is not available.
    pub async fn transfer(
        &self,
        permit: &Permit<ManageOrphanedApps>,
        app: AppId,
        to: UserId,
        occasion: Occasion,
    ) -> Result<App, AppError> {
        let (change, before, roles) = self.begin(permit, app, occasion).await?;
        let role = roles.get(&to).ok_or(AppError::NotFound)?;
        if !may_edit(*role) {
            return Err(AppError::CannotEdit);
        }
        apps::set_creator(change.transaction(), app, to).await?;
        let after = App { creator: to, ..before.clone() };
        let mut detail = json!({
            "before": { "creator": before.creator, "level": before.level },
            "after": { "creator": to, "level": after.level },
        });
        if after.level == AppLevel::Restricted {
            let grant = Grant {
                user: to,
                role: AppRole::Editor,
                granted_by: permit.user(),
                created_at: occasion.now,
                expires_at: None,
            };
            grants::put(change.transaction(), &after, &grant).await?;
            detail["granted"] = json!({ "user": to, "role": grant.role });
        }
        change.commit(event(permit, app, occasion).with(detail)).await?;
        Ok(after)
    }

    /// Deletes an orphaned app with everything it has, and frees its host.
    ///
    /// # Errors
    /// No orphaned app of this organization, not an Owner any more, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageOrphanedApps>,
        app: AppId,
        occasion: Occasion,
    ) -> Result<(), AppError> {
        let (change, before, _) = self.begin(permit, app, occasion).await?;
        apps::delete(change.transaction(), app).await?;
        let detail = json!({ "before": described(&before) });
        change.commit(event(permit, app, occasion).with(detail)).await?;
        Ok(())
    }

    /// Begins a change of an app that is an orphan now and stays one until the change ends: first nobody can
    /// come or go, then nobody can change the app.
    async fn begin(
        &self,
        permit: &Permit<ManageOrphanedApps>,
        app: AppId,
        occasion: Occasion,
    ) -> Result<(Change, App, HashMap<UserId, Role>), AppError> {
        let change = self.store.begin().await?;
        let organization = permit.organization();
        let roles = self.memberships.locked(&change, organization).await.map_err(AppError::Neighbour)?;
        match roles.get(&permit.user()) {
            Some(role) if ManageOrphanedApps::RULE.contains(role) => {}
            Some(_) => return Err(Refusal::Forbidden.into()),
            None => return Err(Refusal::NotFound.into()),
        }
        let found = apps::lock(change.transaction(), app).await?.ok_or(AppError::NotFound)?;
        let grants = grants::list(change.transaction(), app).await?;
        if found.organization != organization || !is_orphaned(&found, &grants, &roles, occasion.now) {
            return Err(AppError::NotFound);
        }
        Ok((change, found, roles))
    }
}

fn event(permit: &Permit<ManageOrphanedApps>, app: AppId, occasion: Occasion) -> Event {
    Event::done(Actor::Person(permit.user()), ManageOrphanedApps::NAME, Target::App(app))
        .of(permit.organization())
        .during(occasion)
}

/// Whether nobody may edit the app. One of level User whose creator is still a member is the creator's,
/// whatever the creator's role.
fn is_orphaned(app: &App, grants: &[Grant], roles: &HashMap<UserId, Role>, now: OffsetDateTime) -> bool {
    match app.level {
        AppLevel::Organization => false,
        AppLevel::User => !roles.contains_key(&app.creator),
        AppLevel::Restricted => !grants.iter().any(|grant| {
            grant.role == AppRole::Editor
                && grant.expires_at.is_none_or(|end| now < end)
                && roles.get(&grant.user).copied().is_some_and(may_edit)
        }),
    }
}

fn may_edit(role: Role) -> bool {
    matches!(role, Role::Owner | Role::Admin | Role::Editor)
}
