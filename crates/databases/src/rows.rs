//! An answer on its way.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::QueryError;

/// Pieces of JSON in the engine's own shape, read from the database only as fast as they are taken. Whoever drops it
/// cancels the query at the server.
pub struct Rows {
    pieces: mpsc::Receiver<Result<Bytes, QueryError>>,
    summary: Arc<Mutex<Summary>>,
}

/// What became of a query; complete once its pieces have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows that were read, or changed.
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
    /// How long the database took, until its last row.
    pub duration: Duration,
    /// What a whole answer says of its statement.
    pub ending: Ending,
}

/// What a whole answer says of its statement: those of Redshift say themselves that there was an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It ended well.
    #[default]
    Finished,
    /// The database refused it.
    Failed,
    /// It ran too long.
    TimedOut,
}

/// Where an engine puts the pieces.
#[derive(Clone)]
pub(crate) struct RowsSender {
    pub(crate) pieces: mpsc::Sender<Result<Bytes, QueryError>>,
    summary: Arc<Mutex<Summary>>,
}

impl Rows {
    /// A pair with room for a few pieces between them.
    pub(crate) fn channel() -> (RowsSender, Self) {
        let (sender, pieces) = mpsc::channel(4);
        let summary = Arc::<Mutex<Summary>>::default();
        (RowsSender { pieces: sender, summary: Arc::clone(&summary) }, Self { pieces, summary })
    }

    /// What became of the query so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RowsSender {
    /// Says what became of the query so far.
    pub(crate) fn note(&self, summary: Summary) {
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = summary;
    }
}

impl Stream for Rows {
    type Item = Result<Bytes, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_recv(context)
    }
}
