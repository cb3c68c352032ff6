//! The task that replaces tokens before they end.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;

use super::Notices;
use super::refreshes::Refreshes;
use super::rooms::Rooms;
use super::schedule;
use crate::StoreError;
use crate::store::refreshes::{self, Due};

/// How many are looked at together.
const PAGE: usize = 64;

/// Replaces tokens before they end, and brings what a process left behind to its end.
pub struct Refresher {
    refreshes: Refreshes,
    notices: Arc<dyn Notices>,
    rooms: Rooms,
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
        let rooms = Rooms::new(refreshes.inner.bounds);
        Self { refreshes, notices, rooms, freed: Arc::default() }
    }

    /// Works until `stopped` completes; then what is under way comes to its end.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let stopped = pin!(stopped);
        let (refreshes, notices) = (self.refreshes.clone(), Arc::clone(&self.notices));
        // Dropped in between, nothing is lost: refreshes that have begun go on by themselves, and who was not told is told
        // later. A mail server that takes its time holds no refresh up.
        tokio::select! {
            () = stopped => {}
            () = self.refresh() => {}
            () = tell(&refreshes, &*notices) => {}
        }
        refreshes.settled().await;
    }

    /// Begins whatever is due, again and again.
    async fn refresh(&mut self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what is due to be refreshed waits for the next round"
                );
            }
            tokio::time::sleep(self.refreshes.inner.bounds.period).await;
        }
    }

    /// Begins whatever is due, as there is room for it.
    async fn round(&mut self) -> Result<(), StoreError> {
        while self.begin_some().await? {
            self.room_again().await;
        }
        Ok(())
    }

    /// Begins some of what is due, the most urgent first. Answers whether there may be more.
    async fn begin_some(&mut self) -> Result<bool, StoreError> {
        let database = self.refreshes.database();
        let now = self.refreshes.inner.clock.ask(database).await?;
        self.rooms.tidy();
        // Those that have much under way would only be in the way of others.
        let busy = self.rooms.busy();
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
        let is_built_in = self.refreshes.inner.credentials.services().is_built_in(&due.service);
        let Some(place) = self.rooms.place(due, is_built_in) else { return false };
        let (ended, freed) = (self.refreshes.begin(due.id, due.generation), Arc::clone(&self.freed));
        tokio::spawn(async move {
            Refreshes::ended(ended).await;
            drop(place);
            freed.notify_one();
        });
        true
    }

    /// Waits until there is room again, where there was none or for all; not longer than a period.
    async fn room_again(&self) {
        let busy = self.rooms.busy();
        let room = async {
            loop {
                self.freed.notified().await;
                if self.rooms.busy().len() < busy.len() || (busy.is_empty() && self.rooms.has_place()) {
                    return;
                }
            }
        };
        // Otherwise it is looked at again all the same.
        let _ = tokio::time::timeout(self.refreshes.inner.bounds.period, room).await;
    }
}

/// Tells people, again and again.
async fn tell(refreshes: &Refreshes, notices: &dyn Notices) {
    loop {
        if let Err(error) = refreshes.tell(notices).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "people are told in the next round");
        }
        tokio::time::sleep(refreshes.inner.bounds.period).await;
    }
}

/// The same, beginning somewhere: processes that look at the same time do not all begin with the same.
fn from_anywhere(mut due: Vec<Due>) -> Vec<Due> {
    let start = schedule::below(due.len());
    due.rotate_left(start);
    due
}
