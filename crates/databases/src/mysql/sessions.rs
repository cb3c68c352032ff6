//! The sessions that are kept, and who has one of them.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{
    BuildError, Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult,
};
use tokio::time::timeout;

use super::{Session, Settings, opening};
use crate::{ConnectError, QueryError, Usage};

/// How long a session is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(300);
/// How long a goodbye may take.
const LEAVING: Duration = Duration::from_secs(1);

/// Opens sessions.
pub(crate) struct Opener(Arc<Settings>);

impl Manager for Opener {
    type Type = Session;
    type Error = ConnectError;

    async fn create(&self) -> Result<Session, ConnectError> {
        opening::open(&self.0).await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<ConnectError> {
        if session.is_fit && session.idle() < IDLE && session.packets.is_quiet() {
            Ok(())
        } else {
            Err(RecycleError::message("closed, or kept for too long"))
        }
    }
}

/// A connection's settings and sessions.
pub(crate) struct Shared {
    pub(crate) settings: Arc<Settings>,
    pool: Pool<Opener>,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Result<Self, BuildError> {
        let settings = Arc::new(settings);
        let most = usize::from(settings.limits.most_sessions).max(1);
        let mut configuration = PoolConfig::new(most);
        configuration.queue_mode = QueueMode::Lifo;
        let opener = Opener(Arc::clone(&settings));
        Ok(Self { settings, pool: Pool::builder(opener).config(configuration).build()? })
    }

    /// Waits for a session, for as long as the caller does.
    pub(crate) async fn borrow(&self) -> Result<Borrowed, QueryError> {
        match self.pool.get().await {
            Ok(object) => Ok(Borrowed::new(object)),
            Err(PoolError::Backend(error)) => Err(error.into()),
            Err(_) => Err(QueryError::Broken),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        let status = self.pool.status();
        Usage { open: status.size, idle: status.available }
    }

    pub(crate) async fn close_idle(&self) {
        let removed = self.pool.retain(|session, _| session.idle() < IDLE).removed;
        for session in removed {
            let _ = timeout(LEAVING, session.leave()).await;
        }
    }
}

/// A session that is out of the pool. Only [`Borrowed::give_back`] makes it one that somebody else gets.
pub(crate) struct Borrowed(Object<Opener>);

impl Borrowed {
    fn new(mut object: Object<Opener>) -> Self {
        object.is_fit = false;
        Self(object)
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.0
    }

    /// The session is as if it were new.
    pub(crate) fn give_back(mut self) {
        self.0.is_fit = true;
    }

    /// Closes the session.
    pub(crate) fn close(self) {
        drop(Object::take(self.0));
    }
}
