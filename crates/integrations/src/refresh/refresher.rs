//! The task that replaces tokens before they end.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use catalogue::ServiceKey;
use tokio::sync::{Notify, Semaphore};

use super::Notices;
use super::refreshes::Refreshes;
use super::schedule;
use crate::StoreError;
use crate::store::refreshes::{self, Due};

/// How many are looked at together.
const PAGE: usize = 64;

/// Replaces tokens before they end, and brings what a process left behind to its end.
pub struct Refresher {
    refreshes: Refreshes,
    notices: Arc<dyn Notices>,
    room: Arc<Semaphore>,
    services: HashMap<ServiceKey, Arc<Semaphore>>,
    /// Told when a refresh has ended.
    freed: Arc<Notify>,
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
        Self { refreshes, notices, room, services: HashMap::new(), freed: Arc::default() }
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

    /// Begins whatever is due, as there is room for it, and tells people.
    async fn round(&mut self) {
        let worked = async {
            while self.begin_some().await? {
                self.refreshes.tell(&*self.notices).await?;
                self.room_again().await;
            }
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
        self.services.retain(|_, room| Arc::strong_count(room) > 1);
        // Those that have much under way would only be in the way of others.
        let busy = self.busy();
        let due = refreshes::due(database, now, &busy, PAGE as u64).await?;
        let mut is_more = due.len() == PAGE || !busy.is_empty();
        for due in from_anywhere(due) {
            if !self.refreshes.is_under_way(due.id) {
                is_more |= !self.begin_one(&due);
            }
        }
        Ok(is_more)
    }

    /// Begins one if there is room.
    fn begin_one(&mut self, due: &Due) -> bool {
        let most = self.refreshes.inner.bounds.at_once_of_a_service;
        let of_service =
            self.services.entry(due.service.clone()).or_insert_with(|| Arc::new(Semaphore::new(most)));
        let Ok(of_service) = Arc::clone(of_service).try_acquire_owned() else { return false };
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return false };
        let (ended, freed) = (self.refreshes.begin(due.id, due.generation), Arc::clone(&self.freed));
        tokio::spawn(async move {
            Refreshes::ended(ended).await;
            drop((room, of_service));
            freed.notify_one();
        });
        true
    }

    /// Services with less than half of their room left: what is due is not looked at for each single place.
    fn busy(&self) -> Vec<ServiceKey> {
        let most = self.refreshes.inner.bounds.at_once_of_a_service;
        let busy = self.services.iter().filter(|(_, room)| room.available_permits() * 2 < most);
        busy.map(|(service, _)| service.clone()).collect()
    }

    /// Waits until there is room again, for a service that had none or for all; not longer than a period.
    async fn room_again(&self) {
        let busy = self.busy();
        let bounds = self.refreshes.inner.bounds;
        let room = async {
            loop {
                self.freed.notified().await;
                if self.busy().len() < busy.len() || (busy.is_empty() && self.room.available_permits() > 0) {
                    return;
                }
            }
        };
        // Otherwise it is looked at again all the same.
        let _ = tokio::time::timeout(bounds.period, room).await;
    }
}

/// The same, beginning somewhere: processes that look at the same time do not all begin with the same.
fn from_anywhere(mut due: Vec<Due>) -> Vec<Due> {
    let start = schedule::below(due.len());
    due.rotate_left(start);
    due
}
