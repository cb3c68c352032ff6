//! Following changes: what an event touches is read again from the store, and the snapshot replaced.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use audit::{Announcement, Event, Follower, News, Target};
use ids::{AppId, OrganizationId, UserId};
use tokio::sync::MutexGuard;

use crate::directory::{self, Inner, Repair};
use crate::snapshot::Snapshot;
use crate::{Directory, DirectoryError};

/// How long the store may take before readers are told that the facts are out of date.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait between two attempts to read what was not read.
const RETRY: Duration = Duration::from_millis(250);

/// What an event says about the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    Nothing,
    Organization(OrganizationId),
    Member(OrganizationId, UserId),
    App(AppId),
}

impl Touched {
    fn by(target: Target, organization: Option<OrganizationId>) -> Self {
        match target {
            Target::Organization(id) => Self::Organization(id),
            Target::Member(user) => organization.map_or(Self::Nothing, |id| Self::Member(id, user)),
            // Accepting an invitation makes a member.
            Target::Invitation(_) | Target::Group(_) | Target::User(_) | Target::Platform => {
                organization.map_or(Self::Nothing, Self::Organization)
            }
            Target::App(id)
            | Target::Grant(id, _)
            | Target::PathRule(id, _)
            | Target::ServerSecret(id, _)
            | Target::AgentToken(id, _) => Self::App(id),
            Target::Session(_)
            | Target::SessionsOf(_)
            | Target::ApiToken(_)
            | Target::SigningKey(_)
            | Target::Secret(_)
            | Target::Connection(_)
            | Target::ImportedService(_)
            | Target::OauthClient(_)
            | Target::Account(_)
            | Target::CustomApi(_)
            | Target::DataQuery(_, _)
            | Target::DataKey(_)
            | Target::KeyRotation(_) => Self::Nothing,
        }
    }
}

#[async_trait]
impl Follower for Directory {
    async fn committed(&self, event: &Event) {
        self.follow(&[Touched::by(event.target, event.organization)]).await;
    }

    async fn announced(&self, news: News<'_>) {
        let Some(changes) = news.changes() else { return self.read_everything().await };
        let touched = |change: &Announcement| Touched::by(change.target, change.organization);
        self.follow(&changes.iter().map(touched).collect::<Vec<_>>()).await;
    }
}

impl Directory {
    /// Reads again what was touched, each once.
    async fn follow(&self, touched: &[Touched]) {
        if touched.iter().all(|touched| *touched == Touched::Nothing) {
            return;
        }
        let mut repair = self.inner.replacing.lock().await;
        let mut snapshot = Snapshot::clone(&self.inner.snapshot.load());
        let (mut organizations, mut apps) = (BTreeSet::new(), BTreeSet::new());
        for touched in touched {
            let (more_organizations, more_apps) = affected(&snapshot, *touched);
            organizations.extend(more_organizations);
            apps.extend(more_apps);
        }
        let current = read_again(&self.inner, &mut snapshot, &organizations, &apps).await;
        self.inner.replace(snapshot);
        if !current && *repair == Repair::Idle {
            *repair = Repair::Running;
            tokio::spawn(keep_repairing(Arc::downgrade(&self.inner)));
        }
    }

    /// Until it is done, nothing of it counts: whoever waits for this says that the process is not current.
    async fn read_everything(&self) {
        let _replacing = self.inner.replacing.lock().await;
        let version = self.inner.snapshot.load().version;
        loop {
            match directory::read_all(&self.inner.database).await {
                Ok(mut snapshot) => {
                    snapshot.version = version;
                    return self.inner.replace(snapshot);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the facts could not be read anew"
                    );
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

/// The organizations and apps to read again.
fn affected(snapshot: &Snapshot, touched: Touched) -> (BTreeSet<OrganizationId>, BTreeSet<AppId>) {
    match touched {
        Touched::Nothing => (BTreeSet::new(), BTreeSet::new()),
        Touched::Organization(id) => (BTreeSet::from([id]), BTreeSet::new()),
        // A membership takes grants with it.
        Touched::Member(id, user) => {
            (BTreeSet::from([id]), snapshot.apps_naming(id, user).into_iter().collect())
        }
        Touched::App(id) => (BTreeSet::new(), BTreeSet::from([id])),
    }
}

/// Reads these again; what cannot be read is doubted. Whether everything could be.
async fn read_again(
    inner: &Inner,
    snapshot: &mut Snapshot,
    organizations: &BTreeSet<OrganizationId>,
    apps: &BTreeSet<AppId>,
) -> bool {
    let failure = read_each(inner, snapshot, organizations, apps).await.err();
    let Some(error) = failure else { return true };
    tracing::error!(
        error = &error as &dyn std::error::Error,
        ?organizations,
        ?apps,
        "a change could not be read; refusing to answer for what it touched"
    );
    // One failure is enough to wait for, so those that were not tried are doubted, too.
    organizations.iter().for_each(|id| snapshot.doubt_organization(*id));
    apps.iter().for_each(|id| snapshot.doubt_app(*id));
    false
}

async fn read_each(
    inner: &Inner,
    snapshot: &mut Snapshot,
    organizations: &BTreeSet<OrganizationId>,
    apps: &BTreeSet<AppId>,
) -> Result<(), DirectoryError> {
    for id in organizations.iter().copied() {
        snapshot.put_organization(id, in_time(organizations::load(&inner.database, id)).await?);
    }
    for id in apps.iter().copied() {
        snapshot.put_app(id, in_time(apps::load(&inner.database, id)).await?);
    }
    Ok(())
}

async fn in_time<T, E: Into<DirectoryError>>(
    read: impl Future<Output = Result<T, E>>,
) -> Result<T, DirectoryError> {
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(DirectoryError::Timeout),
    }
}

/// Tries until everything was read.
async fn keep_repairing(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(RETRY).await;
        let Some(inner) = inner.upgrade() else { return };
        let repair = inner.replacing.lock().await;
        if repaired(&inner, repair).await {
            tracing::info!("the facts are up to date again");
            return;
        }
    }
}

/// One attempt. Done is said while the lock is held, so that no later failure goes unnoticed.
async fn repaired(inner: &Inner, mut repair: MutexGuard<'_, Repair>) -> bool {
    let mut snapshot = Snapshot::clone(&inner.snapshot.load());
    let organizations = snapshot.outdated().organizations.iter().copied().collect();
    let apps = snapshot.outdated().apps.iter().copied().collect();
    let current = read_again(inner, &mut snapshot, &organizations, &apps).await;
    inner.replace(snapshot);
    if current {
        *repair = Repair::Idle;
    }
    current
}

impl Inner {
    /// Makes this the snapshot that readers see. Only while `replacing` is held.
    fn replace(&self, mut snapshot: Snapshot) {
        snapshot.version += 1;
        let version = snapshot.version;
        self.snapshot.store(Arc::new(snapshot));
        self.version.send_replace(version);
    }
}
