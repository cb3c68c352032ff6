//! Listens, speaks TLS, and hands requests to the dispatcher.

use std::convert::Infallible;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::{HttpServiceBuilder, Request};
use actix_server::ServerBuilder;
use actix_service::{Service as _, ServiceFactory as _, fn_factory, fn_service};
use futures_util::TryFutureExt as _;
use rustls::ServerConfig;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::{CertificateError, Certificates};
use crate::dispatch::{Dispatch, Public};
use crate::guests::{Guests, Place, turned_away};
use crate::load::Load;
use crate::router::{MountedRoute, Router};
use crate::strict_stream::StrictStream;
use crate::write_deadline::WriteDeadline;
use crate::{Endpoint, Gate, GatewayFactory, Limits, Notice, Observer, Surface};

/// How long the other side may take to close, once it should.
const CLOSING: Duration = Duration::from_secs(2);
/// How many connections may wait to be accepted: after a restart, everybody comes back in the same second. The system's
/// own bound (`net.core.somaxconn`) holds, too.
const WAITING: i32 = 4096;
/// A connection on which nothing moves is probed after this time.
const PROBED: Duration = Duration::from_secs(60);
/// Between probes that nobody answers.
const PROBES_APART: Duration = Duration::from_secs(10);

/// Why a server does not run.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Two endpoints claim one method and path.
    #[error("{first} and {second} both answer {method} {path}")]
    Duplicate {
        /// The name of one endpoint.
        first: &'static str,
        /// The name of the other.
        second: &'static str,
        /// Their method.
        method: String,
        /// Their path, whatever its parameters are called.
        path: &'static str,
    },
    /// An endpoint on app hosts outside `/.vybe/` would take a path from the app.
    #[error("{name} answers {path} on app hosts, which is outside /.vybe/")]
    OutsidePrefix {
        /// The name of the endpoint.
        name: &'static str,
        /// Its path.
        path: &'static str,
    },
    /// The router could not be built.
    #[error("the router of {0:?} could not be built")]
    Router(Surface),
    /// The router answers something else than what is declared.
    #[error("the router of {surface:?} and the declarations differ in {difference:?}")]
    RoutesDiffer {
        /// Which router.
        surface: Surface,
        /// What only one of the two has.
        difference: Vec<MountedRoute>,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A listener failed.
    #[error("the server cannot listen: {0}")]
    Listen(std::io::Error),
}

/// A server: one TLS listener, and perhaps an admin listener and one that redirects to HTTPS.
///
/// Listeners are bound by the caller, who thereby knows their addresses, port 0 included.
pub struct Server {
    endpoints: Arc<[Endpoint]>,
    gate: Gate,
    gateway: GatewayFactory,
    limits: Limits,
    load: Arc<Load>,
    notice: Notice,
    observer: Option<Arc<dyn Observer>>,
    public: Option<(TcpListener, Certificates)>,
    admin: Option<TcpListener>,
    redirect: Option<TcpListener>,
}

impl Server {
    /// A server of these endpoints, and of app hosts through `gateway`.
    ///
    /// # Errors
    /// When two endpoints claim the same requests, or one is where it cannot be reached.
    pub fn new(endpoints: Vec<Endpoint>, gate: Gate, gateway: GatewayFactory) -> Result<Self, ServerError> {
        check(&endpoints)?;
        Ok(Self {
            endpoints: endpoints.into(),
            gate,
            gateway,
            limits: Limits::default(),
            load: Arc::default(),
            notice: Notice::default(),
            observer: None,
            public: None,
            admin: None,
            redirect: None,
        })
    }

    /// Sets the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets the caller say beforehand that the server is about to stop.
    #[must_use]
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notice = notice;
        self
    }

    /// Where what it does can be read.
    #[must_use]
    pub fn counting(mut self, load: Arc<Load>) -> Self {
        self.load = load;
        self
    }

    /// Who is told of every answer on the public listener.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Serves the platform and all app hosts over TLS.
    #[must_use]
    pub fn listen(mut self, listener: TcpListener, certificates: Certificates) -> Self {
        self.public = Some((listener, certificates));
        self
    }

    /// Serves [`Surface::Admin`] over plain HTTP. For an operator's network only.
    #[must_use]
    pub fn admin(mut self, listener: TcpListener) -> Self {
        self.admin = Some(listener);
        self
    }

    /// Sends plain HTTP for known hosts to HTTPS, and serves nothing.
    #[must_use]
    pub fn redirect(mut self, listener: TcpListener) -> Self {
        self.redirect = Some(listener);
        self
    }

    /// Runs until `shutdown` completes, then lets requests under way end, for a bounded time.
    /// Needs a Tokio runtime; the workers have their own threads.
    ///
    /// # Errors
    /// When the server cannot start.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServerError> {
        let limits = self.limits;
        if self.public.is_none() && self.admin.is_none() && self.redirect.is_none() {
            return Err(ServerError::Listen(std::io::Error::other("no listener was given")));
        }
        let mut builder = actix_server::Server::build()
            .workers(limits.workers.get().min(512))
            // Beyond it nobody would be accepted, nor the operator: guests turn others away before.
            .max_concurrent_connections(
                limits.connections_per_worker.saturating_add(2 * turned_away(&limits)),
            )
            .shutdown_timeout(limits.drain.as_secs())
            .shutdown_signal(shutdown);
        let (endpoints, gate) = (self.endpoints.clone(), self.gate.clone());
        let runtime = tokio::runtime::Handle::current();
        // A router belongs to one thread.
        tokio::task::spawn_blocking(move || {
            Surface::ALL.into_iter().try_for_each(|surface| {
                runtime.block_on(Router::mount(&gate, &endpoints, surface, limits.body)).map(drop)
            })
        })
        .await
        .map_err(|error| ServerError::Listen(std::io::Error::other(error)))??;
        let mut follower = None;
        let guests = Guests { load: self.load, rate_limits: Arc::clone(&self.gate.rate_limits) };
        if let Some((listener, certificates)) = self.public {
            let tls = certificates.server_config()?;
            follower = Some(tokio::spawn(certificates.follow_files()));
            let parts = PublicParts {
                endpoints: self.endpoints.clone(),
                gate: self.gate.clone(),
                gateway: self.gateway,
                limits,
                load: Arc::clone(&guests.load),
                observer: self.observer,
            };
            let door = Door {
                transport: Transport::Tls(tls),
                limits,
                notice: self.notice.clone(),
                guests: Some(guests.clone()),
            };
            builder = listen(builder, "https", listener, door, move || {
                let parts = parts.clone();
                async move { parts.dispatch().await }
            })?;
        }
        if let Some(listener) = self.admin {
            let (endpoints, gate) = (self.endpoints.clone(), self.gate.clone());
            let door =
                Door { transport: Transport::Plain, limits, notice: self.notice.clone(), guests: None };
            builder = listen(builder, "admin", listener, door, move || {
                let (endpoints, gate) = (endpoints.clone(), gate.clone());
                async move {
                    Ok(Dispatch::Admin(Router::mount(&gate, &endpoints, Surface::Admin, limits.body).await?))
                }
            })?;
        }
        if let Some(listener) = self.redirect {
            let sites = self.gate.sites.clone();
            let door = Door {
                transport: Transport::Plain,
                limits,
                notice: self.notice.clone(),
                guests: Some(guests),
            };
            builder = listen(builder, "redirect", listener, door, move || {
                let sites = sites.clone();
                async move { Ok(Dispatch::Redirect(sites)) }
            })?;
        }
        let result = builder.run().await.map_err(ServerError::Listen);
        if let Some(follower) = follower {
            follower.abort();
        }
        result
    }
}

#[derive(Clone)]
struct PublicParts {
    endpoints: Arc<[Endpoint]>,
    gate: Gate,
    gateway: GatewayFactory,
    limits: Limits,
    load: Arc<Load>,
    observer: Option<Arc<dyn Observer>>,
}

impl PublicParts {
    async fn dispatch(self) -> Result<Dispatch, ServerError> {
        let mount = |surface| Router::mount(&self.gate, &self.endpoints, surface, self.limits.body);
        Ok(Dispatch::Public(Rc::new(Public {
            sites: self.gate.sites.clone(),
            platform: mount(Surface::Platform).await?,
            app_hosts: mount(Surface::AppHosts).await?,
            issuer: mount(Surface::DevelopmentIssuer).await?,
            gateway: (self.gateway)(),
            under_way: self.load.worker(),
            most_requests: self.limits.requests_per_worker,
            load: self.load,
            observer: self.observer,
        })))
    }
}

#[derive(Clone)]
enum Transport {
    Plain,
    Tls(Arc<ServerConfig>),
}

/// How connections come in at one listener.
#[derive(Clone)]
struct Door {
    transport: Transport,
    limits: Limits,
    notice: Notice,
    /// Nobody is counted on the operator's own network.
    guests: Option<Guests>,
}

/// Adds a listener. Each worker makes its own dispatcher.
fn listen<F, R>(
    builder: ServerBuilder,
    name: &'static str,
    listener: TcpListener,
    door: Door,
    dispatch: F,
) -> Result<ServerBuilder, ServerError>
where
    F: Fn() -> R + Clone + Send + 'static,
    R: Future<Output = Result<Dispatch, ServerError>> + 'static,
{
    let ending = Ending { notice: door.notice.clone(), stopping: builder.graceful_shutdown_signal() };
    let worker = move || {
        let (dispatch, door, ending) = (dispatch.clone(), door.clone(), ending.clone());
        fn_factory(move || {
            let (door, ending) = (door.clone(), ending.clone());
            let dispatch = dispatch();
            async move {
                let dispatch = dispatch.await.map_err(|error| {
                    tracing::error!(%error, "a worker could not start");
                })?;
                let here = door.guests.as_ref().map(|guests| guests.load.worker()).unwrap_or_default();
                let serving = Rc::new(Services::of(&dispatch, door.limits, &ending).await?);
                let too_many = Rc::new(Services::of(&Dispatch::Overloaded, door.limits, &ending).await?);
                Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                    let (serving, too_many) = (Rc::clone(&serving), Rc::clone(&too_many));
                    let (door, here) = (door.clone(), Arc::clone(&here));
                    async move {
                        let Ok(peer) = stream.peer_addr() else { return Ok::<_, Infallible>(()) };
                        let place = match &door.guests {
                            None => Place::uncounted(),
                            Some(guests) => match guests.place(&here, peer, &door.limits) {
                                Some(place) => place,
                                None => return Ok(()),
                            },
                        };
                        let services = if place.too_many() { too_many } else { serving };
                        services.serve(stream, peer, &door).await;
                        Ok(())
                    }
                }))
            }
        })
    };
    socket2::SockRef::from(&listener).listen(WAITING).map_err(ServerError::Listen)?;
    builder.listen(name, listener, worker).map_err(ServerError::Listen)
}

/// A peer that vanished without a word is noticed by the kernel; small answers are not held back.
fn keep_open(stream: &TcpStream) {
    let probes = socket2::TcpKeepalive::new().with_time(PROBED).with_interval(PROBES_APART);
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&probes);
}

/// How connections learn that the server ends.
#[derive(Clone)]
struct Ending {
    /// Soon.
    notice: Notice,
    /// Now.
    stopping: actix_server::GracefulShutdownSignal,
}

/// What serves the connections of one worker, with TLS and without.
struct Services {
    plain: Connections<WriteDeadline<TcpStream>>,
    secure: Connections<TlsStream<WriteDeadline<TcpStream>>>,
}

impl Services {
    async fn of(dispatch: &Dispatch, limits: Limits, ending: &Ending) -> Result<Self, ()> {
        Ok(Self {
            plain: connections(dispatch, limits, ending.clone()).await?,
            secure: connections(dispatch, limits, ending.clone()).await?,
        })
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, door: &Door) {
        keep_open(&stream);
        let stream = WriteDeadline::new(stream, door.limits.write);
        match &door.transport {
            Transport::Plain => (self.plain)(StrictStream::new(stream), peer).await,
            Transport::Tls(config) => {
                let accepting = TlsAcceptor::from(Arc::clone(config)).accept(stream);
                match tokio::time::timeout(door.limits.handshake, accepting).await {
                    Ok(Ok(stream)) => (self.secure)(StrictStream::new(stream), peer).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
    }
}

type Connections<T> =
    Box<dyn Fn(StrictStream<T>, SocketAddr) -> futures_util::future::LocalBoxFuture<'static, ()>>;

/// What serves the connections of one worker.
async fn connections<T>(
    dispatch: &Dispatch,
    limits: Limits,
    Ending { notice, stopping }: Ending,
) -> Result<Connections<T>, ()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (dispatch, inviting) = (dispatch.clone(), dispatch.clone());
    let service = HttpServiceBuilder::default()
        .on_connect_ext(|stream: &StrictStream<T>, data| drop(data.insert(stream.turns())))
        .expect(fn_service(move |request: Request| inviting.clone().invite(request)))
        .keep_alive(limits.keep_alive)
        .client_request_timeout(limits.head)
        .client_disconnect_timeout(CLOSING)
        // A client that goes away ends the request.
        .h1_allow_half_closed(false)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .h1::<_, BoxBody>(fn_service(move |request: Request| {
            let notice = notice.clone();
            dispatch.answer(request).map_ok(move |response| notice.on(response))
        }))
        .new_service(())
        .await?;
    Ok(Box::new(move |stream, peer| {
        let connection = service.call((stream, Some(peer)));
        Box::pin(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        })
    }))
}

fn check(endpoints: &[Endpoint]) -> Result<(), ServerError> {
    let shape = |endpoint: &Endpoint| -> Vec<&'static str> {
        endpoint.path().split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect()
    };
    for (position, first) in endpoints.iter().enumerate() {
        if first.surface() == Surface::AppHosts && !first.path().starts_with("/.vybe/") {
            return Err(ServerError::OutsidePrefix { name: first.name(), path: first.path() });
        }
        let twin = endpoints.iter().skip(position + 1).find(|second| {
            first.surface() == second.surface()
                && first.method() == second.method()
                && shape(first) == shape(second)
        });
        if let Some(second) = twin {
            return Err(ServerError::Duplicate {
                first: first.name(),
                second: second.name(),
                method: first.method().to_string(),
                path: first.path(),
            });
        }
    }
    Ok(())
}
