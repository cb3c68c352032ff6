//! One request at a time, from the first byte of its head to the last byte of its answer.
//!
//! The parser behind keeps the method, version and connection options of the head it read last, and
//! writes answers by them. A request that is read while the one before is being answered would so take
//! that answer's body away (HEAD), or frame it for another version: what a client or a front end then
//! takes for the next answer is a piece of this one. So the next head waits until the answer is out.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::{Request, Response};
use bytes::Bytes;

/// How many answers of one connection are out, and who waits for the next.
#[derive(Default)]
pub(crate) struct Turns {
    answered: Cell<u64>,
    waiting: RefCell<Option<Waker>>,
}

impl Turns {
    /// Those of the connection that a request came on.
    pub(crate) fn of(request: &Request) -> Option<Rc<Self>> {
        request.conn_data::<Rc<Self>>().cloned()
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// Wakes this task when the next answer is out.
    pub(crate) fn wait(&self, context: &Context<'_>) {
        self.waiting.replace(Some(context.waker().clone()));
    }

    fn next(&self) {
        self.answered.set(self.answered.get() + 1);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}

/// The connection's turn that a request takes. It ends when it is dropped.
pub(crate) struct Turn(Rc<Turns>);

impl Turn {
    pub(crate) fn on(turns: Rc<Turns>) -> Self {
        Self(turns)
    }

    /// Ends with the answer: its body is dropped when the last byte of it was written down.
    pub(crate) fn ends_with(self, response: Response<BoxBody>) -> Response<BoxBody> {
        response.map_body(|_, body| BoxBody::new(LastOfTurn { body, _turn: self }))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.next();
    }
}

struct LastOfTurn {
    body: BoxBody,
    _turn: Turn,
}

impl MessageBody for LastOfTurn {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
