//! The open sessions with one database.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{
    BuildError, Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult,
};

use crate::{ConnectError, Usage};

/// After this time without use, a session is closed.
const IDLE: Duration = Duration::from_secs(300);

/// What opens sessions.
pub(crate) trait Opens: Send + Sync + 'static {
    /// What it opens.
    type Session: Kept;

    /// Opens one.
    ///
    /// # Errors
    /// The step that failed.
    fn open(&self) -> impl Future<Output = Result<Self::Session, ConnectError>> + Send;
}

/// A session that is kept open for the next caller.
pub(crate) trait Kept: Send + 'static {
    /// Whether the next caller may have it: nothing is left in it of the one before, and it is connected.
    fn is_fit(&mut self) -> bool;

    /// Whether it is known to be of no use, without looking.
    fn is_over(&self) -> bool;
}

/// A borrowed session.
pub(crate) type Borrowed<D> = Object<Sessions<D>>;

/// Makes sessions, and looks at those that come back.
pub(crate) struct Sessions<D> {
    opener: Arc<D>,
}

impl<D: Opens> Manager for Sessions<D> {
    type Type = D::Session;
    type Error = ConnectError;

    async fn create(&self) -> Result<D::Session, ConnectError> {
        self.opener.open().await
    }

    async fn recycle(&self, session: &mut D::Session, metrics: &Metrics) -> RecycleResult<ConnectError> {
        // What it was used for was undone before it came back.
        if metrics.last_used() < IDLE && session.is_fit() {
            Ok(())
        } else {
            Err(RecycleError::message("of no use any more"))
        }
    }
}

/// At most a number of sessions with one database.
pub(crate) struct SessionPool<D: Opens> {
    pool: Pool<Sessions<D>>,
}

impl<D: Opens> Clone for SessionPool<D> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<D: Opens> SessionPool<D> {
    /// So many, each opened by this.
    ///
    /// # Errors
    /// Never with these settings.
    pub(crate) fn new(opener: Arc<D>, most: u16) -> Result<Self, BuildError> {
        let mut config = PoolConfig::new(usize::from(most));
        // The one used last knows the statements, and the others can close.
        config.queue_mode = QueueMode::Lifo;
        Pool::builder(Sessions { opener }).config(config).build().map(|pool| Self { pool })
    }

    /// One that runs nothing and has nothing left of anybody. Waits until there is one.
    ///
    /// # Errors
    /// A new one cannot be opened.
    pub(crate) async fn borrow(&self) -> Result<Borrowed<D>, ConnectError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => ConnectError::Timeout,
        })
    }

    pub(crate) fn usage(&self) -> Usage {
        let status = self.pool.status();
        Usage { open: status.size, idle: status.available }
    }

    /// Takes out those that nobody has used for a while, and those that broke meanwhile.
    pub(crate) fn take_idle(&self) -> Vec<D::Session> {
        self.pool.retain(|session, metrics| !session.is_over() && metrics.last_used() < IDLE).removed
    }
}
