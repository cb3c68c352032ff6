//! A server with a few endpoints, and a gateway that records and echoes.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use access_control::{
    AppCredential, AppFacts, CreateOrganization, EndOwnSession, Facts, FactsUnavailable, OrganizationFacts,
    Permit, ReadHealth, ReadOwnSession, ReadSigningKeys, ReadStyle, SignedIn, UseDevelopmentIssuer,
};
use bytes::Bytes;
use endpoint::http::{
    BodySize, BoxBody, ConnectionType, HttpMessage as _, MessageBody, Payload, Request, Response, StatusCode,
};
use endpoint::{
    Answer, Arrival, Authenticator, Call, Certificates, Endpoint, Gate, Gateway, Limits, Load, Origins,
    Problem, RateLimits, Rates, Rejected, Server, Sites, Surface,
};
use futures_util::future::LocalBoxFuture;
use futures_util::{Stream, StreamExt as _};
use ids::{AppId, OrganizationId, SessionId, UserId};
use serde::Deserialize;
use test_support::{Authority, RawConnection, Trust};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The session cookie of the one person there is.
pub const COOKIE: &str = "cookie: __Host-vybe_session=alice\r\n";

struct OnePerson(SignedIn);

#[async_trait::async_trait]
impl Authenticator for OnePerson {
    async fn session(&self, cookie: &str) -> Result<SignedIn, Rejected> {
        if cookie == "alice" { Ok(self.0.clone()) } else { Err(Rejected::Invalid) }
    }

    async fn server_secret(&self, _: &str, _: Option<&str>) -> Result<AppCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn api_token(&self, _: &str) -> Result<SignedIn, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn agent_token(&self, _: &str) -> Result<access_control::AgentCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    fn app_to_open(&self, _: &SignedIn, label: &str) -> Result<Option<AppId>, Rejected> {
        Ok((label == "hello-acme").then(AppId::generate))
    }
}

struct NoFacts;

impl Facts for NoFacts {
    fn organization(&self, _: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(None)
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(None)
    }
}

/// What reached the gateway and what became of it.
#[derive(Clone, Default)]
pub struct Seen {
    /// `label method target` of each request.
    pub requests: Arc<Mutex<Vec<String>>>,
    /// An answer that was being made, or sent, was dropped.
    pub dropped: Arc<AtomicBool>,
    /// How often an endpoint changed something.
    pub changes: Arc<Mutex<Vec<String>>>,
}

struct Echo(Seen);

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Gateway for Echo {
    fn invites<'a>(
        &'a self,
        request: &'a Request,
        _: &'a Arrival,
    ) -> LocalBoxFuture<'a, Result<(), Response<BoxBody>>> {
        Box::pin(async move {
            match request.path() {
                "/refuse" => Err(Response::with_body(StatusCode::FORBIDDEN, BoxBody::new("refused"))),
                "/panic" => panic!("a gateway that fails"),
                _ => Ok(()),
            }
        })
    }

    fn forward(
        self: Rc<Self>,
        mut request: Request,
        arrival: Arrival,
    ) -> LocalBoxFuture<'static, Response<BoxBody>> {
        let line = format!("{} {} {}", arrival.label, request.method(), request.uri());
        self.0.requests.lock().unwrap().push(line.clone());
        let mut payload = request.take_payload();
        let path = request.path().to_owned();
        let dropped = self.0.dropped.clone();
        Box::pin(async move {
            match path.as_str() {
                "/hang" => {
                    let _flag = Flag(dropped);
                    std::future::pending().await
                }
                "/ticks" => {
                    let body = Ticks {
                        every: tokio::time::interval(Duration::from_millis(20)),
                        _flag: Flag(dropped),
                    };
                    Response::with_body(StatusCode::OK, BoxBody::new(body))
                }
                "/endless" => Response::with_body(StatusCode::OK, BoxBody::new(Endless(Flag(dropped)))),
                "/slow" => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    Response::with_body(StatusCode::OK, BoxBody::new("slow"))
                }
                "/panic" => panic!("a gateway that fails"),
                "/tunnel" => {
                    let mut response =
                        Response::with_body(StatusCode::SWITCHING_PROTOCOLS, BoxBody::new(Tunnel(payload)));
                    response.head_mut().set_connection_type(ConnectionType::Upgrade);
                    response.headers_mut().insert(
                        endpoint::http::header::UPGRADE,
                        endpoint::http::header::HeaderValue::from_static("websocket"),
                    );
                    response
                }
                "/refuse" => Response::with_body(StatusCode::FORBIDDEN, BoxBody::new("refused")),
                _ => {
                    let mut text = format!("{line} from {}\n", arrival.peer);
                    for (name, value) in request.headers() {
                        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
                    }
                    text.push('\n');
                    while let Some(chunk) = payload.next().await {
                        match chunk {
                            Ok(chunk) => text += &String::from_utf8_lossy(&chunk),
                            Err(_) => {
                                return Problem::malformed("The body is broken.")
                                    .answer(arrival.request, false)
                                    .into_raw();
                            }
                        }
                    }
                    Response::with_body(StatusCode::OK, BoxBody::new(text))
                }
            }
        })
    }
}

struct Ticks {
    every: tokio::time::Interval,
    _flag: Flag,
}

impl MessageBody for Ticks {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.every.poll_tick(context).map(|_| Some(Ok(Bytes::from_static(b"tick\n"))))
    }
}

/// As much as the client takes, as fast as it takes it.
struct Endless(#[expect(dead_code, reason = "tells when it is dropped")] Flag);

impl MessageBody for Endless {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(Some(Ok(Bytes::from_static(&[b'x'; 16 * 1024]))))
    }
}

struct Tunnel(Payload);

impl MessageBody for Tunnel {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.0).poll_next(context).map(|item| item.and_then(Result::ok).map(Ok))
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    pub name: String,
}

/// What is searched for.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "describes the parameters")]
pub struct Searched {
    word: Option<String>,
    #[schemars(flatten)]
    paging: endpoint::PagingParameters,
}

/// The endpoints of the fixture.
pub fn endpoints(seen: &Seen) -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::get("/", "home").requires::<ReadSigningKeys>().gives_media("text/plain").answers((), hello),
        Endpoint::get("/public/{word}", "public.read")
            .requires::<ReadSigningKeys>()
            .gives_media("text/plain")
            .answers((), hello),
        Endpoint::get("/panic", "panic.read")
            .requires::<ReadSigningKeys>()
            .gives_media("text/plain")
            .answers((), fail),
        Endpoint::get("/api/auth/get-session", "session.read")
            .open_to_app_origins()
            .requires::<ReadOwnSession>()
            .gives::<serde_json::Value>(StatusCode::OK)
            .refuses(&[StatusCode::NOT_FOUND])
            .answers((), session),
        Endpoint::post("/api/auth/sign-out", "session.end")
            .open_to_app_origins()
            .requires::<EndOwnSession>()
            .gives_nothing()
            .answers(seen.clone(), sign_out),
        Endpoint::get("/api/v1/organizations", "organizations.read")
            .requires::<ReadOwnSession>()
            .gives::<serde_json::Value>(StatusCode::OK)
            .refuses(&[StatusCode::NOT_FOUND])
            .answers((), session),
        Endpoint::get("/api/v1/searched", "things.search")
            .requires::<ReadOwnSession>()
            .query::<Searched>()
            .gives::<serde_json::Value>(StatusCode::OK)
            .answers((), hello),
        Endpoint::get("/led", "things.led")
            .requires::<ReadSigningKeys>()
            .query::<Searched>()
            .gives_page()
            .answers((), hello),
        Endpoint::post("/api/v1/organizations", "organizations.create")
            .requires::<CreateOrganization>()
            .takes::<NewOrganization>()
            .gives::<serde_json::Value>(StatusCode::CREATED)
            .answers(seen.clone(), create),
        Endpoint::get("/.vybe/hello", "app_hosts.hello")
            .on(Surface::AppHosts)
            .requires::<ReadStyle>()
            .gives_media("text/plain")
            .answers((), hello),
        Endpoint::get("/healthz", "health.read")
            .on(Surface::Admin)
            .requires::<ReadHealth>()
            .gives_media("text/plain")
            .answers((), healthy),
        Endpoint::get("/authorize", "issuer.authorize")
            .on(Surface::DevelopmentIssuer)
            .requires::<UseDevelopmentIssuer>()
            .gives_media("text/plain")
            .answers((), issuer),
    ];
    endpoints.extend(endpoint::style_endpoints());
    endpoints
}

async fn hello((): (), _: impl Sized, call: Call) -> Result<Answer, Problem> {
    Ok(Answer::json(&serde_json::json!({ "label": call.app_label() })))
}

async fn fail((): (), _: Permit<ReadSigningKeys>, _: Call) -> Result<Answer, Problem> {
    panic!("a handler that fails")
}

async fn session((): (), _: Permit<ReadOwnSession>, call: Call) -> Result<Answer, Problem> {
    if call.query("fail")?.is_some() {
        return Err(Problem::not_found());
    }
    Ok(Answer::json(&serde_json::json!({ "app": call.app_origin() })))
}

async fn sign_out(seen: Seen, _: Permit<EndOwnSession>, _: Call) -> Result<Answer, Problem> {
    seen.changes.lock().unwrap().push("signed out".to_owned());
    Ok(Answer::no_content())
}

async fn create(seen: Seen, _: Permit<CreateOrganization>, mut call: Call) -> Result<Answer, Problem> {
    let new: NewOrganization = call.json().await?;
    seen.changes.lock().unwrap().push(new.name);
    Ok(Answer::created(&serde_json::json!({})))
}

async fn healthy((): (), _: Permit<ReadHealth>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::json(&"ok"))
}

async fn issuer((): (), _: Permit<UseDevelopmentIssuer>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::page(StatusCode::OK, endpoint::page("Issuer", maud::html! { h1 { "Issuer" } })))
}

/// The gate of the fixture.
pub fn gate() -> Gate {
    let person = SignedIn {
        user: UserId::generate(),
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::now_utc(),
        means: access_control::Means::Browser,
    };
    let sites = Sites::new("vybe.test", "vybe.test", 443).with_development_issuer("issuer.vybe.test");
    Gate {
        authenticator: Arc::new(OnePerson(person)),
        facts: Arc::new(NoFacts),
        sites: Arc::new(sites),
        refusals: audit::Refusals::new().0,
        rate_limits: Arc::new(RateLimits::unlimited()),
    }
}

/// A server that runs.
pub struct Running {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub redirect: SocketAddr,
    pub trust: Trust,
    pub seen: Seen,
    pub load: Arc<Load>,
    stop: Option<oneshot::Sender<()>>,
    pub task: JoinHandle<Result<(), endpoint::ServerError>>,
}

impl Running {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(adjust: impl FnOnce(&mut Limits)) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.vybe.test"]);
        let certificates =
            Certificates::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).unwrap();
        Self::serving(certificates, authority.trust(), adjust).await
    }

    /// One whose clients may come so often.
    pub async fn limited(rates: Rates, adjust: impl FnOnce(&mut Limits)) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.vybe.test"]);
        let certificates =
            Certificates::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).unwrap();
        let rate_limits = Arc::new(RateLimits::new(rates, Arc::new(|_| false)));
        Self::behind(Gate { rate_limits, ..gate() }, certificates, authority.trust(), adjust).await
    }

    pub async fn serving(certificates: Certificates, trust: Trust, adjust: impl FnOnce(&mut Limits)) -> Self {
        Self::behind(gate(), certificates, trust, adjust).await
    }

    async fn behind(
        gate: Gate,
        certificates: Certificates,
        trust: Trust,
        adjust: impl FnOnce(&mut Limits),
    ) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (public, admin, redirect) = (bind(), bind(), bind());
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let addresses = (address(&public), address(&admin), address(&redirect));
        let seen = Seen::default();
        let (for_gateway, load) = (seen.clone(), Arc::<Load>::default());
        let mut limits = Limits { workers: NonZeroUsize::MIN, ..Limits::default() };
        adjust(&mut limits);
        let gateway: endpoint::GatewayFactory = Arc::new(move || Rc::new(Echo(for_gateway.clone())));
        let server = Server::new(endpoints(&seen), gate, gateway)
            .unwrap()
            .limits(limits)
            .counting(Arc::clone(&load))
            .listen(public, certificates)
            .admin(admin)
            .redirect(redirect);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self {
            address: addresses.0,
            admin: addresses.1,
            redirect: addresses.2,
            trust,
            seen,
            load,
            stop: Some(stop),
            task,
        }
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub async fn open(&self) -> RawConnection {
        RawConnection::open(self.address, "vybe.test", &self.trust).await.unwrap()
    }

    /// One request on a connection of its own.
    pub async fn ask(&self, request: &str) -> test_support::Response {
        self.open().await.exchange(request).await.unwrap()
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub fn changes(&self) -> Vec<String> {
        self.seen.changes.lock().unwrap().clone()
    }

    /// Whether what hung at the gateway was dropped within two seconds.
    pub async fn was_dropped(&self) -> bool {
        for _ in 0..100 {
            if self.seen.dropped.load(Ordering::SeqCst) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

/// The names of the endpoints that pages of apps may call.
pub fn open_to_apps(endpoints: &[Endpoint]) -> Vec<&'static str> {
    endpoints.iter().filter(|endpoint| endpoint.origins() == Origins::AppsToo).map(Endpoint::name).collect()
}
