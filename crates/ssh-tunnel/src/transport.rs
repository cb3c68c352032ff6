//! The connection below a session, which can be cut from outside: the library's session is a task of its own, and only
//! what it reads and writes can end it at any moment.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::TunnelStream;

/// How long a session that nobody holds any more may take to send what was written to it.
const LINGERING: Duration = Duration::from_secs(1);
/// What is read at once, in bytes: a packet's length and content are read one by one.
const READ_AHEAD: usize = 64 * 1024;

/// What a session runs over.
pub(crate) enum Line {
    Tcp(TcpStream),
    Tunnel(Box<TunnelStream>),
}

/// A line, until it is cut.
pub(crate) struct Transport {
    line: BufReader<Line>,
    state: State,
    /// Dropped together with this: tells [`Ended`].
    _running: oneshot::Sender<()>,
}

enum State {
    Held(oneshot::Receiver<()>),
    Lingering(Pin<Box<Sleep>>),
    Cut,
}

/// Whoever holds this keeps the line; dropped, the session has a moment to send what was written.
pub(crate) struct Hold(oneshot::Sender<()>);

/// Tells when the session is over.
pub(crate) struct Ended(oneshot::Receiver<()>);

impl Transport {
    pub(crate) fn new(line: Line) -> (Self, Hold, Ended) {
        let (hold, held) = oneshot::channel();
        let (running, ended) = oneshot::channel();
        let line = BufReader::with_capacity(READ_AHEAD, line);
        (Self { line, state: State::Held(held), _running: running }, Hold(hold), Ended(ended))
    }

    /// An error as soon as the line is cut. The session reads and writes in one task, which is woken by either.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if let State::Held(held) = &mut self.state {
            match Pin::new(held).poll(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) => self.state = State::Cut,
                Poll::Ready(Err(_)) => self.state = State::Lingering(Box::pin(sleep(LINGERING))),
            }
        }
        if let State::Lingering(time) = &mut self.state {
            match time.as_mut().poll(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => self.state = State::Cut,
            }
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl Hold {
    /// Ends the session at once.
    pub(crate) fn cut(self) {
        let _ = self.0.send(());
    }
}

impl Ended {
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.0.is_terminated() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.line).poll_read(context, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.line).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.line).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.line).poll_shutdown(context)
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}
