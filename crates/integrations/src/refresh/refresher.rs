//! The task that replaces tokens before they end.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use catalogue::ServiceKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Notices;
use super::refreshes::Refreshes;
use super::schedule;
use crate::StoreError;
use crate::store::refreshes::{self, Due};

/// How many are looked at together.
const PAGE: usize = 256;

/// Replaces tokens before they end, and brings what a process left behind to its end.
pub struct Refresher {
    refreshes: Refreshes,
    notices: Arc<dyn Notices>,
    room: Arc<Semaphore>,
    services: HashMap<ServiceKey, Arc<Semaphore>>,
}

impl std::fmt::Debug for Refresher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Refresher").field("refreshes", &self.refreshes).finish_non_exhaustive()
    }
}

impl Refresher {
    /// Replaces tokens by these refreshes, and tells people in this way.
    #[must_use]
    pub fn new(refreshes: Refreshes, notices: Arc<dyn Notices>) -> Self {
        let room = Arc::new(Semaphore::new(refreshes.inner.bounds.at_once));
        Self { refreshes, notices, room, services: HashMap::new() }
    }

    /// Works until `stopped` completes; then what is under way comes to its end.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = pin!(stopped);
        loop {
            let period = self.refreshes.inner.bounds.period;
            tokio::select! {
                () = &mut stopped => break,
                // Dropped in between, nothing is lost: refreshes that have begun go on by themselves.
                () = async { self.round().await; tokio::time::sleep(period).await; } => {}
            }
        }
        self.refreshes.settled().await;
    }

    /// Begins whatever is due, and waits for room for it.
    async fn round(&mut self) {
        let worked = async {
            while self.begin_some().await? {}
            self.refreshes.tell(&*self.notices).await
        };
        if let Err(error) = worked.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what is due to be refreshed waits for the next round"
            );
        }
    }

    /// Begins some of what is due, the most urgent first. Answers whether there may be more.
    async fn begin_some(&mut self) -> Result<bool, StoreError> {
        let database = self.refreshes.database();
        let now = self.refreshes.inner.clock.ask(database).await?;
        // Those that have as many under way as they may would only be in the way of others.
        self.services.retain(|_, room| Arc::strong_count(room) > 1);
        let busy: Vec<ServiceKey> = self
            .services
            .iter()
            .filter(|(_, room)| room.available_permits() == 0)
            .map(|(service, _)| service.clone())
            .collect();
        let due = refreshes::due(database, now, &busy, PAGE as u64).await?;
        let is_full = due.len() == PAGE;
        let mut begun = false;
        for due in from_anywhere(due) {
            if self.refreshes.is_under_way(due.id) {
                continue;
            }
            let Some(of_service) = self.room_at(&due.service) else { continue };
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return Ok(false) };
            let ended = self.refreshes.begin(due.id, due.generation);
            tokio::spawn(async move {
                let _room = (room, of_service);
                Refreshes::ended(ended).await;
            });
            begun = true;
        }
        Ok(is_full && begun)
    }

    fn room_at(&mut self, service: &ServiceKey) -> Option<OwnedSemaphorePermit> {
        let most = self.refreshes.inner.bounds.at_once_of_a_service;
        let room = self.services.entry(service.clone()).or_insert_with(|| Arc::new(Semaphore::new(most)));
        Arc::clone(room).try_acquire_owned().ok()
    }
}

/// The same, beginning somewhere: processes that look at the same time do not all begin with the same.
fn from_anywhere(mut due: Vec<Due>) -> Vec<Due> {
    let start = schedule::below(due.len());
    due.rotate_left(start);
    due
}
