//! Tasks that one process does at a time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use audit::{AuditError, Change, Fence, Journal};
use ids::ReplicaId;

use crate::store;

/// How long a task stays with a process that does not say that it is alive, by the store's clock.
pub const LIFE: Duration = Duration::from_secs(10);

/// How often whoever holds a lease says so, and others ask for it.
const RENEWAL: Duration = Duration::from_secs(3);

/// How long after its last renewal a process stops by itself: earlier than another one may begin.
const GIVES_UP_AFTER: Duration = Duration::from_secs(8);

/// A task that one process of a store does at a time. On SQLite there is one process.
#[derive(Clone)]
pub struct Lease {
    journal: Journal,
    task: Arc<str>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lease").field("task", &self.task).finish_non_exhaustive()
    }
}

/// One turn at a task: once another process has taken over, no change that began in it commits.
#[derive(Debug)]
struct Turn {
    task: Arc<str>,
    fence: i64,
}

#[async_trait]
impl Fence for Turn {
    async fn holds(&self, change: &Change) -> Result<bool, AuditError> {
        store::leases::holds(change.transaction(), &self.task, self.fence).await.map_err(AuditError::Store)
    }
}

impl Lease {
    /// The lease for this task.
    #[must_use]
    pub fn new(journal: Journal, task: impl Into<Arc<str>>) -> Self {
        Self { journal, task: task.into() }
    }

    /// The process that asks for it.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.journal.replica()
    }

    /// Does the task whenever it is this process's turn, until it is dropped. The work is dropped under way when the
    /// turn ends, and begins again with the next.
    pub async fn whenever_held<W: Future<Output = ()> + Send>(self, work: impl Fn() -> W + Send) {
        if !crate::shares(self.journal.database()) {
            return work().await;
        }
        loop {
            let asked = Instant::now();
            if let Some(fence) = self.take().await {
                tracing::info!(task = &*self.task, fence, "this process does the task now");
                let turn = Turn { task: Arc::clone(&self.task), fence };
                tokio::select! {
                    () = audit::behind(Arc::new(turn), work()) => {}
                    () = self.until_lost(asked, fence) => {
                        tracing::warn!(task = &*self.task, fence, "another process may do the task now");
                    }
                }
            }
            tokio::time::sleep(RENEWAL).await;
        }
    }

    async fn until_lost(&self, mut renewed: Instant, fence: i64) {
        while renewed.elapsed() < GIVES_UP_AFTER {
            tokio::time::sleep(RENEWAL).await;
            let asked = Instant::now();
            match self.renew(GIVES_UP_AFTER.saturating_sub(renewed.elapsed())).await {
                Some(Some(same)) if same == fence => renewed = asked,
                Some(_) => return,
                None => {}
            }
        }
    }

    async fn take(&self) -> Option<i64> {
        self.renew(RENEWAL).await.flatten()
    }

    /// `None` if the store did not answer; `Some(None)` if another process has the lease.
    async fn renew(&self, patience: Duration) -> Option<Option<i64>> {
        let take = store::leases::take(self.journal.database(), &self.task, self.journal.replica(), LIFE);
        match tokio::time::timeout(patience, take).await {
            Ok(Ok(fence)) => Some(fence),
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    task = &*self.task,
                    "the lease waits"
                );
                None
            }
            Err(_) => None,
        }
    }

    /// Gives the task to another process at once, when this one stops.
    pub async fn give_back(&self) {
        if !crate::shares(self.journal.database()) {
            return;
        }
        let given = store::leases::give_back(self.journal.database(), &self.task, self.journal.replica());
        if !matches!(tokio::time::timeout(RENEWAL, given).await, Ok(Ok(()))) {
            tracing::info!(
                task = &*self.task,
                "the task waits for {} s before another process does it",
                LIFE.as_secs()
            );
        }
    }
}
