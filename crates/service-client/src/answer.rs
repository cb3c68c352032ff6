//! A service's answer on its way.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, StatusCode};

use crate::CallError;

/// A service's answer: no cookie, no challenge, no redirect to elsewhere, and nothing of the credential in it.
#[derive(Debug)]
pub struct CallAnswer {
    /// The service's status.
    pub status: StatusCode,
    /// What is left of its headers. There is no `Content-Length`: the body may change its length.
    pub headers: HeaderMap,
    /// When the service wants to be asked again, if it says that there were too many calls.
    pub retry_after: Option<Duration>,
    /// How many calls the service still takes, if it says so.
    pub calls_left: Option<u64>,
    /// The body.
    pub body: AnswerBody,
}

/// A body, read from the service only as fast as it is taken. It ends with an error when it costs more than the call's
/// limits; whoever drops it ends the connection.
pub struct AnswerBody {
    pieces: BoxStream<'static, Result<Bytes, CallError>>,
}

impl AnswerBody {
    pub(crate) fn new(pieces: impl Stream<Item = Result<Bytes, CallError>> + Send + 'static) -> Self {
        Self { pieces: pieces.boxed() }
    }

    /// The whole of it, up to this size.
    ///
    /// # Errors
    /// It is larger, or ends with an error.
    pub async fn whole(mut self, most: usize) -> Result<Bytes, CallError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.pieces.next().await {
            let piece = piece?;
            if whole.len() + piece.len() > most {
                return Err(CallError::TooLarge { most_bytes: most as u64 });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl Stream for AnswerBody {
    type Item = Result<Bytes, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AnswerBody")
    }
}
