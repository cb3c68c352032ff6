//! The path rules of apps.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use access_control::{Action, Facts, OrganizationFacts, PathRule, Permit, ReadAppAccess, Subject, UpdateApp};
use audit::{Actor, Change, Event, Occasion, Target};
use ids::{GroupId, OrganizationId, PathRuleId};
use serde_json::{Value, json};

use crate::store::path_rules;
use crate::{AppError, NewPathRule, Store, store};

/// The most path rules of one app.
pub const MOST_PATH_RULES: u64 = 1_000;

/// The path rules of all apps.
#[derive(Clone)]
pub struct AppPathRules {
    store: Store,
    facts: Arc<dyn Facts>,
}

impl fmt::Debug for AppPathRules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AppPathRules").finish_non_exhaustive()
    }
}

impl AppPathRules {
    /// Path rules in this store.
    #[must_use]
    pub fn new(store: Store, facts: Arc<dyn Facts>) -> Self {
        Self { store, facts }
    }

    /// The rules of one app, oldest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(&self, permit: &Permit<ReadAppAccess>) -> Result<Vec<PathRule>, AppError> {
        path_rules::list(self.store.database(), permit.app()).await
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// It names somebody who is no member, or the app has 1,000 rules already.
    pub async fn create(
        &self,
        permit: &Permit<UpdateApp>,
        new: NewPathRule,
        occasion: Occasion,
    ) -> Result<PathRule, AppError> {
        let organization = self.organization(permit)?;
        let change = self.store.begin().await?;
        let (rule, event) = self.create_within(&change, permit, &organization, new, occasion).await?;
        change.commit(event).await?;
        Ok(rule)
    }

    /// [`AppPathRules::create`] as a part of a change, with the organization as that change has it.
    ///
    /// # Errors
    /// As there.
    pub async fn create_within(
        &self,
        change: &Change,
        permit: &Permit<UpdateApp>,
        organization: &OrganizationFacts,
        new: NewPathRule,
        occasion: Occasion,
    ) -> Result<(PathRule, Event), AppError> {
        check_people(organization, &new)?;
        let app = store::lock(change, permit.app()).await?;
        check_groups(change, app.organization, &new).await?;
        if path_rules::count(change.transaction(), app.id).await? >= MOST_PATH_RULES {
            return Err(AppError::TooManyPathRules);
        }
        let rule = with_id(PathRuleId::generate(), new);
        path_rules::insert(change.transaction(), app.id, &rule, occasion.now).await?;
        let event = event(permit, rule.id, occasion, None, Some(&rule));
        Ok((rule, event))
    }

    /// Writes a rule anew. It keeps its identifier.
    ///
    /// # Errors
    /// The app has no such rule, or the new one names somebody who is no member.
    pub async fn replace(
        &self,
        permit: &Permit<UpdateApp>,
        id: PathRuleId,
        new: NewPathRule,
        occasion: Occasion,
    ) -> Result<PathRule, AppError> {
        let organization = self.organization(permit)?;
        let change = self.store.begin().await?;
        let (rule, event) = self.replace_within(&change, permit, &organization, id, new, occasion).await?;
        change.commit(event).await?;
        Ok(rule)
    }

    /// [`AppPathRules::replace`] as a part of a change, with the organization as that change has it.
    ///
    /// # Errors
    /// As there.
    pub async fn replace_within(
        &self,
        change: &Change,
        permit: &Permit<UpdateApp>,
        organization: &OrganizationFacts,
        id: PathRuleId,
        new: NewPathRule,
        occasion: Occasion,
    ) -> Result<(PathRule, Event), AppError> {
        check_people(organization, &new)?;
        let app = store::lock(change, permit.app()).await?;
        check_groups(change, app.organization, &new).await?;
        let before = path_rules::find(change.transaction(), app.id, id).await?.ok_or(AppError::NotFound)?;
        let rule = with_id(id, new);
        path_rules::update(change.transaction(), &rule).await?;
        let event = event(permit, id, occasion, Some(&before), Some(&rule));
        Ok((rule, event))
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// The app has no such rule.
    pub async fn delete(
        &self,
        permit: &Permit<UpdateApp>,
        id: PathRuleId,
        occasion: Occasion,
    ) -> Result<(), AppError> {
        let change = self.store.begin().await?;
        let event = self.delete_within(&change, permit, id, occasion).await?;
        Ok(change.commit(event).await?)
    }

    /// [`AppPathRules::delete`] as a part of a change.
    ///
    /// # Errors
    /// As there.
    pub async fn delete_within(
        &self,
        change: &Change,
        permit: &Permit<UpdateApp>,
        id: PathRuleId,
        occasion: Occasion,
    ) -> Result<Event, AppError> {
        let app = store::lock(change, permit.app()).await?;
        let before = path_rules::find(change.transaction(), app.id, id).await?.ok_or(AppError::NotFound)?;
        path_rules::delete(change.transaction(), id).await?;
        Ok(event(permit, id, occasion, Some(&before), None))
    }

    fn organization(&self, permit: &Permit<UpdateApp>) -> Result<Arc<OrganizationFacts>, AppError> {
        self.facts.organization(permit.organization())?.ok_or(AppError::NotFound)
    }
}

/// A rule that names a stranger is a mistake, and would start to count when the stranger joins.
fn check_people(organization: &OrganizationFacts, new: &NewPathRule) -> Result<(), AppError> {
    let is_stranger = |subject: &Subject| match subject {
        Subject::User(user) => !organization.members.contains_key(user),
        Subject::Group(_) | Subject::Role(_) | Subject::AppRole(_) => false,
    };
    if new.subjects.iter().any(is_stranger) { Err(AppError::NotAMember) } else { Ok(()) }
}

/// A group of another organization is not there.
async fn check_groups(
    change: &Change,
    organization: OrganizationId,
    new: &NewPathRule,
) -> Result<(), AppError> {
    let group = |subject: &Subject| match *subject {
        Subject::Group(group) => Some(group),
        Subject::User(_) | Subject::Role(_) | Subject::AppRole(_) => None,
    };
    let groups: BTreeSet<GroupId> = new.subjects.iter().filter_map(group).collect();
    let known = path_rules::known_groups(change.transaction(), organization, &groups).await?;
    if groups.is_empty() || known == groups.len() { Ok(()) } else { Err(AppError::NotFound) }
}

fn with_id(id: PathRuleId, new: NewPathRule) -> PathRule {
    let NewPathRule { pattern, methods, subjects, sign_in_within } = new;
    PathRule { id, pattern, methods, subjects, sign_in_within }
}

fn event(
    permit: &Permit<UpdateApp>,
    id: PathRuleId,
    occasion: Occasion,
    before: Option<&PathRule>,
    after: Option<&PathRule>,
) -> Event {
    Event::done(Actor::Person(permit.user()), UpdateApp::NAME, Target::PathRule(permit.app(), id))
        .of(permit.organization())
        .during(occasion)
        .with(json!({ "before": before.map(described), "after": after.map(described) }))
}

fn described(rule: &PathRule) -> Value {
    json!({
        "pattern": rule.pattern,
        "methods": rule.methods,
        "subjects": rule.subjects,
        "signInWithinMinutes": rule.sign_in_within,
    })
}
