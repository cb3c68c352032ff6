//! A source whose pieces a test hands in, and which says how it ended.

use bytes::Bytes;
use streamed_answers::{Ending, Source};
use tokio::sync::mpsc;

/// How a source ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Whole,
    Failed(&'static str),
    Abandoned,
}

/// What the source says next.
pub enum Next {
    Piece(&'static [u8]),
    Failure(&'static str),
    Panic,
}

pub struct Tap {
    next: mpsc::UnboundedReceiver<Next>,
    ended: mpsc::UnboundedSender<Ended>,
}

/// A source, where its pieces are handed in, and where it says how it ended. It ends when nothing can be handed in any
/// more.
pub fn tap() -> (Tap, mpsc::UnboundedSender<Next>, mpsc::UnboundedReceiver<Ended>) {
    let (hand_in, next) = mpsc::unbounded_channel();
    let (ended, said) = mpsc::unbounded_channel();
    (Tap { next, ended }, hand_in, said)
}

impl Source for Tap {
    type Error = &'static str;

    const CUT: &'static str = "cut";

    async fn next(&mut self) -> Option<Result<Bytes, &'static str>> {
        Some(match self.next.recv().await? {
            Next::Piece(piece) => Ok(Bytes::from_static(piece)),
            Next::Failure(error) => Err(error),
            Next::Panic => panic!("the source broke"),
        })
    }

    fn end(self, ending: Ending<'_, &'static str>) {
        let _ = self.ended.send(match ending {
            Ending::Whole => Ended::Whole,
            Ending::Failed(error) => Ended::Failed(error),
            Ending::Abandoned => Ended::Abandoned,
        });
    }
}
