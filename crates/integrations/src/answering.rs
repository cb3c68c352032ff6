//! A call that a service is answering.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::HeaderMap;
use service_client::{AnswerBody, CallAnswer, CallError};
use streamed_answers::{Ending, Pieces, SLOWEST_READER, Source, joined, passed_on};

use crate::ExecuteError;
use crate::call_turns::{CallLeave, CallTurn, HeldBytes};
use crate::service_call::CallOutcome;
use crate::service_call_recording::Begun;

/// How much of an answer every call may hold, in bytes: for that there is room before anything is sent.
pub const ALWAYS_HELD: usize = 256 << 10;

/// A service's answer that has begun. Dropped, the conversation ends, and its turn.
pub struct Answering {
    /// The service's status: one of those from 200 to 299.
    pub status: u16,
    /// What is left of the service's headers.
    pub headers: HeaderMap,
    /// How many calls the service still takes, if it says so.
    pub calls_left: Option<u64>,
    conversation: Conversation,
    held: HeldBytes,
}

/// What an answer needs as long as it comes.
struct Conversation {
    // In this order: the conversation ends before somebody else may have its turn.
    body: AnswerBody,
    leave: CallLeave,
    begun: Begun,
}

/// The body of an answer.
pub enum Answered {
    /// It has ended and is whole.
    Whole(Bytes),
    /// It is longer than what is held back; an error may still come.
    Going(AnswerPieces),
}

/// The pieces of a long answer, counted as far as they are held.
pub struct AnswerPieces {
    pieces: Pieces<CallError>,
    _counted: HeldBytes,
}

impl Answering {
    pub(crate) fn new(answer: CallAnswer, turn: CallTurn, begun: Begun) -> Self {
        let CallAnswer { status, headers, calls_left, body, .. } = answer;
        let CallTurn { leave, mut held } = turn;
        held.shrink_to(ALWAYS_HELD);
        let conversation = Conversation { body, leave, begun };
        Self { status: status.as_u16(), headers, calls_left, conversation, held }
    }

    /// Waits for the end, and holds all of it. Twice as much is counted: something is written around it.
    ///
    /// # Errors
    /// It is larger than so many bytes or than there is room for, or did not come whole.
    pub async fn whole(mut self, most: usize) -> Result<(Bytes, HeldBytes), ExecuteError> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.conversation.next().await {
            let most = match &piece {
                Ok(piece) if bytes + piece.len() <= most && !self.has_room(2 * bytes, 2 * piece.len()) => {
                    bytes
                }
                _ => most,
            };
            let error = match piece {
                Ok(piece) if bytes + piece.len() <= most => {
                    bytes += piece.len();
                    held.push(piece);
                    continue;
                }
                Ok(_) => CallError::TooLarge { most_bytes: u64::try_from(most).unwrap_or(u64::MAX) },
                Err(error) => error,
            };
            self.conversation.end(Ending::Failed(&error));
            return Err(error.into());
        }
        self.conversation.end(Ending::Whole);
        Ok((joined(held), self.held))
    }

    /// Counts a piece of so many bytes after others.
    fn has_room(&mut self, before: usize, bytes: usize) -> bool {
        let more = (before + bytes).saturating_sub(before.max(ALWAYS_HELD));
        self.held.grow(more).is_ok()
    }

    /// Waits for the end, but holds back no more than so many bytes, and than there is room for.
    ///
    /// # Errors
    /// The conversation failed before that.
    pub async fn answer(mut self, most_held: usize) -> Result<Answered, ExecuteError> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.conversation.next().await {
            let has_room = match piece {
                Ok(piece) => {
                    let has_room = self.has_room(bytes, piece.len());
                    bytes += piece.len();
                    held.push(piece);
                    has_room
                }
                Err(error) => {
                    self.conversation.end(Ending::Failed(&error));
                    return Err(error.into());
                }
            };
            if bytes > most_held || !has_room {
                let pieces = passed_on(held, self.conversation, SLOWEST_READER);
                return Ok(Answered::Going(AnswerPieces { pieces, _counted: self.held }));
            }
        }
        self.conversation.end(Ending::Whole);
        Ok(Answered::Whole(self.held.keep(joined(held))))
    }
}

impl Source for Conversation {
    type Error = CallError;

    const CUT: CallError = CallError::NoAnswer;

    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.body.next().await
    }

    fn end(self, ending: Ending<'_, CallError>) {
        let Self { body, leave, begun } = self;
        drop((body, leave));
        begun.end(match ending {
            Ending::Whole => CallOutcome::Answered,
            Ending::Failed(error) => CallOutcome::from(error),
            Ending::Abandoned => CallOutcome::Abandoned,
        });
    }
}

impl Stream for AnswerPieces {
    type Item = Result<Bytes, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(context)
    }
}
