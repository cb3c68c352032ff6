//! A call that a service is answering.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::HeaderMap;
use service_client::{AnswerBody, CallAnswer, CallError};
use tokio::sync::mpsc;

use crate::ExecuteError;
use crate::call_turns::{CallLeave, CallTurn, HeldBytes};
use crate::service_call::CallOutcome;
use crate::service_call_recording::Begun;

/// How long a caller may take nothing of an answer. Longer, and turns could be held for ever.
pub const SLOWEST_READER: Duration = Duration::from_secs(30);

/// How much of an answer every call may hold, in bytes: for that there is room before anything is sent.
pub const ALWAYS_HELD: usize = 256 << 10;

/// A service's answer that has begun. Dropped, the conversation ends, and its turn.
pub struct Answering {
    /// The service's status: one of those from 200 to 299.
    pub status: u16,
    /// What is left of the service's headers.
    pub headers: HeaderMap,
    // In this order: the conversation ends before somebody else may have its turn.
    body: AnswerBody,
    leave: CallLeave,
    held: HeldBytes,
    begun: Begun,
}

/// The body of an answer.
pub enum Answered {
    /// It has ended and is whole.
    Whole(Bytes),
    /// It is longer than what is held back; an error may still come.
    Going(AnswerPieces),
}

/// The pieces of a long answer. Only an answer that has ended well ends without an error.
pub struct AnswerPieces {
    held: std::vec::IntoIter<Bytes>,
    rest: mpsc::Receiver<Piece>,
    ended: bool,
    _counted: HeldBytes,
}

/// The rest of an answer, which a task passes on.
struct PassedOn {
    // In this order, as above.
    body: AnswerBody,
    leave: CallLeave,
    begun: Begun,
}

enum Piece {
    More(Bytes),
    Failed(CallError),
    End,
}

impl Answering {
    pub(crate) fn new(answer: CallAnswer, turn: CallTurn, begun: Begun) -> Self {
        let CallAnswer { status, headers, body, .. } = answer;
        let CallTurn { leave, mut held } = turn;
        held.shrink_to(ALWAYS_HELD);
        Self { status: status.as_u16(), headers, body, leave, held, begun }
    }

    /// Waits for the end, and holds all of it. Twice as much is counted: something is written around it.
    ///
    /// # Errors
    /// It is larger than so many bytes or than there is room for, or did not come whole.
    pub async fn whole(mut self, most: usize) -> Result<(Bytes, HeldBytes), ExecuteError> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.body.next().await {
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
            self.end(CallOutcome::from(&error));
            return Err(error.into());
        }
        let counted = self.end(CallOutcome::Answered);
        Ok((joined(held, bytes), counted))
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
    pub async fn answer(mut self, most_held: usize, slowest: Duration) -> Result<Answered, ExecuteError> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.body.next().await {
            let has_room = match piece {
                Ok(piece) => {
                    let has_room = self.has_room(bytes, piece.len());
                    bytes += piece.len();
                    held.push(piece);
                    has_room
                }
                Err(error) => {
                    self.end(CallOutcome::from(&error));
                    return Err(error.into());
                }
            };
            if bytes > most_held || !has_room {
                let (send, rest) = mpsc::channel(1);
                let Self { body, leave, held: counted, begun, .. } = self;
                tokio::spawn(PassedOn { body, leave, begun }.run(send, slowest));
                let held = held.into_iter();
                return Ok(Answered::Going(AnswerPieces { held, rest, ended: false, _counted: counted }));
            }
        }
        let counted = self.end(CallOutcome::Answered);
        Ok(Answered::Whole(counted.keep(joined(held, bytes))))
    }

    /// Ends the call, but not what is held of it.
    fn end(self, outcome: CallOutcome) -> HeldBytes {
        let Self { body, leave, held, begun, .. } = self;
        PassedOn { body, leave, begun }.end(outcome);
        held
    }
}

impl PassedOn {
    /// Takes pieces from the service as fast as the caller takes them, if that is fast enough.
    async fn run(mut self, send: mpsc::Sender<Piece>, slowest: Duration) {
        loop {
            let next = tokio::select! {
                next = self.body.next() => next,
                // The caller has left while the service is silent.
                () = send.closed() => {
                    self.end(CallOutcome::Abandoned);
                    return;
                }
            };
            let (piece, outcome) = match next {
                Some(Ok(piece)) => (Piece::More(piece), None),
                Some(Err(error)) => {
                    let outcome = CallOutcome::from(&error);
                    (Piece::Failed(error), Some(outcome))
                }
                None => (Piece::End, Some(CallOutcome::Answered)),
            };
            if let Some(outcome) = outcome {
                // Nothing is wanted of the service any more, however slowly the last piece is taken.
                self.end(outcome);
                let _ = send.send(piece).await;
                return;
            }
            match tokio::time::timeout(slowest, send.send(piece)).await {
                Ok(Ok(())) => {}
                // Left, or too slow.
                Ok(Err(_)) | Err(_) => {
                    self.end(CallOutcome::Abandoned);
                    return;
                }
            }
        }
    }

    fn end(self, outcome: CallOutcome) {
        let Self { body, leave, begun } = self;
        drop((body, leave));
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

impl Stream for AnswerPieces {
    type Item = Result<Bytes, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(piece) = self.held.next() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        self.rest.poll_recv(context).map(|piece| {
            let piece = match piece {
                Some(Piece::More(piece)) => return Some(Ok(piece)),
                Some(Piece::Failed(error)) => Some(Err(error)),
                Some(Piece::End) => None,
                // The task that reads ended without saying so: what came is not all there is.
                None => Some(Err(CallError::NoAnswer)),
            };
            self.ended = true;
            piece
        })
    }
}
