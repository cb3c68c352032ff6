//! Rows, from the server to the pieces of an answer.

use std::pin::pin;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Error, Row, RowStream};

use super::encode::{self, Room, Unwritten};
use super::run::Run;
use super::statements::Prepared;
use crate::{ConnectError, QueryError, Summary};

/// A piece that is longer is sent.
const PIECE: usize = 32 << 10;

/// Why an answer broke off.
pub(super) enum Failed {
    /// The server says so, or is gone.
    Database(Error),
    /// It is not wanted any more, or not wanted so long.
    Query(QueryError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<QueryError> for Failed {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// A value as it came.
struct Value<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(_kind: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(bytes))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

impl Run {
    /// Writes the rows as they come, and no faster than the pieces are taken: meanwhile nobody reads from the server.
    ///
    /// # Errors
    /// See [`Failed`].
    pub(super) async fn answer(&mut self, rows: RowStream, prepared: &Prepared) -> Result<(), Failed> {
        let most_rows = self.database.limits.most_rows;
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
            if summary.rows == most_rows {
                return Err(QueryError::Rows(most_rows).into());
            }
            if summary.rows > 0 {
                piece.push(b',');
            }
            self.object(&row, prepared, &summary, &mut piece)?;
            summary.rows += 1;
            if summary.rows == 1 {
                self.has_begun.store(true, Ordering::Release);
            }
            if piece.len() >= PIECE {
                let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE + PIECE / 4));
                self.send(full, &mut summary).await?;
            }
        }
        piece.push(b']');
        if prepared.fields.is_empty() && summary.rows == 0 {
            summary.rows = rows.rows_affected().unwrap_or(0);
        }
        self.send(piece, &mut summary).await?;
        self.has_begun.store(true, Ordering::Release);
        Ok(())
    }

    /// Appends a row, unless it is longer than a row may be, or than what is left of the answer: it is in memory as a
    /// whole before it is sent.
    fn object(
        &self,
        row: &Row,
        prepared: &Prepared,
        summary: &Summary,
        piece: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let (most_bytes, longest) = (self.database.limits.most_bytes, self.database.opener.longest());
        let left = most_bytes.saturating_sub(summary.bytes);
        let row_ends = (piece.len() as u64).saturating_add(longest);
        let most = usize::try_from(left.min(row_ends)).unwrap_or(usize::MAX);
        object(row, prepared, &mut Room::new(piece, most)).map_err(|unwritable| match unwritable {
            Unwritable::Database(error) => error.into(),
            Unwritable::Value(Unwritten::Malformed) => QueryError::Connect(ConnectError::Protocol).into(),
            Unwritable::Value(Unwritten::Room) if left <= row_ends => QueryError::Bytes(most_bytes).into(),
            Unwritable::Value(Unwritten::Room) => QueryError::Row(longest).into(),
        })
    }

    async fn send(&mut self, piece: Vec<u8>, summary: &mut Summary) -> Result<(), QueryError> {
        summary.bytes += piece.len() as u64;
        summary.duration = self.time.started.elapsed();
        let most_bytes = self.database.limits.most_bytes;
        if summary.bytes > most_bytes {
            return Err(QueryError::Bytes(most_bytes));
        }
        self.sender.note(*summary);
        let pieces = self.sender.pieces.clone();
        let sent = self.time.limit(pieces.send(Ok(Bytes::from(piece)))).await?;
        sent.map_err(|_| QueryError::Abandoned)
    }
}

/// Appends a row.
fn object(row: &Row, prepared: &Prepared, room: &mut Room<'_>) -> Result<(), Unwritable> {
    for field in &prepared.fields {
        room.has(field.key.len())?;
        room.out.extend_from_slice(&field.key);
        match row.try_get::<_, Option<Value<'_>>>(field.column)? {
            Some(Value(bytes)) => encode::value(&field.shape, bytes, room)?,
            None => room.out.extend_from_slice(b"null"),
        }
        room.has(0)?;
    }
    room.out.extend_from_slice(if prepared.fields.is_empty() { b"{}" } else { b"}" });
    Ok(())
}

/// Why a row was not written.
enum Unwritable {
    Database(Error),
    Value(Unwritten),
}

impl From<Error> for Unwritable {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<Unwritten> for Unwritable {
    fn from(unwritten: Unwritten) -> Self {
        Self::Value(unwritten)
    }
}
