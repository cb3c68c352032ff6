//! Who may read an organization's trail reads it here, and is recorded.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use access_control::{Action as _, Permit, ReadAudit};
use audit::{Actor, Chain, Event, Export, Filter, Found, Heads, Journal, Linked, Occasion, Target, Trail};
use ids::{AuditEventId, OrganizationId, UserId};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::AuditTrailError;

/// How long a person who looks through a trail is recorded once for. A page of the trail is a search, and
/// a trail that is mostly about who reads it helps nobody.
const ONCE_IN: Duration = Duration::minutes(10);

/// How many readers are remembered. Beyond them everybody is recorded each time.
const READERS: usize = 10_000;

/// The trail of organizations, for their Owners and Admins.
#[derive(Clone)]
pub struct Reading {
    trail: Trail,
    journal: Journal,
    heads: Arc<Heads>,
    readers: Arc<Mutex<HashMap<(UserId, OrganizationId), OffsetDateTime>>>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Reading {
    /// Reads `trail`, records in `journal`, and signs exports with `heads`.
    #[must_use]
    pub fn new(trail: Trail, journal: Journal, heads: Arc<Heads>) -> Self {
        Self { trail, journal, heads, readers: Arc::default() }
    }

    /// A piece of what a search finds, newest first.
    ///
    /// # Errors
    /// The store is not available, also for recording that the trail was read.
    pub async fn search(
        &self,
        permit: &Permit<ReadAudit>,
        filter: &Filter,
        before: Option<i64>,
        limit: usize,
        occasion: Occasion,
    ) -> Result<Found, AuditTrailError> {
        self.record_reader(permit, occasion).await?;
        Ok(self.trail.search(chain(permit), filter, before, limit).await?)
    }

    /// One record.
    ///
    /// # Errors
    /// It is not in this organization's trail, or the store is not available.
    pub async fn record(
        &self,
        permit: &Permit<ReadAudit>,
        event: AuditEventId,
        occasion: Occasion,
    ) -> Result<Linked, AuditTrailError> {
        let found = self.trail.record(chain(permit), &event.to_string()).await?;
        let found = found.ok_or(AuditTrailError::NotFound)?;
        self.record_reader(permit, occasion).await?;
        Ok(found)
    }

    /// Begins an export from a number on. Every export is recorded, and stands at the end of itself.
    ///
    /// # Errors
    /// There is no record before that number, or the store is not available.
    pub async fn export(
        &self,
        permit: &Permit<ReadAudit>,
        from: i64,
        occasion: Occasion,
    ) -> Result<Export, AuditTrailError> {
        self.journal.record(&read(permit, occasion, json!({ "export": { "from": from } }))).await?;
        Ok(Export::begin(Arc::clone(&self.heads), chain(permit), from).await?)
    }

    async fn record_reader(
        &self,
        permit: &Permit<ReadAudit>,
        occasion: Occasion,
    ) -> Result<(), AuditTrailError> {
        let reader = (permit.user(), permit.organization());
        if self.was_recorded(reader, occasion.now) {
            return Ok(());
        }
        self.journal.record(&read(permit, occasion, json!({ "search": true }))).await?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.insert(reader, occasion.now);
        }
        Ok(())
    }

    fn was_recorded(&self, reader: (UserId, OrganizationId), now: OffsetDateTime) -> bool {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() >= READERS {
            readers.retain(|_, recorded| now - *recorded < ONCE_IN);
        }
        readers.get(&reader).is_some_and(|recorded| now - *recorded < ONCE_IN)
    }
}

fn chain(permit: &Permit<ReadAudit>) -> Chain {
    Chain::Organization(permit.organization())
}

fn read(permit: &Permit<ReadAudit>, occasion: Occasion, detail: Value) -> Event {
    let organization = permit.organization();
    Event::done(Actor::Person(permit.user()), ReadAudit::NAME, Target::Organization(organization))
        .of(organization)
        .during(occasion)
        .with(detail)
}
