//! A query that is being answered.

use bytes::Bytes;
use databases::{QueryError, Rows, Summary};
use futures_util::StreamExt as _;
use streamed_answers::{Ending, Pieces, SLOWEST_READER, Source, joined, passed_on};

use crate::RunError;
use crate::query_record::Outcome;
use crate::recording::Begun;
use crate::turns::Turn;

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
    Going(Pieces<QueryError>),
}

impl Running {
    pub(crate) fn new(rows: Rows, turn: Turn, begun: Begun) -> Self {
        Self { rows, turn, begun }
    }

    /// Waits for the end, but holds back no more than so many bytes.
    ///
    /// # Errors
    /// The query failed before that.
    pub async fn answer(mut self, most_held: usize) -> Result<Answered, RunError> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.rows.next().await {
            match piece {
                Ok(piece) => {
                    bytes += piece.len();
                    held.push(piece);
                }
                Err(error) => {
                    self.end(Ending::Failed(&error));
                    return Err(error.into());
                }
            }
            if bytes > most_held {
                return Ok(Answered::Going(passed_on(held, self, SLOWEST_READER)));
            }
        }
        let summary = self.rows.summary();
        self.end(Ending::Whole);
        Ok(Answered::Whole(joined(held), summary))
    }
}

impl Source for Running {
    type Error = QueryError;

    const CUT: QueryError = QueryError::Abandoned;

    async fn next(&mut self) -> Option<Result<Bytes, QueryError>> {
        self.rows.next().await
    }

    fn end(self, ending: Ending<'_, QueryError>) {
        let Self { rows, turn, mut begun } = self;
        let summary = rows.summary();
        drop((rows, turn));
        begun.amount = summary;
        begun.end(match ending {
            Ending::Whole => Outcome::from(summary.ending),
            Ending::Failed(error) => Outcome::from(error),
            Ending::Abandoned => Outcome::Abandoned,
        });
    }
}
