//! The connections of organizations: made, looked at, changed and deleted.

use std::fmt;
use std::sync::Arc;

use access_control::{
    Action, Facts, FactsUnavailable, InOrganization, ListConnections, ManageConnections, Permit, VisibleApps,
};
use audit::{Actor, Event, Occasion, Receipts, Target};
use ids::{ConnectionId, SecretId};
use outbound::AddressPolicy;
use secrets_vault::{Kind, NewValue, Vault};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::credentials::Opened;
use crate::description::described;
use crate::examinations::Schemas;
use crate::given::Checked;
use crate::store::connections;
use crate::trials::TrialTurns;
use crate::{Connection, ConnectionError, ConnectionKind, GivenConnection, OpenDatabases, Store};

/// The most connections of one organization.
const MOST: u64 = 1000;

/// The connections of all organizations.
#[derive(Clone)]
pub struct Connections {
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) open: OpenDatabases,
    pub(crate) addresses: Arc<AddressPolicy>,
    pub(crate) schemas: Schemas,
    pub(crate) trials: TrialTurns,
    pub(crate) receipts: Arc<Receipts>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    /// Connections in this store, opened by `open`, to addresses that the policy permits. `receipts` signs what is found
    /// out about them.
    #[must_use]
    pub fn new(
        store: Store,
        vault: Vault,
        facts: Arc<dyn Facts>,
        open: OpenDatabases,
        addresses: Arc<AddressPolicy>,
        receipts: Arc<Receipts>,
    ) -> Self {
        Self {
            store,
            vault,
            facts,
            open,
            addresses,
            schemas: Schemas::default(),
            trials: TrialTurns::default(),
            receipts,
        }
    }

    /// The organization's connections in the order in which they were made, at most so many after one. Of the apps that
    /// may use them, those that the person may see; databases of apps that they may not see are left out.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListConnections>,
        after: Option<ConnectionId>,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<Connection>, ConnectionError> {
        let visible = self.visible_apps(permit, now);
        let (mut after, mut shown) = (after, Vec::new());
        loop {
            let found = connections::list(self.store.database(), permit.organization(), after, most).await?;
            let is_last = found.len() < most;
            after = found.last().map(|connection| connection.id).or(after);
            for connection in found {
                if shown.len() < most && exists(&visible, &connection)? {
                    shown.push(self.visible(permit, connection, now)?);
                }
            }
            // Others come in the place of those that are left out: a short page would be the last one.
            if is_last || shown.len() >= most {
                return Ok(shown);
            }
        }
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such connection, or the store is not available.
    pub async fn find(
        &self,
        permit: &Permit<ListConnections>,
        id: ConnectionId,
        now: OffsetDateTime,
    ) -> Result<Connection, ConnectionError> {
        let found = self.read(permit, id, now).await?;
        self.visible(permit, found, now)
    }

    /// Makes one.
    ///
    /// # Errors
    /// The description is not acceptable; the name is taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageConnections>,
        kind: ConnectionKind,
        mut given: GivenConnection,
        occasion: Occasion,
    ) -> Result<Connection, ConnectionError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let visible = self.visible_apps(permit, now);
        if let Some(app) = kind.app()
            && !visible.sees(app)?
        {
            return Err(ConnectionError::UnknownApp);
        }
        let usable_by = visible.given(given.usable_by, None)?;
        given.usable_by = usable_by.ok_or(ConnectionError::UnknownApp)?;
        let Checked { definition, secrets } = given.check(kind, &self.addresses).await?;
        let secrets = secrets.complete()?;
        let connection = Connection {
            id: ConnectionId::generate(),
            organization,
            definition,
            version: 1,
            credentials: SecretId::generate(),
            changed_host_key: None,
            created_by: permit.user(),
            created_at: now,
            updated_by: permit.user(),
            updated_at: now,
        };
        let sealed = Opened::sealed(&connection.definition, &secrets)?;
        self.vault.prepare(connection.owner()).await?;
        let change = self.store.journal().begin().await?;
        self.vault.seal(&change, connection.place(), &sealed, now).await?;
        connections::insert(change.transaction(), &connection).await?;
        // Sealing has locked the organization, so that no other transaction adds one at the same time.
        if connections::count(change.transaction(), organization).await? > MOST {
            return Err(ConnectionError::TooMany);
        }
        change.commit(event(permit, occasion, None, Some(&connection))).await?;
        self.visible(permit, connection, now)
    }

    /// Puts another definition in the place of one; its kind stays. What is left out of password and keys stays, if the
    /// place they are for stays, too. Whoever does not see all apps that may use it gives them again if more apps shall use
    /// it, or if it shall write.
    ///
    /// # Errors
    /// There is no such connection; the description is not acceptable; credentials are missing for another place;
    /// somebody else changed it first; a changed host key has not been looked at.
    pub async fn update(
        &self,
        permit: &Permit<ManageConnections>,
        id: ConnectionId,
        mut given: GivenConnection,
        expected_version: Option<i64>,
        occasion: Occasion,
    ) -> Result<Connection, ConnectionError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let seen = self.read(permit, id, now).await?;
        let before = Some(&seen.definition.usable_by);
        let usable_by = self.visible_apps(permit, now).given(given.usable_by, before)?;
        given.usable_by = usable_by.ok_or(ConnectionError::UnknownApp)?;
        let Checked { definition, secrets } = given.check(seen.definition.kind, &self.addresses).await?;
        let owner = seen.owner();
        self.vault.prepare(owner).await?;
        let change = self.store.journal().begin().await?;
        self.vault.keep_owner(&change, owner).await?;
        let before = connections::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(ConnectionError::NotFound)?;
        if expected_version.is_some_and(|expected| expected != before.version)
            || before.definition.usable_by != seen.definition.usable_by
        {
            return Err(ConnectionError::Changed);
        }
        if let Some(changed) = &before.changed_host_key
            && definition.destination.hops != before.definition.destination.hops
        {
            return Err(ConnectionError::HostKeyChanged(changed.clone()));
        }
        let secrets = if secrets.is_complete() {
            secrets.complete()?
        } else {
            // Read from what is sealed, not from the table: whoever writes there could name another place as the known one.
            let stored = self.open.unlock_in(change.transaction(), &before).await?;
            if !definition.destination.is_same_place(&stored.definition.destination) {
                return Err(ConnectionError::CredentialsNeeded);
            }
            // Whoever gave them gave them to these apps, of which the person does not even see all.
            if definition.gives_more_than(&before.definition)
                && !self.visible_apps(permit, now).sees_all(&before.definition.usable_by)?
            {
                return Err(ConnectionError::CredentialsNeededForMore);
            }
            secrets.or_stored(stored.secrets).ok_or(ConnectionError::CredentialsNeeded)?
        };
        let sealed = Opened::sealed(&definition, &secrets)?;
        let version = self.vault.replace(&change, before.place(), &sealed, now).await?;
        let mut after = Connection { definition, version, ..before.clone() };
        (after.updated_by, after.updated_at) = (permit.user(), now);
        connections::update(change.transaction(), &after).await?;
        change.commit(event(permit, occasion, Some(&before), Some(&after))).await?;
        self.visible(permit, after, now)
    }

    /// Deletes one with its credentials. What runs through it goes on to its end.
    ///
    /// # Errors
    /// There is no such connection, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageConnections>,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<(), ConnectionError> {
        let change = self.store.journal().begin().await?;
        let found = connections::find(change.transaction(), permit.organization(), id).await?;
        let before = found.ok_or(ConnectionError::NotFound)?;
        if !exists(&self.visible_apps(permit, occasion.now), &before)? {
            return Err(ConnectionError::NotFound);
        }
        self.vault.delete(&change, before.credentials).await?;
        change.commit(event(permit, occasion, Some(&before), None)).await?;
        Ok(())
    }

    /// One of the organization's connections, for use cases that have asked for leave. The database of an app that the
    /// person may not see does not exist for them.
    pub(crate) async fn read<A: Action<Scope = InOrganization>>(
        &self,
        permit: &Permit<A>,
        id: ConnectionId,
        now: OffsetDateTime,
    ) -> Result<Connection, ConnectionError> {
        let found = connections::find(self.store.database(), permit.organization(), id).await?;
        let found = found.ok_or(ConnectionError::NotFound)?;
        if exists(&self.visible_apps(permit, now), &found)? {
            Ok(found)
        } else {
            Err(ConnectionError::NotFound)
        }
    }

    /// The same without apps that the person may not see.
    pub(crate) fn visible<A: Action<Scope = InOrganization>>(
        &self,
        permit: &Permit<A>,
        mut connection: Connection,
        now: OffsetDateTime,
    ) -> Result<Connection, ConnectionError> {
        let usable_by = self.visible_apps(permit, now).shown(connection.definition.usable_by)?;
        connection.definition.usable_by = usable_by;
        Ok(connection)
    }

    fn visible_apps<A: Action<Scope = InOrganization>>(
        &self,
        permit: &Permit<A>,
        now: OffsetDateTime,
    ) -> VisibleApps<'_> {
        VisibleApps::of(permit, &*self.facts, now)
    }
}

/// Whether there is such a connection for a person who sees these apps: the database of another one is none.
fn exists(visible: &VisibleApps<'_>, connection: &Connection) -> Result<bool, FactsUnavailable> {
    connection.definition.kind.app().map_or(Ok(true), |app| visible.sees(app))
}

impl Connection {
    /// The place of its credentials in the vault.
    pub(crate) const fn place(&self) -> NewValue {
        NewValue { id: self.credentials, owner: self.owner(), kind: Kind::DatabaseCredentials }
    }
}

/// What the audit trail says of a change.
pub(crate) fn event<A: Action<Scope = InOrganization>>(
    permit: &Permit<A>,
    occasion: Occasion,
    before: Option<&Connection>,
    after: Option<&Connection>,
) -> Event {
    let described = |connection: Option<&Connection>| connection.map_or(Value::Null, described);
    let id = after.or(before).map(|connection| connection.id);
    let target = id.map_or(Target::Organization(permit.organization()), Target::Connection);
    Event::done(Actor::Person(permit.user()), A::NAME, target)
        .of(permit.organization())
        .during(occasion)
        .with(json!({ "before": described(before), "after": described(after) }))
}
