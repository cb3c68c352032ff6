//! The body of a request on its way to the app: never held as a whole.
//!
//! The browser is read only as fast as the app takes it: a chunk is asked for when the connection to
//! the app has room.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use endpoint::http::{Payload, PayloadError};
use futures_util::Stream as _;
use http_body::{Body, Frame, SizeHint};

/// How far a body has come, seen from the answer's side.
#[derive(Debug)]
pub(crate) struct Upload {
    finished: Cell<bool>,
    failed: Cell<bool>,
    moved_at: Cell<Instant>,
}

impl Upload {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            finished: Cell::new(false),
            failed: Cell::new(false),
            moved_at: Cell::new(Instant::now()),
        })
    }

    /// All of it was handed to the connection.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// The browser broke off, or sent what is no body.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// When the last piece of it moved.
    pub(crate) fn moved_at(&self) -> Instant {
        self.moved_at.get()
    }
}

/// The body of a request for an app.
pub(crate) struct RequestBody {
    payload: Option<Payload>,
    /// What is still to come, if the browser said how long the body is.
    remaining: Option<u64>,
    upload: Option<Rc<Upload>>,
}

/// The body did not arrive whole.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request did not arrive whole")]
pub(crate) struct BrokenUpload;

impl RequestBody {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self { payload: None, remaining: Some(0), upload: None }
    }

    /// A body of this length, or of a length that shows at its end.
    pub(crate) fn streaming(payload: Payload, length: Option<u64>, upload: Rc<Upload>) -> Self {
        Self { payload: Some(payload), remaining: length, upload: Some(upload) }
    }

    fn end(&mut self) {
        self.payload = None;
        if let Some(upload) = &self.upload {
            upload.finished.set(true);
        }
    }

    fn fail(&mut self) -> BrokenUpload {
        self.payload = None;
        if let Some(upload) = &self.upload {
            upload.failed.set(true);
        }
        BrokenUpload
    }

    fn arrived(&mut self, chunk: Result<Bytes, PayloadError>) -> Result<Frame<Bytes>, BrokenUpload> {
        let chunk = chunk.map_err(|_| self.fail())?;
        if let Some(upload) = &self.upload {
            upload.moved_at.set(Instant::now());
        }
        if let Some(remaining) = self.remaining {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            let rest = remaining.checked_sub(length).ok_or_else(|| self.fail())?;
            self.remaining = Some(rest);
            if rest == 0 {
                self.end();
            }
        }
        Ok(Frame::data(chunk))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokenUpload;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenUpload>>> {
        let Some(payload) = &mut self.payload else { return Poll::Ready(None) };
        match Pin::new(payload).poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(chunk)) => Poll::Ready(Some(self.arrived(chunk))),
            Poll::Ready(None) if self.remaining.is_some_and(|rest| rest > 0) => {
                Poll::Ready(Some(Err(self.fail())))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.payload.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
