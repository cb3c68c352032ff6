//! MySQL and MariaDB.

mod answer;
mod cell;
mod commands;
mod fault;
#[cfg(test)]
mod locks_left_out;
mod opening;
mod parameters;
mod row;
mod running;
mod session;
mod sessions;
mod shape;
mod text;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cryptography::SecretBytes;
use outbound::AddressPolicy;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use answer::Answer;
use fault::Fault;
use running::Running;
use session::Session;
use sessions::Borrowed;
use text::Asked;

use crate::dial::Way;
use crate::pool::SessionPool;
use crate::read_only::{ReadOnlyLocks, admit};
use crate::refusal::Unsaid;
use crate::{
    ConnectError, Credentials, Database, Limits, Query, QueryError, ReadOnlyExamination, Rows, Schema,
    Target, Tls, Usage,
};

/// How long a session may take that is opened to see whether one can be.
const TESTING: Duration = Duration::from_secs(60);
/// How long a goodbye may take.
const LEAVING: Duration = Duration::from_secs(1);

/// What opens sessions with one database.
pub(crate) struct Opener {
    way: Way,
    tls: Tls,
    user: String,
    database: String,
    password: SecretBytes,
    limits: Limits,
    is_read_only: bool,
    locks: ReadOnlyLocks,
    unsaid: Unsaid,
}

impl Opener {
    const fn read_only(&self) -> bool {
        self.is_read_only
    }
}

/// A MySQL or MariaDB database.
pub(crate) struct Mysql {
    opener: Arc<Opener>,
    pool: SessionPool<Opener>,
}

impl Mysql {
    /// Nothing is connected before a query asks for it.
    ///
    /// # Errors
    /// Limits under which there is no session.
    pub(crate) fn new(
        target: &Target,
        credentials: Credentials,
        policy: Arc<AddressPolicy>,
        locks: ReadOnlyLocks,
    ) -> Result<Self, ConnectError> {
        let opener = Opener {
            way: Way::to(target, policy),
            tls: target.tls.clone(),
            user: target.user.clone(),
            database: target.database.clone(),
            unsaid: Unsaid::of(target),
            password: credentials.password,
            limits: target.limits,
            is_read_only: target.read_only,
            locks,
        };
        let opener = Arc::new(opener);
        let pool = SessionPool::new(Arc::clone(&opener), target.limits.most_sessions);
        Ok(Self { pool: pool.map_err(|_| ConnectError::Full)?, opener })
    }
}

#[async_trait]
impl Database for Mysql {
    async fn run(&self, query: Query) -> Result<Rows, QueryError> {
        let since = std::time::Instant::now();
        let opener = &self.opener;
        admit(opener.read_only(), &query.statement)?;
        let parameters = parameters::bind(query.statement.placeholders(), query.parameters)?;
        let time = query.timeout.min(opener.limits.most_time());
        let milliseconds = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let deadline = Instant::now() + time;
        let borrowed = timeout_at(deadline, self.pool.borrow())
            .await
            .map_err(|_| QueryError::Timeout(milliseconds))??;
        let borrowed = Borrowed::new(borrowed);
        let (sender, rows) = Rows::channel();
        let (started, start) = oneshot::channel();
        let pieces = sender.pieces.clone();
        let answer = Answer::new(sender, started, opener.limits, since);
        let running = Running {
            opener: Arc::clone(&self.opener),
            caller: query.caller,
            sql: query.statement.sql().to_owned(),
            parameters,
            deadline,
            milliseconds,
        };
        tokio::spawn(running.run(borrowed, answer, pieces));
        start.await.unwrap_or(Err(QueryError::Broken))?;
        Ok(rows)
    }

    async fn test(&self) -> Result<(), ConnectError> {
        let opened = timeout(TESTING, opening::open(&self.opener)).await;
        opened.map_err(|_| ConnectError::Timeout)??.leave().await;
        Ok(())
    }

    async fn schema(&self) -> Result<Schema, QueryError> {
        let opener = &self.opener;
        let mut session = opening::open(opener).await?;
        let schema =
            in_time(opener, crate::schema::mysql::read(&mut Asked::new(&mut session, opener))).await?;
        session.leave().await;
        Ok(schema)
    }

    async fn examine_read_only(&self) -> Result<ReadOnlyExamination, QueryError> {
        let opener = &self.opener;
        let mut session = opening::open(opener).await?;
        let locks = opener.read_only().then_some(opener.locks);
        let mut asked = Asked::new(&mut session, opener);
        let examination = in_time(opener, crate::read_only::mysql::examine(&mut asked, locks)).await?;
        session.leave().await;
        Ok(examination)
    }

    fn usage(&self) -> Usage {
        self.pool.usage()
    }

    async fn close_idle(&self) {
        for session in self.pool.take_idle() {
            let _ = timeout(LEAVING, session.leave()).await;
        }
    }
}

/// Statements of ours take no longer than a caller's may.
async fn in_time<T>(
    opener: &Opener,
    asking: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, QueryError> {
    let asked = timeout(opener.limits.most_time(), asking).await;
    asked.map_err(|_| QueryError::Timeout(opener.limits.most_milliseconds))?
}
