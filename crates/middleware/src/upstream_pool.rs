//! Connections to apps: one pool for each worker thread, so that nothing is locked and request bodies
//! need not be `Send`.
//!
//! Invariants:
//! - every address is judged when it is connected to, and the address that was judged is the one that
//!   is dialled: a name cannot be resolved twice to two answers;
//! - a connection serves one app, and is used again only after both bodies went over whole;
//! - a request that may have reached the app is sent again only if it has no body and is idempotent.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use apps::UpstreamUrl;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use ids::AppId;
use outbound::{AddressPolicy, OutboundError};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::request_body::RequestBody;

/// What one worker keeps and waits for.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// How long resolving, connecting and the TLS handshake may take together.
    pub connect: Duration,
    /// How long an idle connection is kept. Shorter than the 5 s after which Node.js closes it, so
    /// that a request seldom meets a closing connection.
    pub idle: Duration,
    /// How many idle connections are kept for one app.
    pub idle_per_app: usize,
    /// How many idle connections are kept in all.
    pub idle_in_all: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(4),
            idle_per_app: 64,
            idle_in_all: 1024,
        }
    }
}

/// Why an app could not be asked. For the log; a client is told 502 or 504 only.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The name has an address that apps may not be reached at.
    #[error("the upstream has an address that is not permitted")]
    NotPermitted,
    /// The name does not resolve.
    #[error("the upstream's name does not resolve")]
    Resolve,
    /// Nobody answers there, or the TLS handshake fails.
    #[error("no connection to the upstream")]
    Connect(#[source] std::io::Error),
    /// No connection in time.
    #[error("no connection to the upstream in time")]
    ConnectTimeout,
    /// The exchange broke before the answer began.
    #[error("the upstream broke off before it answered")]
    Exchange(#[source] hyper::Error),
    /// No answer in time.
    #[error("no answer from the upstream in time")]
    AnswerTimeout,
    /// The answer is none that can be passed on.
    #[error("the upstream's answer cannot be passed on: {0}")]
    Answer(&'static str),
}

/// The largest head of an answer, and the largest piece of a body held at once, in bytes.
const LARGEST_BUFFER: usize = 64 * 1024;

/// A connection on which nothing moves is probed after this time: an app that vanished without a word
/// does not hold a tunnel or a long answer open.
const PROBED: Duration = Duration::from_secs(60);
/// Between probes that nobody answers.
const PROBES_APART: Duration = Duration::from_secs(10);

/// The connections of one worker.
pub struct UpstreamPool {
    policy: Arc<AddressPolicy>,
    tls: TlsConnector,
    limits: PoolLimits,
    idle: RefCell<Idle>,
}

#[derive(Default)]
struct Idle {
    apps: HashMap<AppId, AppConnections>,
    count: usize,
    sweeping: bool,
}

struct AppConnections {
    place: Rc<Place>,
    connections: Vec<IdleConnection>,
}

/// Where one app runs.
struct Place {
    app: AppId,
    upstream: UpstreamUrl,
}

struct IdleConnection {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection while its answer is read. Given back, it can be used again; dropped, it is closed.
pub(crate) struct Lease {
    sender: SendRequest<RequestBody>,
    place: Rc<Place>,
    pool: Weak<UpstreamPool>,
}

/// What a connection will be used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One exchange after another.
    Exchanges,
    /// One handshake, and then bytes both ways.
    Tunnel,
}

impl UpstreamPool {
    /// An empty pool.
    #[must_use]
    pub fn new(policy: Arc<AddressPolicy>, tls: Arc<rustls::ClientConfig>, limits: PoolLimits) -> Rc<Self> {
        Rc::new(Self { policy, tls: TlsConnector::from(tls), limits, idle: RefCell::default() })
    }

    /// Sends a request and waits for the head of the answer. `build` makes the request, and makes it
    /// again if it has no body and the connection that was used again turns out to be closed.
    pub(crate) async fn send(
        self: &Rc<Self>,
        app: AppId,
        upstream: &UpstreamUrl,
        purpose: Purpose,
        repeatable: bool,
        mut build: impl FnMut() -> Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let place = self.place(app, upstream);
        let mut request = build();
        if purpose == Purpose::Exchanges
            && let Some(mut sender) = self.take(&place)
        {
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, self.lease(sender, place))),
                Err(error) => error,
            };
            request = match error.take_message() {
                // Not a byte of it was sent.
                Some(unsent) => unsent,
                None if repeatable && may_be_repeated(error.error()) => build(),
                None => return Err(UpstreamError::Exchange(error.into_error())),
            };
        }
        let mut sender = self.connect(upstream, purpose).await?;
        match sender.send_request(request).await {
            Ok(response) => Ok((response, self.lease(sender, place))),
            Err(error) => Err(UpstreamError::Exchange(error)),
        }
    }

    fn lease(self: &Rc<Self>, sender: SendRequest<RequestBody>, place: Rc<Place>) -> Lease {
        Lease { sender, place, pool: Rc::downgrade(self) }
    }

    /// Where the app runs now. Connections to where it ran before are closed.
    fn place(self: &Rc<Self>, app: AppId, upstream: &UpstreamUrl) -> Rc<Place> {
        let mut idle = self.idle.borrow_mut();
        if let Some(kept) = idle.apps.get(&app)
            && kept.place.upstream == *upstream
        {
            return Rc::clone(&kept.place);
        }
        let place = Rc::new(Place { app, upstream: upstream.clone() });
        let fresh = AppConnections { place: Rc::clone(&place), connections: Vec::new() };
        if let Some(left) = idle.apps.insert(app, fresh) {
            idle.count -= left.connections.len();
        }
        if !idle.sweeping {
            idle.sweeping = true;
            tokio::task::spawn_local(sweep(Rc::downgrade(self), self.limits.idle));
        }
        place
    }

    fn take(&self, place: &Rc<Place>) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle.borrow_mut();
        let Idle { apps, count, .. } = &mut *idle;
        let kept = apps.get_mut(&place.app).filter(|kept| Rc::ptr_eq(&kept.place, place))?;
        // The one used last is the one most likely to be open.
        while let Some(connection) = kept.connections.pop() {
            *count -= 1;
            if connection.since.elapsed() < self.limits.idle && connection.sender.is_ready() {
                return Some(connection.sender);
            }
        }
        None
    }

    fn put(&self, lease: Lease) {
        if lease.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let Idle { apps, count, .. } = &mut *idle;
        let Some(kept) = apps.get_mut(&lease.place.app) else { return };
        let current = Rc::ptr_eq(&kept.place, &lease.place);
        if current && *count < self.limits.idle_in_all && kept.connections.len() < self.limits.idle_per_app {
            kept.connections.push(IdleConnection { sender: lease.sender, since: Instant::now() });
            *count += 1;
        }
    }

    async fn connect(
        &self,
        upstream: &UpstreamUrl,
        purpose: Purpose,
    ) -> Result<SendRequest<RequestBody>, UpstreamError> {
        tokio::time::timeout(self.limits.connect, self.open(upstream, purpose))
            .await
            .unwrap_or(Err(UpstreamError::ConnectTimeout))
    }

    async fn open(
        &self,
        upstream: &UpstreamUrl,
        purpose: Purpose,
    ) -> Result<SendRequest<RequestBody>, UpstreamError> {
        let stream = self.dial(upstream).await?;
        stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
        let probes = socket2::TcpKeepalive::new().with_time(PROBED).with_interval(PROBES_APART);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&probes).map_err(UpstreamError::Connect)?;
        if !upstream.is_https() {
            return handshake(stream, purpose).await;
        }
        let name = ServerName::try_from(upstream.host().to_owned())
            .map_err(|error| UpstreamError::Connect(std::io::Error::other(error)))?;
        let stream = self.tls.connect(name, stream).await.map_err(UpstreamError::Connect)?;
        handshake(stream, purpose).await
    }

    async fn dial(&self, upstream: &UpstreamUrl) -> Result<TcpStream, UpstreamError> {
        let mut last = UpstreamError::NotPermitted;
        for address in self.addresses(upstream).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = UpstreamError::Connect(error),
            }
        }
        Err(last)
    }

    /// The addresses of an upstream, each of which is permitted.
    async fn addresses(&self, upstream: &UpstreamUrl) -> Result<Vec<SocketAddr>, UpstreamError> {
        outbound::resolve(&upstream.target(), upstream.port(), &self.policy).await.map_err(
            |error| match error {
                OutboundError::Address(_) => UpstreamError::NotPermitted,
                _ => UpstreamError::Resolve,
            },
        )
    }
}

impl Lease {
    /// Makes the connection available again. Only after both bodies went over whole.
    pub(crate) fn give_back(self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.put(self);
        }
    }
}

/// Whether the connection was closed before anything of the answer came: what happens when an app ends
/// an idle connection at the very moment it is used again.
fn may_be_repeated(error: &hyper::Error) -> bool {
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .is_some_and(|error| {
                use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
                matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
            })
}

async fn handshake<S>(stream: S, purpose: Purpose) -> Result<SendRequest<RequestBody>, UpstreamError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(UpstreamError::Exchange)?;
    // What a connection ends with is told to the exchange that it served.
    match purpose {
        Purpose::Exchanges => tokio::task::spawn_local(async move { drop(connection.await) }),
        Purpose::Tunnel => tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) }),
    };
    Ok(sender)
}

/// Closes connections that were idle for too long, for as long as there is a pool.
async fn sweep(pool: Weak<UpstreamPool>, idle: Duration) {
    loop {
        tokio::time::sleep(idle).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut kept = pool.idle.borrow_mut();
        for app in kept.apps.values_mut() {
            app.connections
                .retain(|connection| connection.since.elapsed() < idle && !connection.sender.is_closed());
        }
        // A place that an exchange under way will give its connection back to stays known.
        kept.apps.retain(|_, app| !app.connections.is_empty() || Rc::strong_count(&app.place) > 1);
        kept.count = kept.apps.values().map(|app| app.connections.len()).sum();
    }
}
