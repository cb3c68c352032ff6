//! From a source to its reader.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::{Ending, Source};

/// How long a reader may take nothing of an answer. Longer, and what answers need could be held for ever.
pub const SLOWEST_READER: Duration = Duration::from_secs(30);

/// The pieces of a long answer. Only an answer that has ended well ends without an error.
pub struct Pieces<E> {
    held: std::vec::IntoIter<Bytes>,
    /// What the source said.
    rest: mpsc::Receiver<Option<Result<Bytes, E>>>,
    /// What is said if no end comes; nothing once one has come.
    cut: Option<E>,
}

/// The pieces that were held back, and then those that come, which a task takes from the source as fast as the reader
/// takes them from here. The answer is abandoned if the reader leaves, or takes longer than `slowest` for one piece.
pub fn passed_on<S: Source>(held: Vec<Bytes>, source: S, slowest: Duration) -> Pieces<S::Error> {
    let (send, rest) = mpsc::channel(1);
    tokio::spawn(pass_on(source, send, slowest));
    Pieces { held: held.into_iter(), rest, cut: Some(S::CUT) }
}

/// These pieces as one. Most answers are one piece, which is not copied.
#[must_use]
pub fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() > 1 { pieces.concat().into() } else { pieces.pop().unwrap_or_default() }
}

async fn pass_on<S: Source>(
    mut source: S,
    send: mpsc::Sender<Option<Result<Bytes, S::Error>>>,
    slowest: Duration,
) {
    loop {
        let next = tokio::select! {
            next = source.next() => next,
            // The reader has left while the source is silent.
            () = send.closed() => return source.end(Ending::Abandoned),
        };
        let piece = match next {
            Some(Ok(piece)) => piece,
            end => {
                source.end(if let Some(Err(error)) = &end { Ending::Failed(error) } else { Ending::Whole });
                // Nothing is wanted of the source any more, however slowly its last word is taken.
                let _ = send.send(end).await;
                return;
            }
        };
        let taken = tokio::time::timeout(slowest, send.send(Some(Ok(piece)))).await;
        // Left, or too slow.
        if !matches!(taken, Ok(Ok(()))) {
            return source.end(Ending::Abandoned);
        }
    }
}

impl<E: Unpin> Stream for Pieces<E> {
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(piece) = self.held.next() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.cut.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.rest.poll_recv(context)) {
            Some(Some(Ok(piece))) => Some(Ok(piece)),
            Some(end) => {
                self.cut = None;
                end
            }
            // The task ended without saying so: what came is not all there is.
            None => self.cut.take().map(Err),
        })
    }
}
