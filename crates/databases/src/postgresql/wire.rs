//! A PostgreSQL server's bytes, in clear text or out of TLS, with an eye on how long its messages are,
//! how much it says unasked, and whether it wants a password in clear text.

use std::collections::HashSet;
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
        let messages = Messages::new(longest, tls.is_none());
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

/// Why what a server sends is not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    /// A message of the server is longer than is taken.
    #[error("a message of the server is longer than is taken")]
    TooLong,
    /// What the server says unasked is more than is taken.
    #[error("the server says more than is taken between two answers")]
    Unasked,
    /// The server wants the password in clear text, where others may read along.
    #[error("the server wants the password in clear text")]
    ClearPassword,
}

/// The most bytes of settings, notices and notifications between two answers.
const MOST_UNASKED: usize = 1 << 20;
/// The most names of settings that a server reports, and the longest report: the driver keeps the last of each name.
/// PostgreSQL has fifteen.
const MOST_SETTINGS: usize = 128;
const LONGEST_SETTING: usize = 64 << 10;
/// `AuthenticationCleartextPassword`.
const CLEAR_PASSWORD: [u8; 4] = [0, 0, 0, 3];

/// Follows the server's messages: one byte of type, four of length (which count themselves), the rest.
struct Messages {
    longest: usize,
    /// Whether others may read along.
    is_clear: bool,
    header: [u8; 5],
    /// How much of the header has been seen.
    seen: usize,
    /// How much of the rest has not.
    rest: usize,
    /// How the rest began: the kind of login, or the name of a setting.
    start: Vec<u8>,
    /// Bytes that were said unasked since the last answer.
    unasked: usize,
    settings: HashSet<Vec<u8>>,
}

impl Messages {
    fn new(longest: usize, is_clear: bool) -> Self {
        Self {
            longest,
            is_clear,
            header: [0; 5],
            seen: 0,
            rest: 0,
            start: Vec::new(),
            unasked: 0,
            settings: HashSet::new(),
        }
    }

    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Stopped> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let (passed, after) = bytes.split_at(self.rest.min(bytes.len()));
                self.rest -= passed.len();
                bytes = after;
                self.look_into(passed)?;
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
                self.begin()?;
            }
        }
        Ok(())
    }

    /// A message begins.
    fn begin(&mut self) -> Result<(), Stopped> {
        let [kind, length @ ..] = self.header;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.longest {
            return Err(Stopped::TooLong);
        }
        self.rest = length.saturating_sub(4);
        self.seen = 0;
        self.start.clear();
        match kind {
            // ParameterStatus, NoticeResponse, NotificationResponse.
            b'S' | b'N' | b'A' => {
                self.unasked = self.unasked.saturating_add(length).saturating_add(1);
                if self.unasked > MOST_UNASKED || (kind == b'S' && length > LONGEST_SETTING) {
                    return Err(Stopped::Unasked);
                }
            }
            // What answers a statement; before the first of these, a session has not begun.
            b'Z' | b'D' | b'C' => self.unasked = 0,
            _ => {}
        }
        Ok(())
    }

    /// A part of the rest.
    fn look_into(&mut self, part: &[u8]) -> Result<(), Stopped> {
        match self.header {
            [b'R', ..] if self.is_clear && self.start.len() < CLEAR_PASSWORD.len() => {
                let wanted = CLEAR_PASSWORD.len() - self.start.len();
                self.start.extend(part.iter().take(wanted));
                if self.start == CLEAR_PASSWORD {
                    return Err(Stopped::ClearPassword);
                }
            }
            [b'S', ..] => {
                self.start.extend_from_slice(part);
                if self.rest == 0 {
                    let name = self.start.split(|&byte| byte == 0).next().unwrap_or_default();
                    if !self.settings.contains(name) {
                        self.settings.insert(name.to_owned());
                    }
                    if self.settings.len() > MOST_SETTINGS {
                        return Err(Stopped::Unasked);
                    }
                    self.start.clear();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Messages, Stopped};

    fn message(kind: u8, rest: &[u8]) -> Vec<u8> {
        [&[kind][..], &u32::try_from(rest.len() + 4).unwrap().to_be_bytes(), rest].concat()
    }

    /// However the bytes are cut.
    fn passed(bytes: &[u8], is_clear: bool) -> Result<(), Stopped> {
        let results: Vec<_> = [1, 7, 8192]
            .map(|size| {
                let mut messages = Messages::new(1 << 20, is_clear);
                bytes.chunks(size).try_for_each(|part| messages.pass(part))
            })
            .to_vec();
        assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
        results[0]
    }

    #[test]
    fn d52_what_a_server_says_unasked_is_bounded() {
        let notice = message(b'N', &[b'x'; 60_000]);
        let ready = message(b'Z', b"I");
        assert_eq!(passed(&notice.repeat(17), false), Ok(()));
        assert_eq!(passed(&notice.repeat(18), false), Err(Stopped::Unasked));
        assert_eq!(passed(&message(b'A', &[0; 60_000]).repeat(18), false), Err(Stopped::Unasked));
        let answered = [notice.repeat(17), ready.clone()].concat();
        assert_eq!(passed(&answered.repeat(3), false), Ok(()));
        // Before the first answer there is nothing else that a server could say in between.
        let in_between = [notice, message(b'K', &[0; 8])].concat();
        assert_eq!(passed(&in_between.repeat(18), false), Err(Stopped::Unasked));
        let setting = |name: u32| message(b'S', format!("name{name}\0value\0").as_bytes());
        let reported = |names: u32| -> Vec<u8> {
            (0..1000).flat_map(|at| [setting(at % names), ready.clone()].concat()).collect()
        };
        assert_eq!(passed(&reported(128), false), Ok(()));
        assert_eq!(passed(&reported(129), false), Err(Stopped::Unasked));
        assert_eq!(passed(&message(b'S', &[b'x'; 70_000]), false), Err(Stopped::Unasked));
    }

    #[test]
    fn d52_a_password_is_not_asked_for_in_clear_text() {
        let asked = message(b'R', &[0, 0, 0, 3]);
        assert_eq!(passed(&asked, true), Err(Stopped::ClearPassword));
        assert_eq!(passed(&asked, false), Ok(()));
        let others = [message(b'R', &[0, 0, 0, 5, 0, 0, 0, 3]), message(b'R', &[0, 0, 0, 0])].concat();
        assert_eq!(passed(&others, true), Ok(()));
        assert_eq!(passed(&[others, asked].concat(), true), Err(Stopped::ClearPassword));
    }
}
