//! PostgreSQL.
//!
//! Statements of callers go by the extended protocol, which takes one statement and its parameters; what is sent by the
//! simple one is written in this folder. Read-only holds twice here: in the session's default and in the transaction
//! that every statement runs in and that is rolled back.

mod answer;
mod encode;
#[cfg(test)]
pub(crate) mod locks_left_out;
mod moments;
mod numeric;
mod parameters;
mod plain_reads;
mod pool;
mod refusal;
mod reset;
mod run;
mod running;
mod session;
mod shape;
mod statements;
pub(crate) mod wire;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use outbound::AddressPolicy;

use crate::dial::Way;
use crate::read_only::{ReadOnlyLocks, admit};
use crate::refusal::Unsaid;
use crate::text_session::postgresql::Asked;
use crate::{
    ConnectError, Credentials, Database, Engine, Limits, Query, QueryError, ReadOnlyExamination, Rows,
    Schema, Target, Usage,
};
use plain_reads::PlainReads;
use pool::SessionPool;
use run::{Run, Time};
use session::{Opener, Settings};

/// A PostgreSQL database.
pub(crate) struct PostgresqlDatabase {
    opener: Arc<Opener>,
    pool: SessionPool,
    limits: Limits,
    is_read_only: bool,
    locks: ReadOnlyLocks,
    unsaid: Unsaid,
    plain_reads: PlainReads,
}

/// What a caller holds.
pub(crate) struct Postgresql(Arc<PostgresqlDatabase>);

impl Postgresql {
    /// Opens no session yet.
    ///
    /// # Errors
    /// Never with sensible limits.
    pub(crate) fn new(
        target: &Target,
        credentials: Credentials,
        policy: Arc<AddressPolicy>,
        locks: ReadOnlyLocks,
    ) -> Result<Self, ConnectError> {
        let is_read_only = target.read_only && locks.session;
        let limits = target.limits;
        let on = |flag: bool| if flag { "on" } else { "off" }.to_owned();
        let settings = [
            ("default_transaction_read_only", on(is_read_only)),
            ("statement_timeout", limits.most_milliseconds.to_string()),
            // A transaction of ours is never left alone for long.
            ("idle_in_transaction_session_timeout", "60000".to_owned()),
            ("standard_conforming_strings", "on".to_owned()),
            // Nobody reads notices here, and there is a limit to how much a server says unasked.
            ("client_min_messages", "error".to_owned()),
            ("TimeZone", "UTC".to_owned()),
            ("DateStyle", "ISO".to_owned()),
            ("IntervalStyle", "postgres".to_owned()),
            ("bytea_output", "hex".to_owned()),
            ("extra_float_digits", "3".to_owned()),
        ];
        let way = Way::to(target, policy);
        let unsaid = Unsaid::of(target);
        let opener = Arc::new(Opener::new(
            way,
            &target.tls,
            (&target.user, &target.database),
            credentials.password,
            &Settings { settings: &settings, is_read_only },
            limits.most_bytes,
        ));
        let pool =
            SessionPool::new(Arc::clone(&opener), limits.most_sessions).map_err(|_| ConnectError::Full)?;
        let is_read_only = target.read_only;
        Ok(Self(Arc::new(PostgresqlDatabase {
            opener,
            pool,
            limits,
            is_read_only,
            locks,
            unsaid,
            plain_reads: PlainReads::of(&target.database),
        })))
    }
}

impl PostgresqlDatabase {
    /// What a statement begins with.
    fn begin(&self) -> Option<&'static str> {
        (self.is_read_only && self.locks.transaction).then_some("BEGIN READ ONLY")
    }

    /// Statements of ours take no longer than a caller's may.
    async fn in_time<T>(&self, asking: impl Future<Output = Result<T, QueryError>>) -> Result<T, QueryError> {
        let timeout = tokio::time::timeout(self.limits.most_time(), asking).await;
        timeout.map_err(|_| QueryError::Timeout(self.limits.most_milliseconds))?
    }
}

#[async_trait]
impl Database for Postgresql {
    async fn run(&self, query: Query) -> Result<Rows, QueryError> {
        admit(self.0.is_read_only, &query.statement)?;
        parameters::counted(query.parameters.len(), query.statement.placeholders())?;
        let limit = query.timeout.min(self.0.limits.most_time());
        let (sender, rows) = Rows::channel();
        let has_begun = Arc::new(AtomicBool::new(false));
        let run = Run {
            database: Arc::clone(&self.0),
            query: Arc::new(query),
            sender: sender.clone(),
            has_begun: Arc::clone(&has_begun),
            time: Time::limited(limit),
        };
        let mut running = Box::pin(run.until_its_end());
        // Here, as long as there is nothing to answer; a task of its own only for what takes longer.
        let ended = poll_fn(|context| match running.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if has_begun.load(Ordering::Acquire) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match ended.await {
            Some(Ok(())) => Ok(rows),
            Some(Err(error)) if rows.summary().bytes > 0 => {
                // Pieces are on their way already.
                tokio::spawn(async move { sender.pieces.send(Err(error)).await });
                Ok(rows)
            }
            Some(Err(error)) => Err(error),
            None => {
                tokio::spawn(async move {
                    if let Err(error) = running.await {
                        let _ = sender.pieces.send(Err(error)).await;
                    }
                });
                Ok(rows)
            }
        }
    }

    async fn test(&self) -> Result<(), ConnectError> {
        self.0.opener.open().await.map(drop)
    }

    async fn schema(&self) -> Result<Schema, QueryError> {
        let session = self.0.opener.open().await?;
        let reading = async {
            let mut asked = Asked::new(&session.client, true, &self.0.unsaid);
            crate::schema::postgresql::read(&mut asked, Engine::Postgresql).await
        };
        self.0.in_time(reading).await
    }

    async fn examine_read_only(&self) -> Result<ReadOnlyExamination, QueryError> {
        let session = self.0.opener.open().await?;
        let locks = self.0.is_read_only.then_some(self.0.locks);
        let examining = async {
            let mut asked = Asked::new(&session.client, self.0.locks.one_statement, &self.0.unsaid);
            crate::read_only::postgresql::examine(&mut asked, locks).await
        };
        self.0.in_time(examining).await
    }

    fn usage(&self) -> Usage {
        self.0.pool.usage()
    }

    async fn close_idle(&self) {
        drop(self.0.pool.take_idle());
    }
}
