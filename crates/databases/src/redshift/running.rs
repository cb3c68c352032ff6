//! A statement from its beginning to the end of its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use postgres_protocol::message::backend::Message;
use serde_json::Value;
use tokio::sync::oneshot;

use super::answer::Answer;
use super::messages::put_statement;
use super::session::leaves_little;
use super::{Counted, Sessions};
use crate::rows::RowsSender;
use crate::{Caller, Ending, Query, QueryError, Summary};

/// The most records of an answer, as existing apps know it.
const MOST_RECORDS: u64 = 5_000;
/// What is said if there are more.
const TRUNCATED: &str = "the answer has more than 5,000 records; these are the first 5,000";
/// SQLSTATE of a statement that was cancelled, by the server's own clock too.
const CANCELLED: &str = "57014";

/// A statement that is to be run.
pub(super) struct Running {
    sessions: Arc<Sessions>,
    sql: String,
    parameters: Vec<Option<String>>,
    caller: Caller,
    timeout: Duration,
    started: Instant,
    /// Whether its session can be put in order after it.
    leaves_little: bool,
}

/// How a conversation about one statement ended.
enum End {
    /// The server waits for the next statement.
    Ready(Ending, Option<String>),
    /// It was broken off.
    Off(Stop),
}

enum Stop {
    /// Time was up.
    Timeout,
    /// Nobody reads the answer.
    Abandoned,
    /// Too many rows or bytes, or the server is gone.
    Error(QueryError),
}

impl Running {
    /// # Errors
    /// Parameters that are no strings, or too few.
    pub(super) fn new(sessions: Arc<Sessions>, query: &Query) -> Result<Self, QueryError> {
        if query.parameters.len() != query.statement.placeholders() {
            return Err(QueryError::Parameters("one parameter for each name is needed".to_owned()));
        }
        let parameters = query.parameters.iter().map(text).collect::<Result<_, _>>()?;
        let timeout = query.timeout.min(sessions.limits.most_time());
        Ok(Self {
            sql: query.statement.sql().to_owned(),
            parameters,
            caller: query.caller.clone(),
            timeout,
            sessions,
            started: Instant::now(),
            leaves_little: leaves_little(&query.statement),
        })
    }

    /// Runs it. The answer begins once `begun` says so.
    pub(super) async fn run(self, sender: RowsSender, begun: oneshot::Sender<Result<(), QueryError>>) {
        let places = Arc::clone(&self.sessions.places);
        let place = tokio::time::timeout(self.timeout, places.acquire_owned()).await;
        let Ok(Ok(_place)) = place else {
            let _ = begun.send(Err(QueryError::Timeout(self.milliseconds())));
            return;
        };
        let mut session = match self.prepared().await {
            Ok(session) => session,
            Err(error) => {
                let _ = begun.send(Err(error));
                return;
            }
        };
        if begun.send(Ok(())).is_err() {
            return;
        }
        let mut answer = Answer::new();
        let end = self.converse(&mut session, &mut answer, &sender).await;
        let (last, session) = match end {
            End::Ready(status, error) => (Ok((status, error)), Some(session)),
            End::Off(stop) => {
                self.sessions.opener.cancel(session.session.key).await;
                drop(session);
                match stop {
                    Stop::Timeout => (Ok((Ending::TimedOut, Some(self.timed_out()))), None),
                    Stop::Abandoned => return,
                    Stop::Error(error) => (Err(error), None),
                }
            }
        };
        let mut summary =
            Summary { rows: answer.records, duration: self.started.elapsed(), ..Summary::default() };
        let last = last.map(|(status, error)| {
            let (piece, bytes) = answer.end(status, error.as_deref());
            summary.bytes = bytes;
            summary.ending = status;
            piece
        });
        sender.note(summary);
        // The session is put in order, or ended, before the answer ends: whoever sees the end finds it so.
        if let Some(mut session) = session {
            if !self.leaves_little {
                session.session.leave().await;
            } else if session.session.restore().await.is_ok() {
                self.sessions.give_back(session);
            }
        }
        let _ = sender.pieces.send(last).await;
    }

    /// A session that is ready for the statement: a kept one, if it still lives.
    async fn prepared(&self) -> Result<Counted, QueryError> {
        let opener = &self.sessions.opener;
        while let Some(mut kept) = self.sessions.take() {
            match opener.prepare(&mut kept.session, &self.caller, self.timeout).await {
                Ok(()) => return Ok(kept),
                Err(QueryError::Broken) => {}
                Err(error) => return Err(error),
            }
        }
        let mut fresh = self.sessions.fresh().await?;
        opener.prepare(&mut fresh.session, &self.caller, self.timeout).await?;
        Ok(fresh)
    }

    async fn converse(&self, counted: &mut Counted, answer: &mut Answer, sender: &RowsSender) -> End {
        let conversation = &mut counted.session.conversation;
        let most = self.sessions.limits.most_rows.min(MOST_RECORDS);
        // One more than may be answered, to know whether there is one.
        let asked = i32::try_from(most + 1).unwrap_or(i32::MAX);
        let sent = match put_statement(conversation.outgoing(), &self.sql, &self.parameters, asked) {
            Ok(()) => conversation.send().await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            return End::Off(Stop::Error(error));
        }
        let deadline = tokio::time::sleep_until((self.started + self.timeout).into());
        tokio::pin!(deadline);
        let mut said: Option<(Ending, Option<String>)> = None;
        loop {
            let message = tokio::select! {
                message = conversation.receive(self.sessions.limits.most_bytes) => message,
                () = &mut deadline => return End::Off(Stop::Timeout),
                () = sender.pieces.closed() => return End::Off(Stop::Abandoned),
            };
            let taken = match message {
                Ok(Message::DataRow(row)) if answer.records < most => answer.record(&row),
                Ok(Message::DataRow(_)) if most < MOST_RECORDS => Err(QueryError::Rows(most)),
                Ok(Message::DataRow(_)) => {
                    said = Some((Ending::Finished, Some(TRUNCATED.to_owned())));
                    Ok(())
                }
                Ok(Message::RowDescription(described)) => answer.columns(&described),
                Ok(Message::ErrorResponse(body)) => {
                    said = Some(self.refused(conversation.refusal(&body)));
                    Ok(())
                }
                Ok(Message::ReadyForQuery(_)) => {
                    let (status, error) = said.unwrap_or((Ending::Finished, None));
                    return End::Ready(status, error);
                }
                // The guard lets no statement through that is answered so.
                Ok(Message::CopyInResponse(_) | Message::CopyOutResponse(_)) => Err(QueryError::Broken),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            let written = taken.and_then(|()| {
                let most_bytes = self.sessions.limits.most_bytes;
                if answer.bytes > most_bytes {
                    Err(QueryError::Bytes(most_bytes))
                } else {
                    Ok(answer.piece())
                }
            });
            match written {
                Ok(None) => {}
                Ok(Some(piece)) => {
                    if self.send(answer, sender, piece).await.is_err() {
                        return End::Off(Stop::Abandoned);
                    }
                }
                Err(error) => return End::Off(Stop::Error(error)),
            }
        }
    }

    async fn send(&self, answer: &Answer, sender: &RowsSender, piece: Bytes) -> Result<(), ()> {
        let duration = self.started.elapsed();
        sender.note(Summary { rows: answer.records, bytes: answer.bytes, duration, ..Summary::default() });
        sender.pieces.send(Ok(piece)).await.map_err(drop)
    }

    fn refused(&self, refusal: QueryError) -> (Ending, Option<String>) {
        match refusal {
            QueryError::Database { code, .. } if code == CANCELLED => {
                (Ending::TimedOut, Some(self.timed_out()))
            }
            refusal => (Ending::Failed, Some(refusal.to_string())),
        }
    }

    fn timed_out(&self) -> String {
        QueryError::Timeout(self.milliseconds()).to_string()
    }

    fn milliseconds(&self) -> u32 {
        u32::try_from(self.timeout.as_millis()).unwrap_or(u32::MAX)
    }
}

/// A parameter as text. Strings are what existing apps send; numbers and truth values mean their text.
fn text(parameter: &Value) -> Result<Option<String>, QueryError> {
    match parameter {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Array(_) | Value::Object(_) => {
            Err(QueryError::Parameters("a parameter is neither a string nor a number".to_owned()))
        }
    }
}
