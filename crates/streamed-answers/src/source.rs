//! Where an answer comes from.

use bytes::Bytes;

/// Where an answer comes from, and what it needs as long as it comes: a session or a conversation, a turn, a record.
pub trait Source: Send + 'static {
    /// Why an answer breaks off.
    type Error: Send + Unpin + 'static;

    /// What the reader is told if the answer was cut and nobody says why.
    const CUT: Self::Error;

    /// The next piece; nothing after the last one. It is not asked for again after an error, nor after a wait that was
    /// given up.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, Self::Error>>> + Send;

    /// The answer has ended like this. What it needed is given back in the order that is right: what talks to the other
    /// side first, then the turn in which it did.
    fn end(self, ending: Ending<'_, Self::Error>);
}

/// How an answer ended.
#[derive(Debug)]
pub enum Ending<'a, E> {
    /// There is nothing after the last piece.
    Whole,
    /// With an error.
    Failed(&'a E),
    /// Nobody waited for the rest any more, or took it too slowly.
    Abandoned,
}
