//! A database whose SSH servers are watched: the first host key that is not the confirmed one blocks the connection.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use audit::{Actor, Event, Target};
use databases::{ConnectError, Database, Query, QueryError, ReadOnlyExamination, Rows, Schema, Usage};
use serde_json::json;
use ssh_tunnel::{TunnelError, TunnelStep};
use tokio::task::JoinHandle;

use crate::store::connections;
use crate::{ChangedHostKey, Connection, ConnectionError, Store};

/// The audit trail's name for a host key that is not the confirmed one.
const HOST_KEY_CHANGED: &str = "database_connections.host_key_changed";

/// The database of a connection. Once a host key is another one, nothing is attempted any more.
pub(crate) struct WatchedDatabase {
    database: Arc<dyn Database>,
    connection: Connection,
    store: Store,
    changed: OnceLock<ChangedHostKey>,
}

impl WatchedDatabase {
    pub(crate) fn new(database: Arc<dyn Database>, connection: &Connection, store: Store) -> Self {
        Self { database, connection: connection.clone(), store, changed: OnceLock::new() }
    }

    /// The host key that is not the confirmed one, if one was seen.
    pub(crate) fn changed_host_key(&self) -> Option<&ChangedHostKey> {
        self.changed.get()
    }

    fn check(&self) -> Result<(), ConnectError> {
        match self.changed.get() {
            None => Ok(()),
            Some(ChangedHostKey { hop, presented, .. }) => {
                let step = TunnelStep::HostKey { presented: presented.clone() };
                Err(ConnectError::Tunnel(TunnelError { hop: *hop, step }))
            }
        }
    }

    /// Looks whether this is why there is no session. If so, that is written down beside whoever asked.
    fn note(&self, error: &ConnectError) -> Option<JoinHandle<()>> {
        let ConnectError::Tunnel(TunnelError { hop, step: TunnelStep::HostKey { presented } }) = error else {
            return None;
        };
        let seen_at = clock::now();
        let changed = ChangedHostKey { hop: *hop, presented: presented.clone(), seen_at };
        if self.changed.set(changed.clone()).is_err() {
            return None;
        }
        let (store, connection) = (self.store.clone(), self.connection.clone());
        // Whoever asked may leave; the connection is blocked all the same.
        Some(tokio::spawn(async move {
            if let Err(error) = block(&store, &connection, &changed).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    connection = %connection.id,
                    "a changed host key is not written down"
                );
            }
        }))
    }

    fn noted<T>(&self, result: Result<T, QueryError>) -> Result<T, QueryError> {
        if let Err(QueryError::Connect(error)) = &result {
            self.note(error);
        }
        result
    }
}

async fn block(
    store: &Store,
    connection: &Connection,
    changed: &ChangedHostKey,
) -> Result<(), ConnectionError> {
    let change = store.journal().begin().await?;
    let row = connections::lock(change.transaction(), connection.organization, connection.id).await?;
    // Somebody may have confirmed the key meanwhile.
    let Some(row) = row.filter(|row| row.version == connection.version && row.changed_host_key.is_none())
    else {
        return Ok(());
    };
    connections::set_changed_host_key(change.transaction(), row.id, Some(changed)).await?;
    let hop = row.definition.destination.hops.get(changed.hop);
    let event = Event::refused(Actor::System, HOST_KEY_CHANGED, Target::Connection(row.id))
        .of(row.organization)
        .with(json!({
            "name": row.definition.name,
            "hop": changed.hop,
            "host": hop.map(|hop| hop.host.to_string()),
            "confirmed": hop.map(|hop| hop.host_key.to_string()),
            "presented": changed.presented.to_string(),
        }));
    change.commit(event).await?;
    Ok(())
}

#[async_trait]
impl Database for WatchedDatabase {
    async fn run(&self, query: Query) -> Result<Rows, QueryError> {
        self.check()?;
        self.noted(self.database.run(query).await)
    }

    async fn test(&self) -> Result<(), ConnectError> {
        self.check()?;
        let tested = self.database.test().await;
        if let Err(error) = &tested
            && let Some(written) = self.note(error)
        {
            // Whoever tests it reads next that it is blocked.
            written.await.ok();
        }
        tested
    }

    async fn schema(&self) -> Result<Schema, QueryError> {
        self.check()?;
        self.noted(self.database.schema().await)
    }

    async fn examine_read_only(&self) -> Result<ReadOnlyExamination, QueryError> {
        self.check()?;
        self.noted(self.database.examine_read_only().await)
    }

    fn usage(&self) -> Usage {
        self.database.usage()
    }

    async fn close_idle(&self) {
        self.database.close_idle().await;
    }
}
