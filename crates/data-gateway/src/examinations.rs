//! Looking into databases: what is in them, and what keeps a read-only connection from writing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use access_control::{Action as _, Permit, ProveReadOnly, ReadDatabaseSchema};
use audit::{Actor, Event, Occasion, Outcome, Target};
use databases::{QueryError, ReadOnlyExamination, Schema};
use ids::ConnectionId;
use serde_json::json;

use crate::{ATTESTS_READ_ONLY, ConnectionError, Connections, ReadOnlyReport, SignedReadOnlyReport};

/// How long a schema counts as what is there.
const FRESH: Duration = Duration::from_secs(300);
/// The most schemas that are remembered.
const MOST: usize = 64;

/// Schemas that were read a moment ago.
#[derive(Clone, Default)]
pub(crate) struct Schemas {
    read: Arc<Mutex<HashMap<ConnectionId, Remembered>>>,
}

struct Remembered {
    /// Of the connection: another one may lead to another database.
    version: i64,
    at: Instant,
    schema: Arc<Schema>,
}

impl Schemas {
    fn get(&self, id: ConnectionId, version: i64) -> Option<Arc<Schema>> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read.get(&id).filter(|found| found.version == version && found.at.elapsed() < FRESH)?;
        Some(Arc::clone(&found.schema))
    }

    fn put(&self, id: ConnectionId, version: i64, schema: &Arc<Schema>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|_, found| found.at.elapsed() < FRESH);
        if read.len() >= MOST
            && let Some(oldest) = read.iter().min_by_key(|(_, found)| found.at).map(|(id, _)| *id)
        {
            read.remove(&oldest);
        }
        read.insert(id, Remembered { version, at: Instant::now(), schema: Arc::clone(schema) });
    }
}

impl Connections {
    /// Which tables and columns a database has, as of at most five minutes ago; as of now, if asked `afresh`.
    ///
    /// # Errors
    /// There is no such connection; it is blocked or not what was sealed; the database does not answer.
    pub async fn schema(
        &self,
        permit: &Permit<ReadDatabaseSchema>,
        id: ConnectionId,
        afresh: bool,
    ) -> Result<Arc<Schema>, ConnectionError> {
        let now = clock::now();
        let connection = self.read(permit, id, now).await?;
        let database = self.open.of(&connection).await?;
        if !afresh && let Some(known) = self.schemas.get(id, connection.version) {
            return Ok(known);
        }
        let _turn = self.turn(permit.organization()).await?;
        let schema = Arc::new(database.schema().await?);
        self.schemas.put(id, connection.version, &schema);
        Ok(schema)
    }

    /// As [`Connections::prove_read_only`], for whoever wants no signature.
    ///
    /// # Errors
    /// As there.
    pub async fn examine_read_only(
        &self,
        permit: &Permit<ProveReadOnly>,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<ReadOnlyExamination, ConnectionError> {
        let signed = self.prove_read_only(permit, id, occasion).await?;
        Ok(signed.attestation.found.examination)
    }

    /// Gives attempts to write to the guard, and sends others through the connection, in transactions that are rolled back;
    /// says what held, signed. The audit trail says that it was tried, and which locks were seen to hold.
    ///
    /// # Errors
    /// There is no such connection; it is blocked or not what was sealed; the database does not answer.
    pub async fn prove_read_only(
        &self,
        permit: &Permit<ProveReadOnly>,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<SignedReadOnlyReport, ConnectionError> {
        let connection = self.read(permit, id, occasion.now).await?;
        let examined = match self.open.of(&connection).await {
            Ok(database) => {
                let _turn = self.turn(permit.organization()).await?;
                database.examine_read_only().await.map_err(ConnectionError::from)
            }
            Err(error) => Err(error),
        };
        let mut event =
            Event::done(Actor::Person(permit.user()), ProveReadOnly::NAME, Target::Connection(id))
                .of(connection.organization)
                .during(occasion);
        event.detail = match &examined {
            Ok(examined) => json!({
                "name": connection.definition.name,
                "version": connection.version,
                "holds": examined.locks.iter().filter(|lock| lock.holds).map(|lock| lock.lock).collect::<Vec<_>>(),
                "missing": examined.locks.iter().filter(|lock| !lock.holds).map(|lock| lock.lock).collect::<Vec<_>>(),
                "judged": examined.judged().count(),
                "sent": examined.sent().count(),
            }),
            Err(error) => {
                event.outcome = Outcome::Refused;
                json!({ "name": connection.definition.name, "version": connection.version, "failed": code(error) })
            }
        };
        self.store.journal().record(&event).await?;
        let report = ReadOnlyReport {
            connection: id,
            name: connection.definition.name.to_string(),
            version: connection.version,
            engine: connection.definition.destination.engine,
            read_only: connection.definition.read_only,
            examination: examined?,
        };
        Ok(self.receipts.attest(&event, connection.organization, ATTESTS_READ_ONLY, report))
    }
}

fn code(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::Query(QueryError::Connect(error)) => error.code(),
        ConnectionError::HostKeyChanged(_) => "ssh_host_key_changed",
        ConnectionError::Tampered(_) => "connection_tampered",
        _ => "failed",
    }
}
