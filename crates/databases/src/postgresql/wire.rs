//! A PostgreSQL server's bytes, in clear text or out of TLS, with an eye on how long its messages are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::dial::Stream;
use crate::{ConnectError, tls};

/// Asks for TLS (PostgreSQL documentation, "SSLRequest").
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A plain stream below TLS.
type Below = Box<dyn Stream>;
type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Below>>::Stream;

/// A connection to a server, over which its protocol can start. Whoever sends a message that is longer than is taken
/// is cut off before the message is in memory.
pub(crate) struct Wire {
    layer: Layer,
    messages: Messages,
}

enum Layer {
    Clear(Below),
    Tls(Box<Encrypted>),
}

impl Wire {
    /// Speaks TLS, if there is a configuration for it, and only then.
    ///
    /// # Errors
    /// The server has no TLS, or its certificate does not hold.
    pub(crate) async fn over(
        mut stream: Below,
        tls: Option<&MakeRustlsConnect>,
        host: &str,
        longest: usize,
    ) -> Result<Self, ConnectError> {
        let messages = Messages::new(longest);
        let Some(tls) = tls else { return Ok(Self { layer: Layer::Clear(stream), messages }) };
        stream.write_all(&TLS_REQUEST).await.map_err(|_| ConnectError::Tcp)?;
        stream.flush().await.map_err(|_| ConnectError::Tcp)?;
        // One byte and not one more: what follows it belongs into TLS (CVE-2021-23222).
        let answer = stream.read_u8().await.map_err(|_| ConnectError::Protocol)?;
        match answer {
            b'S' => {}
            b'N' | b'E' => return Err(ConnectError::NoTls),
            _ => return Err(ConnectError::Protocol),
        }
        if ServerName::try_from(host).is_err() {
            return Err(ConnectError::Certificate("no certificate can name the database's host"));
        }
        let mut tls = tls.clone();
        let connect = match MakeTlsConnect::<Below>::make_tls_connect(&mut tls, host) {
            Ok(connect) => connect,
            Err(never) => match never {},
        };
        let encrypted = connect.connect(stream).await.map_err(|error| tls::refused(&error))?;
        Ok(Self { layer: Layer::Tls(Box::new(encrypted)), messages })
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(match &mut this.layer {
            Layer::Clear(stream) => Pin::new(stream).poll_read(context, buffer),
            Layer::Tls(stream) => Pin::new(&mut **stream).poll_read(context, buffer),
        })?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(this.messages.pass(read).map_err(io::Error::other))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Clear(stream) => Pin::new(stream).poll_write(context, bytes),
            Layer::Tls(stream) => Pin::new(&mut **stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Clear(stream) => Pin::new(stream).poll_flush(context),
            Layer::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Layer::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        }
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.layer {
            Layer::Clear(_) => ChannelBinding::none(),
            Layer::Tls(stream) => stream.channel_binding(),
        }
    }
}

/// For a driver that wants to begin TLS itself: it has begun.
pub(crate) struct Begun;

impl TlsConnect<Wire> for Begun {
    type Stream = Wire;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Wire>>;

    fn connect(self, wire: Wire) -> Self::Future {
        std::future::ready(Ok(wire))
    }
}

/// A message of the server is longer than is taken.
#[derive(Debug, thiserror::Error)]
#[error("a message of the server is longer than is taken")]
pub(crate) struct TooLong;

/// Follows the server's messages: one byte of type, four of length (which count themselves), the rest.
struct Messages {
    longest: usize,
    header: [u8; 5],
    /// How much of the header has been seen.
    seen: usize,
    /// How much of the rest has not.
    rest: usize,
}

impl Messages {
    const fn new(longest: usize) -> Self {
        Self { longest, header: [0; 5], seen: 0, rest: 0 }
    }

    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let passed = self.rest.min(bytes.len());
                self.rest -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            let wanted = (self.header.len() - self.seen).min(bytes.len());
            let (head, tail) = bytes.split_at(wanted);
            for (place, byte) in self.header.iter_mut().skip(self.seen).zip(head) {
                *place = *byte;
            }
            self.seen += wanted;
            bytes = tail;
            if self.seen == self.header.len() {
                let [_, length @ ..] = self.header;
                let length = u32::from_be_bytes(length) as usize;
                if length > self.longest {
                    return Err(TooLong);
                }
                self.rest = length.saturating_sub(4);
                self.seen = 0;
            }
        }
        Ok(())
    }
}
