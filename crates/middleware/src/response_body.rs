//! The body of an app's answer on its way to the browser: never held as a whole.

use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use endpoint::http::{BodySize, BoxBody, MessageBody};
use futures_util::future::LocalBoxFuture;
use http_body::Body as _;
use hyper::body::Incoming;

use crate::live_streams::{Cut, Grounds};
use crate::request_body::Upload;
use crate::upstream_pool::Lease;

/// An answer's body, streamed.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    /// What was read ahead.
    first: Option<Result<Bytes, hyper::Error>>,
    size: BodySize,
    connection: Connection,
    grounds: Rc<Grounds>,
    /// Watches whether the person may still see this, from the first time the app makes us wait.
    watch: Option<LocalBoxFuture<'static, Cut>>,
}

/// The connection that the body comes from. It is used again only if both bodies went over whole.
pub(crate) struct Connection {
    lease: Option<Lease>,
    upload: Option<Rc<Upload>>,
}

/// Why an answer ended before its end. The browser's connection is aborted, so that it cannot take the
/// part for the whole.
#[derive(Debug, thiserror::Error)]
enum BrokenAnswer {
    #[error("the upstream broke off within its answer")]
    Upstream(#[source] hyper::Error),
    #[error("the answer was cut: {0}")]
    Cut(Cut),
}

impl Connection {
    pub(crate) fn new(lease: Lease, upload: Option<Rc<Upload>>) -> Self {
        Self { lease: Some(lease), upload }
    }

    pub(crate) fn answer_is_whole(&mut self) {
        if self.upload.as_ref().is_none_or(|upload| upload.is_finished())
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl ResponseBody {
    /// The body, as small as it can be: a piece that is the whole of it goes out together with the head.
    pub(crate) fn boxed(
        mut incoming: Incoming,
        size: BodySize,
        mut connection: Connection,
        grounds: Rc<Grounds>,
    ) -> BoxBody {
        if incoming.is_end_stream() {
            connection.answer_is_whole();
            return BoxBody::new(Bytes::new());
        }
        // The waker is registered anew whenever the body is polled.
        let mut context = Context::from_waker(std::task::Waker::noop());
        let first = match Pin::new(&mut incoming).poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => Some(frame.map(|frame| frame.into_data().unwrap_or_default())),
            Poll::Ready(None) | Poll::Pending => None,
        };
        match first {
            Some(Ok(bytes)) if incoming.is_end_stream() => {
                connection.answer_is_whole();
                BoxBody::new(bytes)
            }
            first => BoxBody::new(Self { incoming, first, size, connection, grounds, watch: None }),
        }
    }

    fn cut(&mut self, context: &mut Context<'_>) -> Poll<Cut> {
        let grounds = &self.grounds;
        let watch = self.watch.get_or_insert_with(|| Box::pin(Rc::clone(grounds).until_refused()));
        watch.as_mut().poll(context)
    }
}

impl MessageBody for ResponseBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        match self.first.take() {
            Some(Ok(first)) if !first.is_empty() => return Poll::Ready(Some(Ok(first))),
            Some(Err(error)) => return Poll::Ready(Some(Err(BrokenAnswer::Upstream(error).into()))),
            Some(Ok(_)) | None => {}
        }
        if self.watch.is_some()
            && let Poll::Ready(cut) = self.cut(context)
        {
            return Poll::Ready(Some(Err(BrokenAnswer::Cut(cut).into())));
        }
        loop {
            if self.incoming.is_end_stream() {
                self.connection.answer_is_whole();
                return Poll::Ready(None);
            }
            let polled = Pin::new(&mut self.incoming).poll_frame(context);
            if polled.is_pending()
                && self.watch.is_none()
                && let Poll::Ready(cut) = self.cut(context)
            {
                return Poll::Ready(Some(Err(BrokenAnswer::Cut(cut).into())));
            }
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                    // Trailers are dropped: no browser was promised any.
                    Err(_) => {}
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(BrokenAnswer::Upstream(error).into()))),
                None => {
                    self.connection.answer_is_whole();
                    return Poll::Ready(None);
                }
            }
        }
    }
}

/// The length of a body that is not sent: what HEAD is told.
pub(crate) struct AbsentBody(pub(crate) u64);

impl MessageBody for AbsentBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, std::convert::Infallible>>> {
        Poll::Ready(None)
    }
}
