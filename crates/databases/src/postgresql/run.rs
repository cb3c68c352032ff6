//! A statement, from its text to the end of its session's use.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::try_join;
use futures_util::poll;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::PostgresqlDatabase;
use super::answer::Failed;
use super::parameters::{self, Parameter};
use super::refusal::query_error;
use super::reset::Ending;
use super::running::Running;
use super::statements::{Prepared, Unprepared, prepare};
use crate::rows::RowsSender;
use crate::{Query, QueryError};

/// How long a session may take to get back to its start.
const RESETTING: Duration = Duration::from_secs(10);

/// One statement under way.
pub(super) struct Run {
    pub(super) database: Arc<PostgresqlDatabase>,
    pub(super) query: Arc<Query>,
    pub(super) sender: RowsSender,
    /// Set with the first row: from now on, the answer can be waited for piece by piece.
    pub(super) has_begun: Arc<AtomicBool>,
    pub(super) time: Time,
}

/// How much time a statement has.
pub(super) struct Time {
    milliseconds: u32,
    pub(super) started: Instant,
    ends: Pin<Box<Sleep>>,
}

impl Time {
    /// From now on.
    pub(super) fn limited(limit: Duration) -> Self {
        let started = Instant::now();
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        Self { milliseconds, started, ends: Box::pin(sleep_until(started + limit)) }
    }

    /// Waits for something, but not longer than there is time.
    pub(super) async fn limit<T>(&mut self, waited_for: impl Future<Output = T>) -> Result<T, QueryError> {
        tokio::select! {
            biased;
            there = waited_for => Ok(there),
            () = &mut self.ends => Err(QueryError::Timeout(self.milliseconds)),
        }
    }
}

/// What an attempt may end with.
enum Attempt {
    /// It is over.
    Over,
    /// The session had gone stale before anything took effect: another one may do it.
    Stale,
}

/// What became of a statement and of its session.
struct Exchanged {
    failed: Option<Error>,
    /// Whether the statement was under the locks that it should have been under.
    was_locked: bool,
    /// Whether the session is back at its start.
    is_back: bool,
}

impl Run {
    /// Runs it.
    ///
    /// # Errors
    /// Why there is no answer, or no more of it.
    pub(super) async fn until_its_end(mut self) -> Result<(), QueryError> {
        match self.attempt(true).await? {
            Attempt::Over => Ok(()),
            // Rare and large, as everything in a box here.
            Attempt::Stale => Box::pin(self.attempt(false)).await.map(|_| ()),
        }
    }

    /// Whoever stops to wait for this cancels it: the session is closed, unless it is given back.
    async fn attempt(&mut self, is_first: bool) -> Result<Attempt, QueryError> {
        let (database, query) = (Arc::clone(&self.database), Arc::clone(&self.query));
        let borrowed = self.time.limit(database.pool.borrow()).await??;
        let mut running = Running::new(borrowed, Arc::clone(&database.opener));

        let (prepared, was_known) = match self.prepared(&mut running).await? {
            Ok(prepared) => prepared,
            Err(Unprepared::Error(error)) if is_gone(error.code()) => {
                running.close();
                return if is_first { Ok(Attempt::Stale) } else { Err(QueryError::Broken) };
            }
            Err(refused) => {
                running.give_back();
                return Err(match refused {
                    Unprepared::Error(error) => self.refused(&error, None),
                    Unprepared::Query(error) => error,
                });
            }
        };
        let parameters = match parameters::bound(&query.parameters, prepared.statement.params()) {
            Ok(parameters) => parameters,
            Err(error) => {
                running.give_back();
                return Err(error);
            }
        };

        let may_change_much = query.statement.writes() || query.statement.calls_unknown_functions();
        let is_read_only = database.begin().is_some();
        running.counts_as(database.plain_reads.changing(&query.statement, is_read_only));
        let exchanged = self.exchange(&mut running, &prepared, parameters).await?;
        let Some(session) = running.session() else { return Err(QueryError::Broken) };
        let sent_too_much = session.sent_too_much();
        let code = exchanged.failed.as_ref().and_then(Error::code);
        let is_outdated = was_known && is_outdated(code);
        if is_outdated {
            session.statements.forget(query.statement.sql());
        }
        if exchanged.is_back {
            running.give_back();
        } else {
            running.close();
        }
        let Some(error) = exchanged.failed else { return Ok(Attempt::Over) };
        if sent_too_much {
            return Err(QueryError::Row(database.opener.longest()));
        }
        // On a session that broke, a read that was known there can have done nothing.
        let is_stale = is_outdated || (is_gone(error.code()) && was_known && !may_change_much);
        if is_first && is_stale && !self.has_begun.load(Ordering::Acquire) {
            return Ok(Attempt::Stale);
        }
        if !exchanged.was_locked {
            return Err(QueryError::Broken);
        }
        Err(self.refused(&error, Some(&prepared)))
    }

    /// The statement as the session's server has prepared it, and whether it had before.
    async fn prepared(
        &mut self,
        running: &mut Running,
    ) -> Result<Result<(Arc<Prepared>, bool), Unprepared>, QueryError> {
        let statement = &self.query.statement;
        let session = running.session().ok_or(QueryError::Broken)?;
        if let Some(prepared) = session.statements.get(statement.sql()) {
            return Ok(Ok((prepared, true)));
        }
        let preparing = Box::pin(prepare(&session.client, statement.sql(), statement.writes()));
        Ok(match self.time.limit(preparing).await? {
            Ok(prepared) => {
                let prepared = Arc::new(prepared);
                session.statements.keep(statement.sql(), &prepared);
                Ok((prepared, false))
            }
            Err(error) => Err(error),
        })
    }

    /// Sends all at once: who is asking, the transaction, the statement, the end. The server takes them in this order.
    ///
    /// # Errors
    /// The answer is not wanted any more.
    async fn exchange(
        &mut self,
        running: &mut Running,
        prepared: &Prepared,
        parameters: Vec<Parameter>,
    ) -> Result<Exchanged, QueryError> {
        let (database, query) = (Arc::clone(&self.database), Arc::clone(&self.query));
        let session = running.session().ok_or(QueryError::Broken)?;
        let client = Arc::clone(&session.client);
        let begin = database.begin();
        let plain_since = self.time.limit(database.plain_reads.includes(&query.statement, &client)).await?;
        let ending = match (plain_since.is_some(), begin) {
            (false, _) => Ending::Reset,
            (true, Some(_)) => Ending::Rollback,
            (true, None) => Ending::Nothing,
        };
        let caller = query.caller.as_str();
        let introduction =
            (session.caller.as_deref() != Some(caller)).then(|| format!("SET application_name='{caller}'"));
        session.caller = (ending != Ending::Reset).then(|| caller.to_owned());

        let mut opening = pin!(open(&client, introduction.as_deref(), begin));
        let opened = at_once(poll!(&mut opening));
        let mut asking = pin!(client.query_raw::<_, Parameter, _>(&prepared.statement, parameters));
        let asked = at_once(poll!(&mut asking));
        let mut ending = pin!(ending.reach(&client));
        let ended = at_once(poll!(&mut ending));

        let opened = match opened {
            Some(opened) => opened,
            None => self.wait(opening).await?,
        };
        if let Err(error) = opened {
            return Ok(Exchanged { failed: Some(error), was_locked: false, is_back: false });
        }
        let asked = match asked {
            Some(asked) => asked,
            None => self.wait(asking).await?,
        };
        let failed = match asked {
            Ok(rows) => match self.answer(rows, prepared).await {
                Ok(()) => None,
                Err(Failed::Query(error)) => return Err(error),
                Err(Failed::Database(error)) => Some(error),
            },
            Err(error) => Some(error),
        };
        let mut is_back = match ended {
            Some(is_back) => is_back,
            None => timeout(RESETTING, ending).await.unwrap_or(false),
        };
        if let Some(since) = plain_since
            && !database.plain_reads.is_still(since)
        {
            // It may have read something else than what was plain a moment ago.
            is_back = is_back && timeout(RESETTING, Ending::Reset.reach(&client)).await.unwrap_or(false);
        }
        Ok(Exchanged { failed, was_locked: true, is_back })
    }

    /// Waits for something, unless time is up or nobody waits for the answer.
    pub(super) async fn wait<T>(&mut self, waited_for: impl Future<Output = T>) -> Result<T, QueryError> {
        let pieces = self.sender.pieces.clone();
        tokio::select! {
            biased;
            there = self.time.limit(waited_for) => there,
            () = pieces.closed() => Err(QueryError::Abandoned),
        }
    }

    fn refused(&self, error: &Error, prepared: Option<&Prepared>) -> QueryError {
        let kinds = prepared.map_or(&[][..], |prepared| prepared.statement.params());
        query_error(error, &self.database.unsaid, self.time.milliseconds, kinds)
    }
}

/// Sends what a statement begins with, all of it with the first poll.
async fn open(client: &Client, introduction: Option<&str>, begin: Option<&str>) -> Result<(), Error> {
    match (introduction, begin) {
        (Some(introduction), Some(begin)) => {
            try_join(client.batch_execute(introduction), client.batch_execute(begin)).await.map(|_| ())
        }
        (Some(only), None) | (None, Some(only)) => client.batch_execute(only).await,
        (None, None) => Ok(()),
    }
}

/// What was there with the first poll, which must not be followed by another one then.
fn at_once<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(there) => Some(there),
        Poll::Pending => None,
    }
}

/// What a prepared statement may be told after the tables under it have changed, or after a function has taken it away.
fn is_outdated(code: Option<&SqlState>) -> bool {
    code.is_some_and(|code| matches!(code.code(), "0A000" | "26000"))
}

/// Whether there is no server at the other end any more, or it says goodbye.
fn is_gone(code: Option<&SqlState>) -> bool {
    code.is_none_or(|code| code.code().starts_with("57P"))
}
