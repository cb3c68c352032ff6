//! The connections of organizations: made, looked at, changed and deleted.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use access_control::{
    Action, Facts, FactsUnavailable, ListConnections, ManageConnections, Permit, Principal, ReadApp, Refusal,
    SignedIn, authorize,
};
use audit::{Actor, Event, Receipts, Target};
use ids::{AppId, ConnectionId, OrganizationId, SecretId};
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
use crate::{
    Connection, ConnectionError, ConnectionKind, GivenConnection, Occasion, OpenDatabases, Store, UsableBy,
};

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
        let (mut after, mut shown) = (after, Vec::new());
        loop {
            let found = connections::list(self.store.database(), permit.organization(), after, most).await?;
            let is_last = found.len() < most;
            after = found.last().map(|connection| connection.id).or(after);
            for connection in found {
                if shown.len() < most && self.exists_for(permit.actor(), &connection, now)? {
                    shown.push(self.visible(connection, permit.actor(), now)?);
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
        let found = self.read(permit.organization(), id, permit.actor(), now).await?;
        self.visible(found, permit.actor(), now)
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
        if let Some(app) = kind.app()
            && !self.sees(permit.actor(), organization, app, now)?
        {
            return Err(ConnectionError::UnknownApp);
        }
        given.usable_by = self.usable_by(permit, given.usable_by, None, now)?;
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
        self.visible(connection, permit.actor(), now)
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
        let seen = self.read(organization, id, permit.actor(), now).await?;
        given.usable_by = self.usable_by(permit, given.usable_by, Some(&seen), now)?;
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
            if definition.gives_more_than(&before.definition) && !self.sees_all_apps(permit, &before, now)? {
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
        self.visible(after, permit.actor(), now)
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
        if !self.exists_for(permit.actor(), &before, occasion.now)? {
            return Err(ConnectionError::NotFound);
        }
        self.vault.delete(&change, before.credentials).await?;
        change.commit(event(permit, occasion, Some(&before), None)).await?;
        Ok(())
    }

    /// One of the organization's connections, for use cases that have asked for leave. The database of an app that the
    /// person may not see does not exist for them.
    pub(crate) async fn read(
        &self,
        organization: OrganizationId,
        id: ConnectionId,
        person: &SignedIn,
        now: OffsetDateTime,
    ) -> Result<Connection, ConnectionError> {
        let found = connections::find(self.store.database(), organization, id).await?;
        let found = found.ok_or(ConnectionError::NotFound)?;
        if self.exists_for(person, &found, now)? { Ok(found) } else { Err(ConnectionError::NotFound) }
    }

    fn exists_for(
        &self,
        person: &SignedIn,
        connection: &Connection,
        now: OffsetDateTime,
    ) -> Result<bool, FactsUnavailable> {
        match connection.definition.kind.app() {
            Some(app) => self.sees(person, connection.organization, app, now),
            None => Ok(true),
        }
    }

    fn sees_all_apps(
        &self,
        permit: &Permit<ManageConnections>,
        connection: &Connection,
        now: OffsetDateTime,
    ) -> Result<bool, FactsUnavailable> {
        let UsableBy::Apps(apps) = &connection.definition.usable_by else { return Ok(true) };
        for app in apps {
            if !self.sees(permit.actor(), connection.organization, *app, now)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same without apps that the person may not see.
    pub(crate) fn visible(
        &self,
        mut connection: Connection,
        person: &SignedIn,
        now: OffsetDateTime,
    ) -> Result<Connection, ConnectionError> {
        if let UsableBy::Apps(apps) = &mut connection.definition.usable_by {
            let mut seen = BTreeSet::new();
            for app in &*apps {
                if self.sees(person, connection.organization, *app, now)? {
                    seen.insert(*app);
                }
            }
            *apps = seen;
        }
        Ok(connection)
    }

    /// Who may use a connection from now on: the apps that the person names, and those that they cannot see and that
    /// could use it before.
    fn usable_by(
        &self,
        permit: &Permit<ManageConnections>,
        given: UsableBy,
        before: Option<&Connection>,
        now: OffsetDateTime,
    ) -> Result<UsableBy, ConnectionError> {
        let UsableBy::Apps(mut apps) = given else { return Ok(given) };
        let organization = permit.organization();
        for app in &apps {
            if !self.sees(permit.actor(), organization, *app, now)? {
                return Err(ConnectionError::UnknownApp);
            }
        }
        if let Some(UsableBy::Apps(before)) = before.map(|connection| &connection.definition.usable_by) {
            for app in before {
                if !self.sees(permit.actor(), organization, *app, now)? {
                    apps.insert(*app);
                }
            }
        }
        Ok(UsableBy::Apps(apps))
    }

    fn sees(
        &self,
        person: &SignedIn,
        organization: OrganizationId,
        app: AppId,
        now: OffsetDateTime,
    ) -> Result<bool, FactsUnavailable> {
        let person = Principal::User(person.clone());
        match authorize::<ReadApp>(Some(&person), app, &*self.facts, now) {
            Ok(permit) => Ok(permit.organization() == organization),
            Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => Ok(false),
            Err(Refusal::Unavailable(unavailable)) => Err(unavailable),
        }
    }
}

impl Connection {
    /// The place of its credentials in the vault.
    pub(crate) const fn place(&self) -> NewValue {
        NewValue { id: self.credentials, owner: self.owner(), kind: Kind::DatabaseCredentials }
    }
}

/// What the audit trail says of a change.
pub(crate) fn event<A: Action<Scope = access_control::InOrganization>>(
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
        .during(occasion.request)
        .with(json!({ "before": described(before), "after": described(after) }))
}
