//! Changes by a task that only one process may do: they do not commit once another process has taken over.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{AuditError, Change};

/// What a task that only one process does shows before it commits
/// (fencing tokens: <https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html>).
#[async_trait]
pub trait Fence: fmt::Debug + Send + Sync {
    /// Whether the task is still this process's. What says so stays so until the change's transaction ends.
    ///
    /// # Errors
    /// The store is not available.
    async fn holds(&self, change: &Change) -> Result<bool, AuditError>;
}

tokio::task_local! {
    static CURRENT: Arc<dyn Fence>;
}

/// Does something behind a fence: no change that begins in it commits once the fence does not hold.
pub async fn behind<T>(fence: Arc<dyn Fence>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(fence, work).await
}

/// The fence that the calling task is behind.
pub fn current() -> Option<Arc<dyn Fence>> {
    CURRENT.try_with(Arc::clone).ok()
}
