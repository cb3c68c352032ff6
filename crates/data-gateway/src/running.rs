//! A query that is being answered.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use databases::{QueryError, Rows, Summary};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use crate::RunError;
use crate::query_record::Outcome;
use crate::recording::Begun;
use crate::turns::Turn;

/// How long a caller may take nothing of an answer. Longer, and sessions with the database could be held for ever.
pub const SLOWEST_READER: Duration = Duration::from_secs(30);

/// A query whose answer has begun. Dropped, it is cancelled at the server, and its turn ends.
pub struct Running {
    // In this order: the session is given back before somebody else may have it.
    rows: Rows,
    turn: Turn,
    begun: Begun,
}

/// An answer.
pub enum Answered {
    /// It has ended and is whole.
    Whole(Bytes, Summary),
    /// It is longer than what is held back; an error may still come.
    Going(Pieces),
}

/// The pieces of a long answer. Only an answer that has ended well ends without an error.
pub struct Pieces {
    held: std::vec::IntoIter<Bytes>,
    rest: mpsc::Receiver<Piece>,
    ended: bool,
}

enum Piece {
    More(Bytes),
    Failed(QueryError),
    End,
}

impl Running {
    pub(crate) fn new(rows: Rows, turn: Turn, begun: Begun) -> Self {
        Self { rows, turn, begun }
    }

    /// Waits for the end, but holds back no more than so many bytes.
    ///
    /// # Errors
    /// The query failed before that.
    pub async fn answer(mut self, most_held: usize, slowest: Duration) -> Result<Answered, RunError> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.rows.next().await {
            match piece {
                Ok(piece) => {
                    bytes += piece.len();
                    held.push(piece);
                }
                Err(error) => {
                    self.end(Outcome::from(&error));
                    return Err(error.into());
                }
            }
            if bytes > most_held {
                let (send, rest) = mpsc::channel(1);
                tokio::spawn(self.pass_on(send, slowest));
                return Ok(Answered::Going(Pieces { held: held.into_iter(), rest, ended: false }));
            }
        }
        let summary = self.rows.summary();
        self.end(Outcome::from(summary.ending));
        Ok(Answered::Whole(joined(held, bytes), summary))
    }

    /// Takes rows from the database as fast as the caller takes them, if that is fast enough.
    async fn pass_on(mut self, send: mpsc::Sender<Piece>, slowest: Duration) {
        loop {
            let next = tokio::select! {
                next = self.rows.next() => next,
                // The caller has left while the database is silent.
                () = send.closed() => {
                    self.end(Outcome::Abandoned);
                    return;
                }
            };
            let (piece, outcome) = match next {
                Some(Ok(piece)) => (Piece::More(piece), None),
                Some(Err(error)) => {
                    let outcome = Outcome::from(&error);
                    (Piece::Failed(error), Some(outcome))
                }
                None => (Piece::End, Some(Outcome::from(self.rows.summary().ending))),
            };
            if let Some(outcome) = outcome {
                // Nothing is wanted of the database any more, however slowly the last piece is taken.
                self.end(outcome);
                let _ = send.send(piece).await;
                return;
            }
            match tokio::time::timeout(slowest, send.send(piece)).await {
                Ok(Ok(())) => {}
                // Left, or too slow.
                Ok(Err(_)) | Err(_) => {
                    self.end(Outcome::Abandoned);
                    return;
                }
            }
        }
    }

    fn end(self, outcome: Outcome) {
        let Self { rows, turn, mut begun } = self;
        begun.summary = rows.summary();
        drop((rows, turn));
        begun.end(outcome);
    }
}

/// Most answers are one piece, which is not copied.
fn joined(mut held: Vec<Bytes>, bytes: usize) -> Bytes {
    if held.len() == 1 {
        return held.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(bytes);
    for piece in held {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}

impl Stream for Pieces {
    type Item = Result<Bytes, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(piece) = self.held.next() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        self.rest.poll_recv(context).map(|piece| {
            if let Some(Piece::More(piece)) = piece {
                return Some(Ok(piece));
            }
            self.ended = true;
            match piece {
                Some(Piece::End) => None,
                Some(Piece::Failed(error)) => Some(Err(error)),
                // Cut: what came must not be taken for all there is.
                Some(Piece::More(_)) | None => Some(Err(QueryError::Abandoned)),
            }
        })
    }
}
