//! What a tunnel is to those who use it.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::host_key::HostKeyCheck;
use crate::transport::{Ended, Hold};

/// A byte stream through a tunnel, with an SSH session of its own at every server on the way. Dropping it ends them
/// all.
///
/// A stream whose sessions break ends with an error, never as if the other side had finished.
pub struct TunnelStream {
    received: ChannelReadHalf,
    unread: Bytes,
    finished: Finished,
    sent: Box<dyn AsyncWrite + Send + Unpin>,
    ended: Ended,
    /// The session answers to it while it is there.
    _session: Handle<HostKeyCheck>,
    _hold: Hold,
}

#[derive(Default)]
struct Finished {
    reading: bool,
    writing: bool,
}

impl TunnelStream {
    pub(crate) fn new(
        channel: Channel<Msg>,
        session: Handle<HostKeyCheck>,
        ended: Ended,
        hold: Hold,
    ) -> Self {
        let (received, sent) = channel.split();
        Self {
            received,
            unread: Bytes::new(),
            finished: Finished::default(),
            sent: Box::new(sent.make_writer()),
            ended,
            _session: session,
            _hold: hold,
        }
    }

    /// The next piece of data; `None` at its end.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if self.finished.reading {
                return Poll::Ready(Ok(None));
            }
            // Nothing is lost with this future: what wakes us stays registered with the queue.
            match ready!(pin!(self.received.wait()).poll(context)) {
                Some(ChannelMsg::Data { data }) if !data.is_empty() => return Poll::Ready(Ok(Some(data))),
                Some(ChannelMsg::Eof) => self.finished.reading = true,
                Some(ChannelMsg::Close) | None => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                Some(_) => {}
            }
        }
    }

    /// What is pending stays so for ever when the session is over.
    fn unless_ended<T>(
        &mut self,
        poll: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if poll.is_pending() && self.ended.poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        poll
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            match ready!(self.poll_data(context))? {
                Some(data) => self.unread = data,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.unread.len().min(buffer.remaining());
        buffer.put_slice(self.unread.get(..length).unwrap_or_default());
        self.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let poll = Pin::new(&mut self.sent).poll_write(context, bytes);
        self.unless_ended(poll, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.sent).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.finished.writing {
            return Poll::Ready(Ok(()));
        }
        let poll = Pin::new(&mut self.sent).poll_shutdown(context);
        let poll = self.unless_ended(poll, context);
        self.finished.writing = poll.is_ready();
        poll
    }
}
