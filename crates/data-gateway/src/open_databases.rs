//! The databases that are open: one for each connection in use, shared by everybody who uses it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use audit::{Actor, Event, Follower, News, Target};
use databases::{Database, QueryError};
use ids::{AppId, ConnectionId, OrganizationId};
use outbound::AddressPolicy;
use secrets_vault::{Kind, Vault, VaultError};
use serde_json::json;

use crate::connection::slot;
use crate::credentials::Opened;
use crate::store::{ConnectionTrait, connections};
use crate::watched_database::WatchedDatabase;
use crate::{
    Busy, Connection, ConnectionError, ConnectionKind, Named, RunError, Store, Turns, Unusable, Usable,
};

/// The audit trail's name for a connection that is not what was sealed.
const ALARM: &str = "database_connections.tampering_detected";
/// How long a connection that nobody uses stays known.
const KEPT: Duration = Duration::from_secs(600);
/// The same, once there are so many sessions that room gets scarce.
const KEPT_WHEN_CROWDED: Duration = Duration::from_secs(60);
/// How often a connection is read again because somebody changed it meanwhile.
const ATTEMPTS: u32 = 5;

/// How many sessions are open at once over all connections.
#[derive(Clone, Copy, Debug)]
pub struct SessionBounds {
    /// With databases of one organization.
    pub of_an_organization: usize,
    /// With all databases: each is a file of this process, and most a process of somebody's server.
    pub of_all: usize,
}

impl Default for SessionBounds {
    fn default() -> Self {
        Self { of_an_organization: 200, of_all: 1_000 }
    }
}

/// The databases that are open. It follows changes of connections, apps and organizations: what was changed is opened
/// anew by whoever needs it next.
#[derive(Clone)]
pub struct OpenDatabases {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    vault: Vault,
    addresses: Arc<AddressPolicy>,
    bounds: SessionBounds,
    known: RwLock<Known>,
    /// Connections that were reported already, so that one broken row does not fill the trail.
    reported: Mutex<HashSet<ConnectionId>>,
    started: Instant,
}

#[derive(Default)]
struct Known {
    open: HashMap<ConnectionId, Arc<Open>>,
    named: HashMap<(OrganizationId, Name), ConnectionId>,
    /// How often something was forgotten: what was read before that is not remembered after it.
    forgotten: u64,
}

/// How an app's call names a connection, without regard to case.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    External(String),
    Organization(String),
    Internal(AppId),
}

struct Open {
    connection: Connection,
    database: Arc<WatchedDatabase>,
    /// Milliseconds since the registry was made.
    last_used: AtomicU64,
}

impl fmt::Debug for OpenDatabases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenDatabases").finish_non_exhaustive()
    }
}

impl OpenDatabases {
    /// None are open yet.
    #[must_use]
    pub fn new(store: Store, vault: Vault, addresses: Arc<AddressPolicy>) -> Self {
        Self::within(store, vault, addresses, SessionBounds::default())
    }

    /// The same, within these bounds.
    #[must_use]
    pub fn within(store: Store, vault: Vault, addresses: Arc<AddressPolicy>, bounds: SessionBounds) -> Self {
        let inner = Inner {
            store,
            vault,
            addresses,
            bounds,
            known: RwLock::default(),
            reported: Mutex::default(),
            started: Instant::now(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The database of a connection that was just read.
    ///
    /// # Errors
    /// It is not what was sealed; a host key changed; it was changed meanwhile; the vault does not answer.
    pub async fn of(&self, connection: &Connection) -> Result<Arc<dyn Database>, ConnectionError> {
        let open = match self.inner.known(connection.id) {
            Some(open) if open.connection.version == connection.version => {
                let differences = connection.definition.differences(&open.connection.definition);
                if !differences.is_empty() {
                    return Err(self.tampered(connection, &differences));
                }
                open
            }
            _ => self.open(connection).await?,
        };
        self.inner.used(&open)?;
        Ok(Arc::clone(&open.database) as Arc<dyn Database>)
    }

    /// The database that an app of an organization names.
    ///
    /// # Errors
    /// [`RunError::UnknownConnection`], the same for one that does not exist, is another organization's, or does not
    /// name this app; it is blocked; or the store or the vault does not answer.
    pub async fn usable(
        &self,
        organization: OrganizationId,
        app: AppId,
        named: Named<'_>,
    ) -> Result<Usable, Unusable> {
        let mut connection = None;
        for _ in 0..ATTEMPTS {
            let open = match self.find(organization, app, named, &mut connection).await {
                Ok(open) => open,
                Err(ConnectionError::Changed) => continue,
                Err(error) => return Err(Unusable { connection, error: told(error) }),
            };
            if !open.connection.serves(organization, app, named) {
                return Err(Unusable { connection, error: RunError::UnknownConnection });
            }
            self.inner.used(&open).map_err(|error| Unusable { connection, error: told(error) })?;
            let Connection { id, definition, .. } = &open.connection;
            return Ok(Usable {
                id: *id,
                engine: definition.destination.engine,
                read_only: definition.read_only,
                limits: definition.limits,
                database: Arc::clone(&open.database) as Arc<dyn Database>,
            });
        }
        Err(Unusable { connection, error: RunError::Unavailable })
    }

    /// Makes room for one more session of a call that has its turn: closes idle ones of other connections, those that
    /// were used longest ago first. Turns count as sessions, so that those who ask at the same time do not all get the
    /// last one.
    ///
    /// # Errors
    /// As many are in use as there may be.
    pub fn make_room(
        &self,
        usable: &Usable,
        organization: OrganizationId,
        turns: &Turns,
    ) -> Result<(), Busy> {
        if turns.load(usable.id).0 <= usable.database.usage().open {
            return Ok(());
        }
        loop {
            let sessions = self.inner.sessions(turns.running());
            let bounds = self.inner.bounds;
            let whose = if of(&sessions, organization) > bounds.of_an_organization {
                Some(organization)
            } else if of_all(&sessions) > bounds.of_all {
                None
            } else {
                return Ok(());
            };
            let idle = self.inner.idle_longest(whose, usable.id).ok_or(Busy)?;
            self.forget(|id, _| id == idle);
        }
    }

    /// Closes sessions that nobody has used for a while, and forgets connections that have none.
    pub async fn close_idle(&self) {
        let open: Vec<Arc<Open>> = {
            let known = self.inner.known.read().unwrap_or_else(PoisonError::into_inner);
            known.open.values().cloned().collect()
        };
        let sessions = self.inner.sessions(HashMap::new());
        let bounds = self.inner.bounds;
        for open in open {
            open.database.close_idle().await;
            let is_crowded = of(&sessions, open.connection.organization) * 2 > bounds.of_an_organization
                || of_all(&sessions) * 2 > bounds.of_all;
            let unused = self.inner.started.elapsed().saturating_sub(open.last_used());
            if (unused > KEPT && open.database.usage().open == 0)
                || (is_crowded && unused > KEPT_WHEN_CROWDED)
            {
                self.forget(|id, _| id == open.connection.id);
            }
        }
    }

    /// What opens a connection, if it is what was sealed.
    pub(crate) async fn unlock_in(
        &self,
        database: &impl ConnectionTrait,
        connection: &Connection,
    ) -> Result<Opened, ConnectionError> {
        let (id, owner) = (connection.credentials, connection.owner());
        let value = self.inner.vault.open_in(database, id, owner, Kind::DatabaseCredentials).await;
        let value = value.map_err(|error| match error {
            VaultError::Tampered(_) => ConnectionError::Tampered(connection.id),
            error => error.into(),
        })?;
        let mut opened = Opened::read(&value).ok_or_else(|| self.tampered(connection, &["credentials"]))?;
        let differences = connection.definition.differences(&opened.definition);
        if differences.is_empty() {
            // Without the apps that are gone.
            opened.definition.usable_by = connection.definition.usable_by.clone();
            return Ok(opened);
        }
        // The row may have been read before a change, and the sealed value after it.
        let again = connections::find(database, connection.organization, connection.id).await?;
        match again {
            None => Err(ConnectionError::NotFound),
            Some(again) if again.version != connection.version => Err(ConnectionError::Changed),
            Some(_) => Err(self.tampered(connection, &differences)),
        }
    }

    async fn open(&self, connection: &Connection) -> Result<Arc<Open>, ConnectionError> {
        if let Some(changed) = &connection.changed_host_key {
            return Err(ConnectionError::HostKeyChanged(changed.clone()));
        }
        let forgotten = self.inner.read().forgotten;
        let opened = self.unlock_in(self.inner.store.database(), connection).await?;
        let (target, credentials) =
            opened.into_target().ok_or_else(|| self.tampered(connection, &["hops"]))?;
        let database = databases::open(&target, credentials, Arc::clone(&self.inner.addresses))
            .map_err(QueryError::Connect)?;
        let open = Arc::new(Open {
            connection: connection.clone(),
            database: Arc::new(WatchedDatabase::new(database, connection, self.inner.store.clone())),
            last_used: AtomicU64::new(0),
        });
        let mut known = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.forgotten != forgotten {
            return Ok(open);
        }
        // Somebody else may have opened it at the same time.
        match known.open.get(&connection.id) {
            Some(other) if other.connection.version == connection.version => Ok(Arc::clone(other)),
            _ => {
                known.open.insert(connection.id, Arc::clone(&open));
                Ok(open)
            }
        }
    }

    /// What a call names. Which connection that is goes to `meant` as soon as it is known.
    async fn find(
        &self,
        organization: OrganizationId,
        app: AppId,
        named: Named<'_>,
        meant: &mut Option<ConnectionId>,
    ) -> Result<Arc<Open>, ConnectionError> {
        let name = match named {
            Named::External(name) => Some(Name::External(slot(name))),
            Named::Organization(name) => Some(Name::Organization(slot(name))),
            Named::Internal => Some(Name::Internal(app)),
            Named::OrganizationId(_) | Named::Saved(_) => None,
        };
        let key = name.map(|name| (organization, name));
        let forgotten = {
            let known = self.inner.read();
            let id = match (&key, named) {
                (Some(key), _) => known.named.get(key).copied(),
                (None, Named::OrganizationId(id) | Named::Saved(id)) => Some(id),
                (None, _) => None,
            };
            if let Some(open) = id.and_then(|id| known.open.get(&id)) {
                *meant = Some(open.connection.id);
                return Ok(Arc::clone(open));
            }
            known.forgotten
        };
        let store = self.inner.store.database();
        let found = match (&key, named) {
            (Some((_, Name::External(slot))), _) => {
                connections::find_named(store, organization, ConnectionKind::External.as_str(), slot).await?
            }
            (Some((_, Name::Organization(slot))), _) => {
                connections::find_named(store, organization, ConnectionKind::Organization.as_str(), slot)
                    .await?
            }
            (Some((_, Name::Internal(app))), _) => {
                connections::find_internal(store, organization, *app).await?
            }
            (None, Named::OrganizationId(id) | Named::Saved(id)) => {
                connections::find(store, organization, id).await?
            }
            (None, _) => None,
        };
        let connection = found.ok_or(ConnectionError::NotFound)?;
        *meant = Some(connection.id);
        // Before anything is opened: what is wrong with it is no business of an app that may not use it.
        if !connection.serves(organization, app, named) {
            return Err(ConnectionError::NotFound);
        }
        let open = self.open(&connection).await?;
        if let Some(key) = key {
            let mut known = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.forgotten == forgotten {
                known.named.insert(key, connection.id);
            }
        }
        Ok(open)
    }

    /// Forgets what is open and fits. Whoever uses it now goes on.
    fn forget(&self, fits: impl Fn(ConnectionId, &Connection) -> bool) {
        let mut known = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *known;
        known.forgotten += 1;
        known.open.retain(|id, open| !fits(*id, &open.connection));
        known.named.retain(|_, id| known.open.contains_key(id));
    }

    /// Tells the operator and the audit trail, once for each connection and process.
    fn tampered(&self, connection: &Connection, differences: &[&'static str]) -> ConnectionError {
        let id = connection.id;
        if self.inner.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
            tracing::error!(%id, ?differences, "a connection was changed outside of the platform");
            let event = Event::refused(Actor::System, ALARM, Target::Connection(id))
                .of(connection.organization)
                .with(json!({ "differs": differences }));
            let journal = self.inner.store.journal().clone();
            // Beside the request: on SQLite the caller may hold the only transaction.
            tokio::spawn(async move {
                if let Err(error) = journal.record(&event).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the alarm is missing from the audit trail"
                    );
                }
            });
        }
        ConnectionError::Tampered(id)
    }
}

impl Inner {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, id: ConnectionId) -> Option<Arc<Open>> {
        self.read().open.get(&id).cloned()
    }

    /// The sessions of each connection: those that are open, or that the calls which run there are about to open.
    fn sessions(&self, mut running: Sessions) -> Sessions {
        for (id, open) in &self.read().open {
            let (_, sessions) = running.entry(*id).or_insert((open.connection.organization, 0));
            *sessions = open.database.usage().open.max(*sessions);
        }
        running
    }

    /// The connection of this organization, or of any, that has idle sessions and was used longest ago.
    fn idle_longest(&self, whose: Option<OrganizationId>, but: ConnectionId) -> Option<ConnectionId> {
        let known = self.read();
        let fits = |open: &&Arc<Open>| {
            open.connection.id != but
                && whose.is_none_or(|organization| open.connection.organization == organization)
                && open.database.usage().idle > 0
        };
        known.open.values().filter(fits).min_by_key(|open| open.last_used()).map(|open| open.connection.id)
    }

    /// Notes that somebody uses it, unless a host key changed meanwhile.
    fn used(&self, open: &Open) -> Result<(), ConnectionError> {
        if let Some(changed) = open.database.changed_host_key() {
            return Err(ConnectionError::HostKeyChanged(changed.clone()));
        }
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        open.last_used.store(now, Ordering::Relaxed);
        Ok(())
    }
}

impl Open {
    /// How long after the registry was made.
    fn last_used(&self) -> Duration {
        Duration::from_millis(self.last_used.load(Ordering::Relaxed))
    }
}

impl Connection {
    /// Whether this call may use it.
    fn serves(&self, organization: OrganizationId, app: AppId, named: Named<'_>) -> bool {
        let Self { organization: of, definition, .. } = self;
        let kind = match named {
            Named::External(_) => definition.kind == ConnectionKind::External,
            Named::Organization(_) | Named::OrganizationId(_) => {
                definition.kind == ConnectionKind::Organization
            }
            Named::Internal => definition.kind == ConnectionKind::Internal { app },
            Named::Saved(_) => true,
        };
        kind && *of == organization && definition.usable_by.includes(app)
    }
}

/// How many sessions there are with each database, and whose it is.
type Sessions = HashMap<ConnectionId, (OrganizationId, usize)>;

fn of(sessions: &Sessions, organization: OrganizationId) -> usize {
    sessions.values().filter(|(whose, _)| *whose == organization).map(|(_, number)| number).sum()
}

fn of_all(sessions: &Sessions) -> usize {
    sessions.values().map(|(_, number)| number).sum()
}

/// What a call is told.
fn told(error: ConnectionError) -> RunError {
    match error {
        ConnectionError::NotFound => RunError::UnknownConnection,
        ConnectionError::HostKeyChanged(_) => RunError::Blocked("ssh_host_key_changed"),
        ConnectionError::Tampered(_) => RunError::Blocked("connection_tampered"),
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "a connection cannot be opened");
            RunError::Unavailable
        }
    }
}

#[async_trait]
impl Follower for OpenDatabases {
    async fn committed(&self, event: &Event) {
        self.follow(event.target);
    }

    async fn announced(&self, news: News<'_>) {
        match news.changes() {
            Some(changes) => changes.iter().for_each(|change| self.follow(change.target)),
            None => self.forget(|_, _| true),
        }
    }
}

impl OpenDatabases {
    fn follow(&self, target: Target) {
        match target {
            Target::Connection(changed) => {
                self.forget(|id, _| id == changed);
                // What is found wrong with it from now on is news.
                self.inner.reported.lock().unwrap_or_else(PoisonError::into_inner).remove(&changed);
            }
            Target::App(gone) => self.forget(|_, connection| connection.definition.kind.app() == Some(gone)),
            Target::Organization(gone) => self.forget(|_, connection| connection.organization == gone),
            _ => {}
        }
    }
}
