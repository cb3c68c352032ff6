//! An answer: from packets to pieces of JSON, within the limits.

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::row::RowWriter;
use super::shape::{Shape, fields};
use super::wire::{Column, Done, Refusal, Reply, WireError};
use super::{Fault, Session};
use crate::rows::RowsSender;
use crate::{Limits, QueryError, Summary, json};

/// How large a piece grows.
const PIECE: usize = 32 << 10;
/// The most bytes of one row as the server sends it: a row is read as a whole.
const LARGEST_ROW: u64 = 16 << 20;

/// Where an answer goes.
pub(crate) struct Answer {
    sender: RowsSender,
    /// Who waits for the first row.
    started: Option<oneshot::Sender<Result<(), QueryError>>>,
    limits: Limits,
    out: Vec<u8>,
    summary: Summary,
    since: Instant,
}

impl Answer {
    pub(crate) fn new(
        sender: RowsSender,
        started: oneshot::Sender<Result<(), QueryError>>,
        limits: Limits,
        since: Instant,
    ) -> Self {
        Self { sender, started: Some(started), limits, out: Vec::new(), summary: Summary::default(), since }
    }

    /// Reads the answer of a statement that has been sent, to its end. The packets are read only as fast as the pieces
    /// are taken.
    pub(crate) async fn read(&mut self, session: &mut Session) -> Result<(), Fault> {
        session.packets.begin_answer();
        match first(session).await? {
            Reply::Refused(refusal) => return Err(refusal.into()),
            Reply::Done(done) => {
                self.summary.rows = done.affected;
                self.out.push(b'[');
                header(&done, &mut self.out);
                self.out.extend_from_slice(b",null]");
            }
            Reply::Columns(count) => {
                let (columns, has_more) = session.columns(count).await?;
                if has_more {
                    self.several(session, columns).await?;
                } else {
                    self.out.push(b'[');
                    self.rows(session, &columns).await?;
                    self.out.push(b',');
                    fields(&columns, &mut self.out);
                    self.out.push(b']');
                }
            }
        }
        self.flush().await
    }

    /// What a procedure gives: a list of results, and a list of their fields.
    async fn several(&mut self, session: &mut Session, columns: Vec<Column>) -> Result<(), Fault> {
        self.out.extend_from_slice(b"[[");
        let mut described = Vec::new();
        let mut next = Some(columns);
        loop {
            let has_more = match next.take() {
                Some(columns) => {
                    let done = self.rows(session, &columns).await?;
                    described.push(b',');
                    fields(&columns, &mut described);
                    done.has_more()
                }
                None => match first(session).await? {
                    Reply::Refused(refusal) => return Err(refusal.into()),
                    Reply::Columns(count) => {
                        next = Some(session.columns(count).await?.0);
                        self.out.push(b',');
                        continue;
                    }
                    Reply::Done(done) => {
                        self.out.push(b',');
                        header(&done, &mut self.out);
                        described.extend_from_slice(b",null");
                        done.has_more()
                    }
                },
            };
            if !has_more {
                break;
            }
            // However many results there are, and however empty.
            self.within(described.len())?;
            if self.out.len() >= PIECE {
                self.flush().await?;
            }
        }
        self.out.extend_from_slice(b"],[");
        self.out.extend_from_slice(described.get(1..).unwrap_or_default());
        self.out.extend_from_slice(b"]]");
        Ok(())
    }

    async fn rows(&mut self, session: &mut Session, columns: &[Column]) -> Result<Done, Fault> {
        let shape = Shape::new(columns)?;
        let largest = LARGEST_ROW.min(self.limits.most_bytes);
        let most = usize::try_from(largest).unwrap_or(usize::MAX);
        let mut writer = RowWriter::new();
        self.out.push(b'[');
        let mut is_first = true;
        loop {
            let payload = match session.packets.next(most).await {
                Err(WireError::TooLarge) => return Err(QueryError::Row(largest).into()),
                payload => payload?,
            };
            if let Some(refusal) = Refusal::in_packet(&payload)? {
                return Err(refusal.into());
            }
            if let Some(done) = Done::at_end(&payload)? {
                self.out.push(b']');
                return Ok(done);
            }
            self.start();
            if self.summary.rows == self.limits.most_rows {
                return Err(QueryError::Rows(self.limits.most_rows).into());
            }
            self.summary.rows += 1;
            if !is_first {
                self.out.push(b',');
            }
            is_first = false;
            writer.begin(payload, &shape)?;
            while !writer.write(&shape, &mut self.out, PIECE)? {
                self.flush().await?;
            }
            if self.out.len() >= PIECE {
                self.flush().await?;
            }
        }
    }

    /// Passes on what has been written.
    async fn flush(&mut self) -> Result<(), Fault> {
        self.start();
        self.within(0)?;
        self.summary.bytes += self.out.len() as u64;
        self.summary.duration = self.since.elapsed();
        self.sender.note(self.summary);
        // Only what fills pieces gets room for another.
        let room = if self.out.len() < PIECE { 0 } else { PIECE + PIECE / 2 };
        let piece = Bytes::from(std::mem::replace(&mut self.out, Vec::with_capacity(room)));
        self.sender.pieces.send(Ok(piece)).await.map_err(|_| QueryError::Abandoned.into())
    }

    /// Whether the answer is within its limit, with what is written, and with so much more.
    fn within(&self, more: usize) -> Result<(), QueryError> {
        let bytes = self.summary.bytes + (self.out.len() + more) as u64;
        if bytes > self.limits.most_bytes { Err(QueryError::Bytes(self.limits.most_bytes)) } else { Ok(()) }
    }

    /// There is an answer: errors from now on come with the pieces.
    fn start(&mut self) {
        if let Some(started) = self.started.take() {
            // Nobody waits: that shows with the next piece.
            let _ = started.send(Ok(()));
        }
    }

    /// Whoever waits for a piece, or for the answer's beginning, learns why there is none; what they have not taken yet
    /// is theirs. Gives the error back if there is no room for it.
    pub(crate) fn fail(&mut self, error: QueryError) -> Result<(), QueryError> {
        self.summary.duration = self.since.elapsed();
        self.sender.note(self.summary);
        if let Some(started) = self.started.take() {
            let _ = started.send(Err(error));
            return Ok(());
        }
        match self.sender.pieces.try_send(Err(error)) {
            Err(tokio::sync::mpsc::error::TrySendError::Full(Err(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// As [`Answer::fail`], however long it takes until there is room.
    pub(crate) async fn fail_later(self, error: QueryError) {
        let _ = self.sender.pieces.send(Err(error)).await;
    }
}

async fn first(session: &mut Session) -> Result<Reply, Fault> {
    Ok(Reply::parse(&session.packets.next(super::session::MOST).await?)?)
}

/// What a statement without rows gives, in the words of MySQL's usual client for JavaScript.
fn header(done: &Done, out: &mut Vec<u8>) {
    let number = |name: &str, value: u64, out: &mut Vec<u8>| {
        out.extend_from_slice(name.as_bytes());
        super::cell::integer(&value.to_le_bytes(), true, out);
    };
    number("{\"fieldCount\":", 0, out);
    number(",\"affectedRows\":", done.affected, out);
    number(",\"insertId\":", done.inserted, out);
    out.extend_from_slice(b",\"info\":");
    json::string(&done.info, out);
    number(",\"serverStatus\":", done.status.into(), out);
    number(",\"warningStatus\":", done.warnings.into(), out);
    number(",\"changedRows\":", changed(&done.info), out);
    out.push(b'}');
}

/// How many rows an UPDATE changed, which servers say only in words: `Rows matched: 2  Changed: 1  Warnings: 0`.
fn changed(info: &str) -> u64 {
    let after = info.split_once("Changed: ").map_or("", |(_, after)| after);
    after.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
