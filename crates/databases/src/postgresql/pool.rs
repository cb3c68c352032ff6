//! The open sessions with one database.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{
    BuildError, Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult,
};

use super::session::{Door, Session};
use crate::{ConnectError, Usage};

/// After this time without use, a session is closed.
const IDLE: Duration = Duration::from_secs(300);

/// A borrowed session.
pub(crate) type Borrowed = Object<Sessions>;

/// Makes sessions, and looks at those that come back.
pub(crate) struct Sessions {
    door: Arc<Door>,
}

impl Manager for Sessions {
    type Type = Session;
    type Error = ConnectError;

    async fn create(&self) -> Result<Session, ConnectError> {
        self.door.open().await
    }

    async fn recycle(&self, session: &mut Session, _metrics: &Metrics) -> RecycleResult<ConnectError> {
        // What it was used for was undone before it came back.
        if session.is_clean && !session.is_broken() {
            Ok(())
        } else {
            Err(RecycleError::message("of no use any more"))
        }
    }
}

/// At most a number of sessions with one database.
#[derive(Clone)]
pub(crate) struct SessionPool {
    pool: Pool<Sessions>,
}

impl SessionPool {
    /// So many behind this door.
    ///
    /// # Errors
    /// Never with these settings.
    pub(crate) fn new(door: Arc<Door>, most: u16) -> Result<Self, BuildError> {
        let mut config = PoolConfig::new(usize::from(most));
        // The one used last knows the statements, and the others can close.
        config.queue_mode = QueueMode::Lifo;
        Pool::builder(Sessions { door }).config(config).build().map(|pool| Self { pool })
    }

    /// One that runs nothing and has nothing left of anybody. Waits until there is one.
    ///
    /// # Errors
    /// A new one cannot be opened.
    pub(crate) async fn borrow(&self) -> Result<Borrowed, ConnectError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => ConnectError::Timeout,
        })
    }

    pub(crate) fn usage(&self) -> Usage {
        let status = self.pool.status();
        Usage { open: status.size, idle: status.available }
    }

    /// Closes those that nobody has used for a while, and those that broke meanwhile.
    pub(crate) fn close_idle(&self) {
        self.pool.retain(|session, metrics| !session.is_broken() && metrics.last_used() < IDLE);
    }
}
