//! The demo apps' own server: plain HTTP on loopback, as an app behind the platform is.
//!
//! It shows what it received, echoes bodies and WebSocket messages, and sends events. It keeps an
//! access log, so that a test can say what reached an app and what did not. Each app has the variables
//! that it was deployed with last.

mod demo_page;
mod deployments;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cryptography::SecretBytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use self::deployments::Deployments;
pub(crate) use self::deployments::GREETING;
use crate::DevelopmentError;

/// How many requests the access log keeps.
const LONGEST_LOG: usize = 10_000;
/// The size of one piece of a streamed answer, in bytes.
const PIECE: u64 = 16 * 1024;

/// One request as it reached the apps' server.
#[derive(Clone, Debug, Serialize)]
pub struct AccessLogEntry {
    /// Its method.
    pub method: String,
    /// Its target, byte for byte.
    pub target: String,
    /// Every header, in order.
    pub headers: Vec<(String, String)>,
    /// Which connection it came on.
    pub connection: u64,
}

impl AccessLogEntry {
    /// The value of a header that came exactly once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }
}

/// The running server of the demo apps.
#[derive(Clone)]
pub struct Upstream {
    address: SocketAddr,
    deployments: Deployments,
    log: Arc<Mutex<VecDeque<AccessLogEntry>>>,
}

type Body = BoxBody<Bytes, Infallible>;

impl Upstream {
    /// Listens on a free port of 127.0.0.1, until the runtime ends.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn start(platform_origin: &str) -> Result<Self, DevelopmentError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(DevelopmentError::Upstream)?;
        let address = listener.local_addr().map_err(DevelopmentError::Upstream)?;
        let log = Arc::<Mutex<VecDeque<AccessLogEntry>>>::default();
        let upstream = Self { address, deployments: Deployments::default(), log };
        tokio::spawn(accept(listener, upstream.clone(), Arc::from(platform_origin)));
        Ok(upstream)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Deploys the app with this host label anew: from the next request on it has these variables and no others.
    pub fn deploy(&self, label: &str, variables: BTreeMap<String, SecretBytes>) {
        self.deployments.put(label, variables);
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn access_log(&self) -> Vec<AccessLogEntry> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn record(&self, request: &Request<Incoming>, connection: u64) {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let entry = AccessLogEntry {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            connection,
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LONGEST_LOG {
            log.pop_front();
        }
        log.push_back(entry);
    }
}

async fn accept(listener: TcpListener, upstream: Upstream, platform_origin: Arc<str>) {
    let numbers = AtomicU64::new(1);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = numbers.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, upstream.clone(), Arc::clone(&platform_origin), connection));
            }
            Err(error) => {
                // Out of file descriptors, usually: the next attempt may work.
                tracing::warn!(%error, "the demo upstream could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, upstream: Upstream, platform_origin: Arc<str>, connection: u64) {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        upstream.record(&request, connection);
        let (platform_origin, deployments) = (Arc::clone(&platform_origin), upstream.deployments.clone());
        async move { Ok::<_, Infallible>(answer(request, &platform_origin, &deployments).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, connection, "a connection to the demo upstream ended early");
    }
}

async fn answer(
    request: Request<Incoming>,
    platform_origin: &str,
    deployments: &Deployments,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let number = |default: u64| {
        let query = request.uri().query().unwrap_or_default();
        query.strip_prefix("n=").and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    match path.as_str() {
        "/ws" => web_socket(request),
        "/events" => events(number(1_000)),
        "/download" => download(number(1024 * 1024)),
        "/upload" => upload(request).await,
        "/echo" => echo(request).await,
        "/environment" => {
            let variables = deployments.of(&demo_page::label(&request));
            html(demo_page::environment_page(&request, platform_origin, &variables))
        }
        _ => {
            let variables = deployments.of(&demo_page::label(&request));
            html(demo_page::demo_page(&request, platform_origin, &variables))
        }
    }
}

fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn html(page: maud::Markup) -> Response<Body> {
    full(StatusCode::OK, "text/html; charset=utf-8", page.into_string())
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The request as JSON, body included.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = http_body_util::Limited::new(body, 1024 * 1024).collect().await else {
        return full(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large to echo\n");
    };
    let echoed = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": pairs(&head.headers),
        "body": String::from_utf8_lossy(&body.to_bytes()),
    });
    full(StatusCode::OK, "application/json", echoed.to_string())
}

/// Counts the bytes of a body of any size without keeping them.
async fn upload(request: Request<Incoming>) -> Response<Body> {
    let mut body = request.into_body();
    let mut received = 0_u64;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => received += frame.data_ref().map_or(0, |data| data.len() as u64),
            Err(_) => return full(StatusCode::BAD_REQUEST, "text/plain", "the body ended early\n"),
        }
    }
    full(StatusCode::OK, "application/json", json!({ "received": received }).to_string())
}

/// That many bytes, in pieces.
fn download(bytes: u64) -> Response<Body> {
    let piece = Bytes::from(vec![b'.'; usize::try_from(PIECE).unwrap_or(1)]);
    let pieces = futures_util::stream::unfold(bytes, move |left| {
        let piece = piece.clone();
        async move {
            let size = left.min(PIECE);
            let data = piece.slice(..usize::try_from(size).ok()?);
            (size > 0).then(|| (Ok(Frame::data(data)), left - size))
        }
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(pieces)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

/// Server-sent events, one at once and then one each second, that many in all.
fn events(count: u64) -> Response<Body> {
    let ticks = futures_util::stream::unfold(0_u64, move |sent| async move {
        if sent == count {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let event = Bytes::from(format!("id: {sent}\ndata: event {sent}\n\n"));
        Some((Ok(Frame::data(event)), sent + 1))
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(ticks)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// A WebSocket that echoes (RFC 6455).
fn web_socket(mut request: Request<Incoming>) -> Response<Body> {
    let asks = request
        .headers()
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let accept = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accept = accept.and_then(|accept| HeaderValue::from_str(&accept).ok());
    let (true, Some(accept)) = (asks, accept) else {
        return full(StatusCode::UPGRADE_REQUIRED, "text/plain", "this is a WebSocket\n");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let (mut sink, mut stream) = socket.split();
        while let Some(Ok(message)) = stream.next().await {
            if (message.is_text() || message.is_binary()) && sink.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut response = full(StatusCode::SWITCHING_PROTOCOLS, "text/plain", Bytes::new());
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}
