//! Puts the strict reading of [`crate::framing`] between a connection and the parser.
//!
//! The parser sees only whole, well-formed heads, one at a time: the next waits until the request before it
//! was answered. A refused head is replaced by one that no client can send (`TRACE` never passes), which
//! the dispatcher answers in its turn; then the connection closes. In a refused body the stream ends; if
//! nothing was answered yet, the refusal is written before closing.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::framing::{Framing, Verdict};
use crate::refusal::Refusal;
use crate::request_head::LARGEST_HEAD;
use crate::turns::Turns;

/// How many bytes are read and thrown away after a refusal, so that the answer is not lost to a reset.
const MOST_DISCARDED: usize = 1024 * 1024;
/// How long a refused client is listened to after the answer.
const LINGER: Duration = Duration::from_millis(500);

const BODY_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\
content-length: 134\r\nconnection: close\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\r\n\
{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"malformed_body\",\"detail\":\"The body is not framed as RFC 9112 wants.\"}";

/// A connection whose bytes are read strictly.
pub(crate) struct StrictStream<T> {
    io: T,
    framing: Framing,
    turns: Rc<Turns>,
    /// Read, and not yet known to be good.
    held: Vec<u8>,
    /// Of what is held, something came before its turn.
    early: bool,
    /// Known to be good, and not yet taken.
    good: Vec<u8>,
    taken: usize,
    refused_head_told: bool,
    heads: u64,
    answered: bool,
    discarded: usize,
    closing: Closing,
}

enum Closing {
    Not,
    Answer(usize),
    Shutdown,
    Linger(Pin<Box<Sleep>>),
}

impl<T> StrictStream<T> {
    pub(crate) fn new(io: T) -> Self {
        Self {
            io,
            framing: Framing::default(),
            turns: Rc::default(),
            held: Vec::new(),
            early: false,
            good: Vec::new(),
            taken: 0,
            refused_head_told: false,
            heads: 0,
            answered: false,
            discarded: 0,
            closing: Closing::Not,
        }
    }

    /// Whose turn it is on this connection.
    pub(crate) fn turns(&self) -> Rc<Turns> {
        Rc::clone(&self.turns)
    }

    /// Says what the parser is given in place of a refused head.
    fn tell_refused_head(&mut self, refusal: Refusal) {
        self.held = Vec::new();
        self.refused_head_told = true;
        self.good.extend_from_slice(&stand_in(refusal));
    }

    fn note_heads(&mut self) {
        if self.heads != self.framing.heads() {
            self.heads = self.framing.heads();
            self.answered = false;
        }
    }

    /// Passes on what is good of what is held.
    fn judge_held(&mut self) {
        let passed = self.framing.advance(&self.held);
        self.good.extend(self.held.drain(..passed));
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    fn take_good(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = self.good.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        let step = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..step).unwrap_or_default());
        self.taken += step;
        if self.taken == self.good.len() {
            self.good.clear();
            self.taken = 0;
        }
        true
    }
}

/// A head that only this module can put before the parser.
fn stand_in(refusal: Refusal) -> Vec<u8> {
    let number = Refusal::ALL.iter().position(|other| *other == refusal).unwrap_or(0);
    format!("TRACE /{number} HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n").into_bytes()
}

/// What a stand-in head stands for.
pub(crate) fn refusal_behind(request: &actix_http::Request) -> Option<Refusal> {
    if request.method() != actix_http::Method::TRACE {
        return None;
    }
    let number = request.path().strip_prefix('/').and_then(|text| text.parse::<usize>().ok());
    Some(number.and_then(|number| Refusal::ALL.get(number)).copied().unwrap_or(Refusal::Method))
}

impl<T: AsyncRead + Unpin> StrictStream<T> {
    /// Nothing more counts; only the end is still of interest.
    fn discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        while self.discarded < MOST_DISCARDED {
            let mut read = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.discarded += read.filled().len();
        }
        Poll::Pending
    }

    /// Reads straight into the parser's buffer, which is the rule, and takes back what is not whole.
    fn read_through(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let passed = self.framing.advance(new);
        if self.framing.verdict() == Verdict::Open {
            self.held.extend_from_slice(new.get(passed..).unwrap_or_default());
        }
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(passed > 0))
    }

    /// Reads a little while an answer is under way: its client may leave meanwhile.
    fn read_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.turns.wait(context);
        self.early = !self.held.is_empty();
        let mut scratch = [0; 2048];
        while self.held.len() < LARGEST_HEAD {
            let mut read = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.held.extend_from_slice(read.filled());
            self.early = true;
        }
        Poll::Pending
    }

    /// Completes a head that came in pieces.
    fn read_on(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut scratch = [0; 8192];
        let mut read = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(read.filled());
        self.judge_held();
        Poll::Ready(Ok(false))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for StrictStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if buffer.remaining() == 0 || this.take_good(buffer) {
                return Poll::Ready(Ok(()));
            }
            match this.framing.verdict() {
                Verdict::Open => {}
                Verdict::HeadRefused(refusal) if !this.refused_head_told => {
                    this.tell_refused_head(refusal);
                    continue;
                }
                Verdict::HeadRefused(_) | Verdict::Ended => return this.discard(context),
                Verdict::BodyRefused(_) => return Poll::Ready(Ok(())),
            }
            this.framing.let_pass(this.turns.answered() + 1);
            if this.framing.waits() {
                return this.read_ahead(context);
            }
            if std::mem::take(&mut this.early) {
                this.judge_held();
                this.note_heads();
                continue;
            }
            let done = if this.held.is_empty() {
                ready!(this.read_through(context, buffer))?
            } else {
                ready!(this.read_on(context))?
            };
            this.note_heads();
            if done {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for StrictStream<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.answered = true;
        Pin::new(&mut this.io).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::Not => {
                    let answer = matches!(this.framing.verdict(), Verdict::BodyRefused(_)) && !this.answered;
                    this.closing = if answer { Closing::Answer(0) } else { Closing::Shutdown };
                }
                Closing::Answer(written) => {
                    let rest = BODY_REFUSED.get(*written..).unwrap_or_default();
                    if rest.is_empty() {
                        ready!(Pin::new(&mut this.io).poll_flush(context))?;
                        this.closing = Closing::Shutdown;
                    } else {
                        *written += ready!(Pin::new(&mut this.io).poll_write(context, rest))?;
                    }
                }
                Closing::Shutdown => {
                    ready!(Pin::new(&mut this.io).poll_shutdown(context))?;
                    if matches!(this.framing.verdict(), Verdict::Open | Verdict::Ended) {
                        return Poll::Ready(Ok(()));
                    }
                    this.closing = Closing::Linger(Box::pin(tokio::time::sleep(LINGER)));
                }
                Closing::Linger(until) => {
                    if until.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Ok(()));
                    }
                    let _ = ready!(this.discard(context));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}
