//! Amazon Redshift: the PostgreSQL protocol as of version 8.0, with parameters by name and answers in the shape of its
//! data interface.
//!
//! Everything goes as text, in both directions: what a value looks like is for the database to say. A session is used
//! again only after `ROLLBACK` and `RESET ALL` were seen to succeed, and only if the statement was a plain read or a
//! change of rows: of others something could be left that these do not end, such as a temporary table.

mod answer;
#[cfg(test)]
mod locks_left_out;
mod login;
mod messages;
mod running;
mod session;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outbound::AddressPolicy;
use tokio::sync::{Semaphore, oneshot};

use crate::dial::Way;
use crate::read_only::{ReadOnlyLocks, admit};
use crate::refusal::Unsaid;
use crate::{
    ConnectError, Credentials, Database, Engine, Limits, Query, QueryError, ReadOnlyExamination, Rows,
    Schema, Target, Usage,
};
use running::Running;
use session::{Opener, Session};

/// How long a session is kept without use.
const IDLE: Duration = Duration::from_secs(60);

/// A Redshift database, or a PostgreSQL one that is spoken to in the same way.
pub(crate) struct Redshift {
    sessions: Arc<Sessions>,
}

/// The sessions with one database.
struct Sessions {
    opener: Opener,
    limits: Limits,
    idle: Mutex<Vec<Idle>>,
    places: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
}

struct Idle {
    session: Counted,
    since: Instant,
}

/// A session that counts as open until it is dropped.
struct Counted {
    session: Session,
    _open: Open,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Redshift {
    /// Opens no session yet.
    pub(crate) fn new(
        target: &Target,
        credentials: Credentials,
        policy: Arc<AddressPolicy>,
        locks: ReadOnlyLocks,
    ) -> Self {
        let opener = Opener {
            way: Way::to(target, policy),
            tls: target.tls.clone(),
            user: target.user.clone(),
            database: target.database.clone(),
            unsaid: Arc::new(Unsaid::of(target)),
            password: credentials.password,
            locks: target.read_only.then_some(locks),
        };
        Self {
            sessions: Arc::new(Sessions {
                opener,
                limits: target.limits,
                idle: Mutex::default(),
                places: Arc::new(Semaphore::new(usize::from(target.limits.most_sessions))),
                open: Arc::default(),
            }),
        }
    }
}

impl Redshift {
    /// Statements of ours take no longer than a caller's may.
    async fn in_time<T>(&self, asking: impl Future<Output = Result<T, QueryError>>) -> Result<T, QueryError> {
        let limits = self.sessions.limits;
        let timeout = tokio::time::timeout(limits.most_time(), asking).await;
        timeout.map_err(|_| QueryError::Timeout(limits.most_milliseconds))?
    }
}

impl Sessions {
    async fn fresh(&self) -> Result<Counted, ConnectError> {
        let session = self.opener.open().await?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Counted { session, _open: Open(Arc::clone(&self.open)) })
    }

    fn take(&self) -> Option<Counted> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().map(|idle| idle.session)
    }

    fn give_back(&self, session: Counted) {
        let idle = Idle { session, since: Instant::now() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }
}

#[async_trait]
impl Database for Redshift {
    async fn run(&self, query: Query) -> Result<Rows, QueryError> {
        admit(self.sessions.opener.locks.is_some(), &query.statement)?;
        let running = Running::new(Arc::clone(&self.sessions), &query)?;
        let (begun, beginning) = oneshot::channel();
        let (sender, rows) = Rows::channel();
        tokio::spawn(running.run(sender, begun));
        beginning.await.map_err(|_| QueryError::Broken)??;
        Ok(rows)
    }

    async fn test(&self) -> Result<(), ConnectError> {
        let mut opened = self.sessions.fresh().await?;
        let caller = crate::Caller::new("connection test");
        match self.sessions.opener.prepare(&mut opened.session, &caller, IDLE).await {
            Ok(()) => Ok(()),
            Err(QueryError::Connect(error)) => Err(error),
            Err(_) => Err(ConnectError::Protocol),
        }
    }

    async fn schema(&self) -> Result<Schema, QueryError> {
        let mut opened = self.sessions.fresh().await?;
        self.in_time(crate::schema::postgresql::read(&mut opened.session, Engine::Redshift)).await
    }

    async fn examine_read_only(&self) -> Result<ReadOnlyExamination, QueryError> {
        let mut opened = self.sessions.fresh().await?;
        let locks = self.sessions.opener.locks;
        self.in_time(crate::read_only::redshift::examine(&mut opened.session, locks)).await
    }

    fn usage(&self) -> Usage {
        let idle = self.sessions.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        Usage { open: self.sessions.open.load(Ordering::Relaxed), idle }
    }

    async fn close_idle(&self) {
        let mut idle = self.sessions.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| session.since.elapsed() < IDLE);
    }
}
