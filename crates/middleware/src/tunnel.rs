//! WebSockets: a handshake that is checked like any request, and then bytes both ways.
//!
//! Nothing that follows the handshake is read before the app answered 101, so a second request behind
//! it is never forwarded (RUSTSEC-2026-0033). What is held in memory is one buffer for each direction,
//! whatever the frames claim to be.

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use endpoint::http::header::{HeaderMap as ClientHeaders, HeaderName, HeaderValue};
use endpoint::http::{BodySize, BoxBody, ConnectionType, MessageBody, Method, Payload, Response, StatusCode};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::task::AbortHandle;
use tokio_util::io::poll_read_buf;

use crate::close_frame::FrameBoundary;
use crate::live_streams::{Cut, Grounds};
use crate::response_headers::pass_on;
use crate::upstream_pool::UpstreamError;

/// How much is read from the app at once, in bytes.
const BUFFER: usize = 8 * 1024;

/// What a request wants of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// Nothing: an ordinary request.
    None,
    /// A WebSocket.
    WebSocket,
    /// Something else, or a WebSocket in a form that has no single reading.
    Malformed,
}

impl Handshake {
    /// Reads a request's head. Everything that is not exactly a WebSocket handshake (RFC 6455, section
    /// 4.1) and names an upgrade to one is malformed: what follows it could be read in two ways.
    pub(crate) fn of(method: &Method, headers: &ClientHeaders) -> Self {
        let tokens = |name: &'static str| {
            headers
                .get_all(name)
                .flat_map(|value| value.to_str().unwrap_or("?").split(','))
                .map(|token| token.trim().to_ascii_lowercase())
                .filter(|token| !token.is_empty())
        };
        let mut upgrades = tokens("upgrade");
        match (upgrades.next(), upgrades.next()) {
            (None, _) => return Self::None,
            (Some(protocol), None) if protocol == "websocket" => {}
            // Other protocols are not offered: the request is served as if none had been named
            // (RFC 9110, section 7.8), unless a WebSocket is among them.
            (Some(first), second) => {
                let named = [Some(first), second].into_iter().flatten().chain(upgrades);
                let mut named = named.map(|protocol| protocol == "websocket");
                return if named.any(|found| found) { Self::Malformed } else { Self::None };
            }
        }
        let one = |name: &'static str| headers.get_all(name).count() == 1;
        let bodiless = !headers.contains_key("content-length") && !headers.contains_key("transfer-encoding");
        let complete = one("sec-websocket-key") && one("sec-websocket-version") && one("origin");
        if *method == Method::GET
            && tokens("connection").any(|token| token == "upgrade")
            && bodiless
            && complete
        {
            Self::WebSocket
        } else {
            Self::Malformed
        }
    }
}

/// Whether a handshake comes from a page of the app itself. Browsers send cookies along from any page,
/// and apply no same-origin policy to the answer (R04).
pub(crate) fn is_from_own_page(headers: &ClientHeaders, origin: &str) -> bool {
    let mut origins = headers.get_all("origin");
    matches!((origins.next(), origins.next()), (Some(sent), None) if sent.as_bytes() == origin.as_bytes())
}

/// Opens the tunnel after the app answered 101.
pub(crate) async fn open(
    mut answer: http::Response<Incoming>,
    payload: Payload,
    grounds: Rc<Grounds>,
    idle: Duration,
    (host, request_id): (&str, &str),
) -> Result<Response<BoxBody>, UpstreamError> {
    let protocol =
        answer.headers().get(http::header::UPGRADE).map(|value| value.as_bytes().to_ascii_lowercase());
    if protocol.as_deref() != Some(b"websocket") {
        return Err(UpstreamError::Answer("a change to another protocol than the one asked for"));
    }
    let upgraded = hyper::upgrade::on(&mut answer).await.map_err(UpstreamError::Exchange)?;
    let (from_app, to_app) = tokio::io::split(TokioIo::new(upgraded));
    let moved = Rc::new(Cell::new(Instant::now()));
    let sending = tokio::task::spawn_local(send(payload, to_app, Rc::clone(&moved)));
    let body = Tunnel {
        from_app,
        sending: sending.abort_handle(),
        moved,
        idle,
        watch: Box::pin(grounds.until_refused()),
        idle_check: Box::pin(tokio::time::sleep(idle)),
        buffer: BytesMut::new(),
        boundary: FrameBoundary::default(),
        over: false,
    };
    let mut response = Response::with_body(StatusCode::SWITCHING_PROTOCOLS, BoxBody::new(body));
    pass_on(answer.headers(), host, request_id, false, response.headers_mut());
    response.headers_mut().insert(HeaderName::from_static("upgrade"), HeaderValue::from_static("websocket"));
    response.head_mut().set_connection_type(ConnectionType::Upgrade);
    Ok(response)
}

/// Browser to app. The browser is read only as fast as the app takes it.
async fn send(mut payload: Payload, mut to_app: WriteHalf<TokioIo<Upgraded>>, moved: Rc<Cell<Instant>>) {
    while let Some(Ok(chunk)) = payload.next().await {
        moved.set(Instant::now());
        if to_app.write_all(&chunk).await.is_err() {
            return;
        }
        moved.set(Instant::now());
    }
    drop(to_app.shutdown().await);
}

/// App to browser; owns the other direction, which ends with it.
struct Tunnel {
    from_app: ReadHalf<TokioIo<Upgraded>>,
    sending: AbortHandle,
    moved: Rc<Cell<Instant>>,
    idle: Duration,
    watch: LocalBoxFuture<'static, Cut>,
    idle_check: Pin<Box<tokio::time::Sleep>>,
    buffer: BytesMut,
    boundary: FrameBoundary,
    over: bool,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

impl Tunnel {
    /// Whether the tunnel has to end.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<Cut> {
        if let Poll::Ready(cut) = self.watch.as_mut().poll(context) {
            return Poll::Ready(cut);
        }
        while self.idle_check.as_mut().poll(context).is_ready() {
            let deadline = self.moved.get() + self.idle;
            if deadline <= Instant::now() {
                return Poll::Ready(Cut::Idle);
            }
            self.idle_check.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }

    /// The end that a browser is told, if it can be told between two frames.
    fn end(&mut self, cut: Cut) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        self.over = true;
        self.sending.abort();
        match self.boundary.close_frame(cut) {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Poll::Ready(Some(Err(io::Error::other(cut.to_string()).into()))),
        }
    }
}

impl MessageBody for Tunnel {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(cut) = self.poll_cut(context) {
            return self.end(cut);
        }
        let Self { from_app, buffer, .. } = &mut *self;
        buffer.reserve(BUFFER);
        match ready!(poll_read_buf(Pin::new(from_app), context, buffer)) {
            Err(error) => Poll::Ready(Some(Err(error.into()))),
            Ok(0) => {
                self.over = true;
                Poll::Ready(None)
            }
            Ok(_) => {
                let bytes = self.buffer.split().freeze();
                self.moved.set(Instant::now());
                self.boundary.passed(&bytes);
                Poll::Ready(Some(Ok(bytes)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> ClientHeaders {
        let mut headers = ClientHeaders::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    const WHOLE: [(&str, &str); 5] = [
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("origin", "https://hello-acme.vybe.test"),
    ];

    #[test]
    fn h24_only_a_whole_web_socket_handshake_is_one() {
        let check = |method: Method, pairs: &[(&'static str, &'static str)], expected: Handshake| {
            assert_eq!(Handshake::of(&method, &headers(pairs)), expected, "{method} {pairs:?}");
        };
        check(Method::GET, &WHOLE, Handshake::WebSocket);
        check(Method::POST, &WHOLE, Handshake::Malformed);
        check(Method::GET, &[], Handshake::None);
        check(Method::GET, &[("upgrade", "h2c"), ("connection", "upgrade, http2-settings")], Handshake::None);
        check(Method::GET, &[("upgrade", "h2c, websocket")], Handshake::Malformed);
        check(Method::GET, &[("upgrade", "websocket")], Handshake::Malformed);
        for missing in 1..WHOLE.len() {
            let mut pairs = WHOLE.to_vec();
            pairs.remove(missing);
            check(Method::GET, &pairs, Handshake::Malformed);
        }
        for more in [("content-length", "5"), ("transfer-encoding", "chunked"), ("sec-websocket-key", "x")] {
            let mut pairs = WHOLE.to_vec();
            pairs.push(more);
            check(Method::GET, &pairs, Handshake::Malformed);
        }
    }

    #[test]
    fn r04_only_the_apps_own_pages_open_a_web_socket() {
        let own = "https://hello-acme.vybe.test";
        let check = |pairs: &[(&'static str, &'static str)], expected: bool| {
            assert_eq!(is_from_own_page(&headers(pairs), own), expected, "{pairs:?}");
        };
        check(&[("origin", own)], true);
        check(&[], false);
        check(&[("origin", own), ("origin", own)], false);
        for origin in [
            "null",
            "",
            "https://vybe.test",
            "https://evil-acme.vybe.test",
            "https://hello-acme.vybe.test.evil.test",
            "http://hello-acme.vybe.test",
            "https://hello-acme.vybe.test:8443",
            "https://HELLO-acme.vybe.test",
        ] {
            check(&[("origin", origin)], false);
        }
    }
}
