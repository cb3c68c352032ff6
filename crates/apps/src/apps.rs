//! Apps: making, finding, changing and deleting them.

use std::fmt;
use std::sync::Arc;

use access_control::{
    Action, AppLevel, AppRole, CreateApp, DeleteApp, Facts, IdentifyCaller, ListApps, Permit, ReadApp,
    ReadAppAccess, UpdateApp, VisibleApps,
};
use audit::{Actor, Change, Event, Occasion, Target};
use ids::{AppId, HostLabel, Name, OrganizationId};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::store::{apps, grants, retired_labels};
use crate::{App, AppError, Grant, NewApp, OrganizationSlugs, Store, UpstreamUrl, store};
use outbound::{AddressPolicy, OutboundError};

/// For how long nobody can take the host of an app whose organization was deleted.
pub const LABEL_REST: time::Duration = time::Duration::days(90);

/// The apps of all organizations.
#[derive(Clone)]
pub struct Apps {
    store: Store,
    facts: Arc<dyn Facts>,
    slugs: Arc<dyn OrganizationSlugs>,
    addresses: Arc<AddressPolicy>,
}

/// What to change about an app. `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct AppChanges {
    /// The new name.
    pub name: Option<Name>,
    /// Who it is for from now on.
    pub level: Option<AppLevel>,
    /// Where it runs from now on; `Some(None)` is nowhere.
    pub upstream: Option<Option<UpstreamUrl>>,
    /// Whether Server Actions are judged by the page they are posted to.
    pub server_actions_judged_by_page: Option<bool>,
}

impl fmt::Debug for Apps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Apps").finish_non_exhaustive()
    }
}

impl Apps {
    /// Apps in this store. `addresses` judges upstreams when they are set.
    #[must_use]
    pub fn new(
        store: Store,
        facts: Arc<dyn Facts>,
        slugs: Arc<dyn OrganizationSlugs>,
        addresses: Arc<AddressPolicy>,
    ) -> Self {
        Self { store, facts, slugs, addresses }
    }

    /// Makes an app at level Organization, and takes its host.
    ///
    /// # Errors
    /// The host is taken, perhaps by an app whose slugs print the same label, or it is reserved.
    pub async fn create(
        &self,
        permit: &Permit<CreateApp>,
        new: NewApp,
        occasion: Occasion,
    ) -> Result<App, AppError> {
        let organization = permit.organization();
        let slug = self.slugs.slug(organization)?.ok_or(AppError::NotFound)?;
        let label = HostLabel::join(&new.slug, &slug).map_err(AppError::Label)?;
        let app = App {
            id: AppId::generate(),
            organization,
            slug: new.slug,
            name: new.name,
            label,
            level: AppLevel::Organization,
            creator: permit.user(),
            upstream: None,
            server_actions_judged_by_page: false,
            created_at: occasion.now,
        };
        let change = self.store.begin().await?;
        take_label(&change, &app).await?;
        apps::insert(change.transaction(), &app).await?;
        let event = Event::done(Actor::Person(permit.user()), CreateApp::NAME, Target::App(app.id))
            .of(organization)
            .during(occasion)
            .with(json!({ "after": described(&app) }));
        change.commit(event).await?;
        Ok(app)
    }

    /// One app.
    ///
    /// # Errors
    /// It is gone, or the store is not available.
    pub async fn read(&self, permit: &Permit<ReadApp>) -> Result<App, AppError> {
        self.find(permit.app()).await
    }

    /// The app that calls with its server secret.
    ///
    /// # Errors
    /// It is gone, or the store is not available.
    pub async fn calling(&self, permit: &Permit<IdentifyCaller>) -> Result<App, AppError> {
        self.find(permit.credential().app).await
    }

    /// Who one app is for.
    ///
    /// # Errors
    /// It is gone, or the store is not available.
    pub async fn level(&self, permit: &Permit<ReadAppAccess>) -> Result<AppLevel, AppError> {
        Ok(self.find(permit.app()).await?.level)
    }

    async fn find(&self, id: AppId) -> Result<App, AppError> {
        apps::find(self.store.database(), id).await?.ok_or(AppError::NotFound)
    }

    /// The apps of the organization that the person may open, oldest first.
    ///
    /// # Errors
    /// The store or the facts are not available.
    pub async fn list_visible(
        &self,
        permit: &Permit<ListApps>,
        now: OffsetDateTime,
    ) -> Result<Vec<App>, AppError> {
        let seen = VisibleApps::of(permit, &*self.facts, now);
        let mut visible = Vec::new();
        for app in apps::list(self.store.database(), permit.organization()).await? {
            if seen.sees(app.id)? {
                visible.push(app);
            }
        }
        Ok(visible)
    }

    /// Changes an app. Whoever makes it Restricted keeps access as an Editor.
    ///
    /// # Errors
    /// The upstream is not permitted or unknown, or the level is not the person's to choose.
    pub async fn update(
        &self,
        permit: &Permit<UpdateApp>,
        changes: AppChanges,
        occasion: Occasion,
    ) -> Result<App, AppError> {
        if let Some(Some(upstream)) = &changes.upstream {
            self.judge(upstream).await?;
        }
        let change = self.store.begin().await?;
        let (app, event) = write(&change, permit, changes, occasion).await?;
        change.commit(event).await?;
        Ok(app)
    }

    /// Says who an app is for, as a part of a change; no event if it is for them already. Whoever makes it
    /// Restricted keeps access as an Editor.
    ///
    /// # Errors
    /// The level is not the person's to choose, or the app is gone.
    pub async fn set_level_within(
        &self,
        change: &Change,
        permit: &Permit<UpdateApp>,
        level: AppLevel,
        occasion: Occasion,
    ) -> Result<Option<Event>, AppError> {
        if store::lock(change, permit.app()).await?.level == level {
            return Ok(None);
        }
        let changes = AppChanges { level: Some(level), ..AppChanges::default() };
        Ok(Some(write(change, permit, changes, occasion).await?.1))
    }

    /// Deletes an app with everything it has, and frees its host.
    ///
    /// # Errors
    /// It is gone, or the store is not available.
    pub async fn delete(&self, permit: &Permit<DeleteApp>, occasion: Occasion) -> Result<(), AppError> {
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        apps::delete(change.transaction(), app.id).await?;
        let event = Event::done(Actor::Person(permit.user()), DeleteApp::NAME, Target::App(app.id))
            .of(app.organization)
            .during(occasion)
            .with(json!({ "before": described(&app) }));
        change.commit(event).await?;
        Ok(())
    }

    /// Every address that the upstream's host has now must be permitted. Whoever connects asks again.
    async fn judge(&self, upstream: &UpstreamUrl) -> Result<(), AppError> {
        match outbound::resolve(&upstream.target(), upstream.port(), &self.addresses).await {
            Ok(_) => Ok(()),
            Err(OutboundError::Address(refused)) => Err(AppError::UpstreamRefused(refused)),
            Err(_) => Err(AppError::UpstreamUnknown),
        }
    }
}

/// Refuses a label that is at rest, and ends a rest that is over.
async fn take_label(change: &Change, app: &App) -> Result<(), AppError> {
    let Some(retired_at) = retired_labels::retired_at(change.transaction(), &app.label).await? else {
        return Ok(());
    };
    if app.created_at < retired_at + LABEL_REST {
        return Err(AppError::HostTaken(app.label.clone()));
    }
    retired_labels::delete(change.transaction(), &app.label).await
}

/// Removes every app of an organization with everything they have, within the change that deletes the
/// organization, and lays their hosts to rest. Answers how many that were.
///
/// # Errors
/// The store is not available.
pub async fn forget_organization(
    change: &Change,
    organization: OrganizationId,
    now: OffsetDateTime,
) -> Result<u64, AppError> {
    let gone = apps::list(change.transaction(), organization).await?;
    apps::delete_of_organization(change.transaction(), organization).await?;
    retired_labels::insert(change.transaction(), &gone, now).await?;
    Ok(gone.len() as u64)
}

/// Changes an app within a change.
async fn write(
    change: &Change,
    permit: &Permit<UpdateApp>,
    changes: AppChanges,
    occasion: Occasion,
) -> Result<(App, Event), AppError> {
    let before = store::lock(change, permit.app()).await?;
    let mut app = before.clone();
    if let Some(name) = changes.name {
        app.name = name;
    }
    if let Some(upstream) = changes.upstream {
        app.upstream = upstream;
    }
    if let Some(by_page) = changes.server_actions_judged_by_page {
        app.server_actions_judged_by_page = by_page;
    }
    if let Some(level) = changes.level {
        if level == AppLevel::User && app.creator != permit.user() {
            return Err(AppError::NotCreator);
        }
        app.level = level;
    }
    apps::update(change.transaction(), &app).await?;
    let mut detail = json!({ "before": described(&before), "after": described(&app) });
    if app.level == AppLevel::Restricted && before.level != AppLevel::Restricted {
        let own = Grant {
            user: permit.user(),
            role: AppRole::Editor,
            granted_by: permit.user(),
            created_at: occasion.now,
            expires_at: None,
        };
        grants::put(change.transaction(), &app, &own).await?;
        detail["granted"] = json!({ "user": own.user, "role": own.role });
    }
    let event = Event::done(Actor::Person(permit.user()), UpdateApp::NAME, Target::App(app.id))
        .of(app.organization)
        .during(occasion)
        .with(detail);
    Ok((app, event))
}

/// An app as an event shows it.
pub(crate) fn described(app: &App) -> Value {
    json!({
        "slug": app.slug,
        "name": app.name.as_str(),
        "host": app.label.as_str(),
        "level": app.level,
        "upstream": app.upstream.as_ref().map(UpstreamUrl::as_str),
        "serverActionsJudgedByPage": app.server_actions_judged_by_page,
    })
}
