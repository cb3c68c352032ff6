//! A statement, from its text to the last piece of its answer.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, poll};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Row, RowStream};

use super::PostgresqlDatabase;
use super::encode;
use super::parameters::{self, Parameter};
use super::refusal::query_error;
use super::reset::Ending;
use super::running::Running;
use super::statements::{Prepared, Unprepared, prepare};
use crate::rows::RowsSender;
use crate::{ConnectError, Query, QueryError, Summary};

/// A piece that is longer is sent.
const PIECE: usize = 32 << 10;
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
    started: Instant,
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
    async fn limit<T>(&mut self, waited_for: impl Future<Output = T>) -> Result<T, QueryError> {
        tokio::select! {
            biased;
            there = waited_for => Ok(there),
            () = &mut self.ends => Err(QueryError::Timeout(self.milliseconds)),
        }
    }
}

/// A value as it came.
struct Wire<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Wire<'a> {
    fn from_sql(_kind: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(bytes))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

/// What a first attempt may end with.
enum Attempt {
    /// It is over.
    Over,
    /// The session had gone stale before anything took effect: another one may do it.
    Stale,
}

impl Run {
    /// Runs it to its end.
    ///
    /// # Errors
    /// Why there is no answer, or no more of it.
    pub(super) async fn until_its_end(mut self) -> Result<(), QueryError> {
        let mut is_first = true;
        loop {
            match self.attempt(is_first).await? {
                Attempt::Over => return Ok(()),
                Attempt::Stale => is_first = false,
            }
        }
    }

    async fn attempt(&mut self, is_first: bool) -> Result<Attempt, QueryError> {
        let database = Arc::clone(&self.database);
        let query = Arc::clone(&self.query);
        let borrowed = self.time.limit(database.pool.borrow()).await??;
        let mut running = Running::new(borrowed, Arc::clone(&database.door));
        let Some(session) = running.session() else { return Err(QueryError::Broken) };
        let client = Arc::clone(&session.client);
        let sql = query.statement.sql();

        let known = session.statements.get(sql);
        let was_known = known.is_some();
        let prepared = match known {
            Some(prepared) => prepared,
            None => match self.time.limit(prepare(&client, sql, query.statement.writes())).await? {
                Ok(prepared) => {
                    let prepared = Arc::new(prepared);
                    session.statements.keep(sql, &prepared);
                    prepared
                }
                Err(Unprepared::Error(error)) if is_gone(error.code()) => {
                    running.close();
                    return if is_first { Ok(Attempt::Stale) } else { Err(QueryError::Broken) };
                }
                Err(Unprepared::Error(error)) => {
                    running.give_back();
                    return Err(query_error(&error, &database.secrets, self.time.milliseconds, &[]));
                }
                Err(Unprepared::Query(error)) => {
                    running.give_back();
                    return Err(error);
                }
            },
        };
        let kinds = prepared.statement.params();
        let parameters = match parameters::bound(&query.parameters, kinds) {
            Ok(parameters) => parameters,
            Err(error) => {
                running.give_back();
                return Err(error);
            }
        };

        let caller = query.caller.as_str();
        let introduction =
            (session.caller.as_deref() != Some(caller)).then(|| format!("SET application_name='{caller}'"));
        let begin = database.begin();
        let is_plain = self.time.limit(database.plain_reads.includes(&query.statement, &client)).await?;
        let ending = match (is_plain, begin) {
            (false, _) => Ending::Reset,
            (true, Some(_)) => Ending::Rollback,
            (true, None) => Ending::Nothing,
        };
        session.caller = (ending != Ending::Reset).then(|| caller.to_owned());

        // One flush: who is asking, the transaction, the statement, the end. The server takes them in this order.
        let mut opening = pin!(async {
            if let Some(introduction) = &introduction {
                let introducing = client.batch_execute(introduction);
                match begin {
                    // Both are sent by the first poll, in this order.
                    Some(begin) => futures_util::future::try_join(introducing, client.batch_execute(begin))
                        .await
                        .map(|_| ()),
                    None => introducing.await,
                }
            } else if let Some(begin) = begin {
                client.batch_execute(begin).await
            } else {
                Ok(())
            }
        });
        let opened_at_once = match poll!(&mut opening) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };
        let mut asking = pin!(client.query_raw::<_, Parameter, _>(&prepared.statement, parameters));
        let asked_at_once = match poll!(&mut asking) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };
        let mut ending = pin!(ending.reach(&client));
        let ended_at_once = match poll!(&mut ending) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };

        let opened = match opened_at_once {
            Some(opened) => opened,
            None => self.wait(opening).await?,
        };
        if let Err(error) = opened {
            // Without it, the statement was not under the lock that it should have been under.
            running.close();
            let may_repeat = is_first && is_gone(error.code()) && self.may_repeat(was_known);
            return if may_repeat { Ok(Attempt::Stale) } else { Err(QueryError::Broken) };
        }
        let asked = match asked_at_once {
            Some(asked) => asked,
            None => self.wait(asking).await?,
        };
        let answered = match asked {
            Ok(rows) => self.rows(rows, &prepared).await,
            Err(error) => Err(Failed::Database(error)),
        };
        let failed = match answered {
            Ok(()) => None,
            Err(Failed::Query(error)) => return Err(error),
            Err(Failed::Database(error)) => Some(error),
        };
        let sent_too_much = session.sent_too_much();
        if query.statement.writes() || query.statement.calls_unknown_functions() {
            database.plain_reads.forget();
        }
        let is_back = match ended_at_once {
            Some(is_back) => is_back,
            None => tokio::time::timeout(RESETTING, ending).await.unwrap_or(false),
        };
        let Some(error) = failed else {
            if is_back {
                running.give_back()
            } else {
                running.close()
            }
            return Ok(Attempt::Over);
        };
        let is_outdated = was_known && is_outdated(error.code());
        if is_outdated && let Some(session) = running.session() {
            session.statements.forget(sql);
        }
        if is_back {
            running.give_back()
        } else {
            running.close()
        }
        if sent_too_much {
            return Err(QueryError::Row(database.door.longest()));
        }
        let is_gone = is_gone(error.code());
        let has_begun = self.has_begun.load(Ordering::Acquire);
        if is_first && !has_begun && (is_outdated || (is_gone && self.may_repeat(was_known))) {
            return Ok(Attempt::Stale);
        }
        Err(query_error(&error, &database.secrets, self.time.milliseconds, kinds))
    }

    /// Whether nothing can have taken effect on a session that broke.
    fn may_repeat(&self, was_known: bool) -> bool {
        was_known && !self.query.statement.writes() && !self.query.statement.calls_unknown_functions()
    }

    /// Waits for something, unless time is up or nobody waits for the answer.
    async fn wait<T>(&mut self, waited_for: impl Future<Output = T>) -> Result<T, QueryError> {
        let pieces = self.sender.pieces.clone();
        tokio::select! {
            biased;
            there = self.time.limit(waited_for) => there,
            () = pieces.closed() => Err(QueryError::Abandoned),
        }
    }

    async fn rows(&mut self, rows: RowStream, prepared: &Prepared) -> Result<(), Failed> {
        let mut rows = pin!(rows);
        let mut summary = Summary::default();
        let mut piece = Vec::with_capacity(1024);
        piece.push(b'[');
        loop {
            // Most rows are there already.
            let next = match rows.next().now_or_never() {
                Some(next) => next,
                None => self.wait(rows.next()).await?,
            };
            let Some(row) = next else { break };
            let row = row?;
            if summary.rows == self.database.limits.most_rows {
                return Err(QueryError::Rows(summary.rows).into());
            }
            if summary.rows > 0 {
                piece.push(b',');
            }
            object(&row, prepared, &mut piece)?;
            summary.rows += 1;
            if summary.rows == 1 {
                self.has_begun.store(true, Ordering::Release);
            }
            if piece.len() >= PIECE {
                self.within_bytes(&mut summary, piece.len())?;
                let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE + PIECE / 4));
                self.send(full).await?;
            }
        }
        piece.push(b']');
        self.within_bytes(&mut summary, piece.len())?;
        summary.duration = self.time.started.elapsed();
        if prepared.fields.is_empty() {
            summary.rows = rows.rows_affected().unwrap_or(0);
        }
        self.sender.note(summary);
        self.has_begun.store(true, Ordering::Release);
        self.send(piece).await?;
        Ok(())
    }

    fn within_bytes(&self, summary: &mut Summary, more: usize) -> Result<(), QueryError> {
        summary.bytes += more as u64;
        let most = self.database.limits.most_bytes;
        if summary.bytes > most { Err(QueryError::Bytes(most)) } else { Ok(()) }
    }

    async fn send(&mut self, piece: Vec<u8>) -> Result<(), QueryError> {
        let pieces = self.sender.pieces.clone();
        let sent = self.time.limit(pieces.send(Ok(Bytes::from(piece)))).await?;
        sent.map_err(|_| QueryError::Abandoned)
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

/// Appends a row.
fn object(row: &Row, prepared: &Prepared, out: &mut Vec<u8>) -> Result<(), Failed> {
    for field in &prepared.fields {
        out.extend_from_slice(&field.key);
        match row.try_get::<_, Option<Wire<'_>>>(field.column)? {
            Some(Wire(bytes)) => encode::value(&field.shape, bytes, out)
                .map_err(|_| QueryError::Connect(ConnectError::Protocol))?,
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(if prepared.fields.is_empty() { b"{}" } else { b"}" });
    Ok(())
}

enum Failed {
    /// The server says so, or is gone.
    Database(tokio_postgres::Error),
    /// We do.
    Query(QueryError),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<QueryError> for Failed {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}
