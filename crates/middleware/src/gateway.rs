//! A request for an app host, from its arrival to the app's answer.
//!
//! The order is the point: one reading of the request, the session, the app, the decision, and only
//! then the first byte to the app.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use access_control::{AppRequest, Decision, Facts, OrganizationFacts, decide};
use apps::{AddressPolicy, AppRecord, UpstreamUrl};
use directory::Directory;
use endpoint::http::{BoxBody, Payload, Request, Response, StatusCode, Version};
use endpoint::{Arrival, GatewayFactory, Problem, SESSION_COOKIE, Sites, cookie, wants_page};
use futures_util::future::LocalBoxFuture;
use http::header::{HeaderValue, TRANSFER_ENCODING};
use identity::{CookieHost, HAND_OFF_COOKIE, HandOff, LiveSession, SessionError, Sessions, UserTokens};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::counters::Counters;
use crate::forward::{self, Failure, Patience, Returning};
use crate::live_streams::Grounds;
use crate::reach::{Asked, Reach, ReachError};
use crate::refusals::{Refusals, RefusedRequest, Why};
use crate::request_body::{RequestBody, Upload};
use crate::request_headers::{self, Identity, Kind};
use crate::tunnel::{self, Handshake};
use crate::upstream_pool::{PoolLimits, Purpose, UpstreamError, UpstreamPool};

/// What every worker's gateway is made from.
pub struct Middleware {
    /// Which apps there are, and who may use them.
    pub directory: Directory,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// What apps are told about it.
    pub user_tokens: Arc<UserTokens>,
    /// Which hosts are ours.
    pub sites: Arc<Sites>,
    /// Where refusals go.
    pub refusals: Refusals,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Where apps may run.
    pub addresses: Arc<AddressPolicy>,
    /// Whom to trust when an app is reached over TLS.
    pub tls: Arc<rustls::ClientConfig>,
    /// How connections to apps are kept.
    pub pool: PoolLimits,
    /// How long apps are waited for.
    pub patience: Patience,
}

impl Middleware {
    /// Makes one gateway for each worker thread.
    #[must_use]
    pub fn into_factory(self) -> GatewayFactory {
        let middleware = Arc::new(self);
        Arc::new(move || {
            let middleware = Arc::clone(&middleware);
            let pool = UpstreamPool::new(
                Arc::clone(&middleware.addresses),
                Arc::clone(&middleware.tls),
                middleware.pool,
            );
            let facts: Arc<dyn Facts> = Arc::new(middleware.directory.clone());
            Rc::new(Gateway { changed: middleware.directory.changed(), middleware, pool, facts })
        })
    }
}

/// The gateway of one worker thread.
struct Gateway {
    middleware: Arc<Middleware>,
    pool: Rc<UpstreamPool>,
    facts: Arc<dyn Facts>,
    changed: watch::Receiver<u64>,
}

/// Why a request is not forwarded.
enum Stop {
    /// Nobody is signed in on this host.
    SignIn,
    /// Refused, or failed.
    Told(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Told(problem)
    }
}

impl endpoint::Gateway for Gateway {
    fn forward(
        self: Rc<Self>,
        mut request: Request,
        arrival: Arrival,
    ) -> LocalBoxFuture<'static, Response<BoxBody>> {
        Box::pin(async move {
            let payload = request.take_payload();
            match self.pass(&request, payload, &arrival).await {
                Ok(response) => response,
                Err(stop) => self.stopped(stop, &request, &arrival),
            }
        })
    }
}

/// A request that may be forwarded, with whatever that takes.
struct Admitted<'a> {
    session: Arc<LiveSession>,
    app: Arc<AppRecord>,
    reach: Reach<'a>,
    handshake: Handshake,
    now: OffsetDateTime,
}

impl Gateway {
    async fn pass(
        &self,
        request: &Request,
        payload: Payload,
        arrival: &Arrival,
    ) -> Result<Response<BoxBody>, Stop> {
        let now = OffsetDateTime::now_utc();
        let counters = &self.middleware.counters;
        let (reach, handshake) = read(request).inspect_err(|_| counters.malformed.add_one())?;
        let session = self.session(request, arrival, now).await?;
        let app = self.app(arrival)?;
        let organization = self.organization(&app)?;
        let admitted = Admitted { session, app, reach, handshake, now };
        self.decide(&admitted, &organization, request, arrival)?;
        let upstream = admitted.app.upstream.clone().ok_or_else(not_running)?;
        self.hand_over(request, payload, arrival, admitted, &upstream).await
    }

    /// The session that the one session cookie opens on this host.
    async fn session(
        &self,
        request: &Request,
        arrival: &Arrival,
        now: OffsetDateTime,
    ) -> Result<Arc<LiveSession>, Stop> {
        let cookie = cookie(request.head().headers(), SESSION_COOKIE).ok_or(Stop::SignIn)?;
        let host = CookieHost::App(&arrival.label);
        let sessions = &self.middleware.sessions;
        let opened = match sessions.cached(cookie, host, now) {
            Some(opened) => opened,
            None => sessions.open(cookie, host, now).await,
        };
        opened.map_err(|error| match error {
            SessionError::Invalid => Stop::SignIn,
            SessionError::Unavailable => self.undecided(),
        })
    }

    fn app(&self, arrival: &Arrival) -> Result<Arc<AppRecord>, Stop> {
        let app = self.middleware.directory.app_at(&arrival.label).map_err(|_| self.undecided())?;
        app.ok_or_else(|| self.refused(Problem::not_found()))
    }

    fn organization(&self, app: &AppRecord) -> Result<Arc<OrganizationFacts>, Stop> {
        let organization = self.facts.organization(app.organization()).map_err(|_| self.undecided())?;
        organization.ok_or_else(|| self.refused(Problem::not_found()))
    }

    fn decide(
        &self,
        admitted: &Admitted<'_>,
        organization: &OrganizationFacts,
        request: &Request,
        arrival: &Arrival,
    ) -> Result<(), Stop> {
        let Admitted { session, app, reach, handshake, now } = admitted;
        let decision = decide(&AppRequest {
            viewer: session.signed_in(),
            organization,
            app: &app.facts,
            method: &reach.method,
            paths: &reach.paths,
            under_every_rule: reach.under_every_rule,
            now: *now,
        });
        let (why, visible) = match decision {
            Decision::Refuse(reason) => (Why::Decided(reason), reason.app_is_visible()),
            Decision::Allow(_) if *handshake == Handshake::WebSocket => {
                let origin = self.middleware.sites.origin_of(&arrival.label);
                if tunnel::is_from_own_page(request.head().headers(), &origin) {
                    return Ok(());
                }
                (Why::Origin { foreign_origin: true }, true)
            }
            Decision::Allow(_) => return Ok(()),
        };
        let number = self.middleware.refusals.record(&RefusedRequest {
            user: session.signed_in().user,
            organization: app.organization(),
            app: app.id(),
            request: arrival.request,
            method: reach.method.as_str(),
            path: reach.forwarded_path(),
            why,
        });
        let problem = if visible { Problem::forbidden().decided(number) } else { Problem::not_found() };
        Err(self.refused(problem))
    }

    /// Forwards a request that was allowed.
    async fn hand_over(
        &self,
        request: &Request,
        payload: Payload,
        arrival: &Arrival,
        admitted: Admitted<'_>,
        upstream: &UpstreamUrl,
    ) -> Result<Response<BoxBody>, Stop> {
        let Admitted { session, app, reach, handshake, now } = admitted;
        let id = app.id();
        let tunnel = handshake == Handshake::WebSocket;
        let host = self.middleware.sites.app_authority(&arrival.label);
        let request_id = arrival.request.to_string();
        let kind = Kind { web_socket: tunnel, next_data: reach.forwarded_path().starts_with("/_next/data/") };
        let person = session.person();
        let user_token = self.middleware.user_tokens.mint(&session, id, now);
        let user_id = person.id.to_string();
        let identity = Identity {
            user_token: &user_token,
            user_id: &user_id,
            email: person.email.as_str(),
            name: &person.name,
            request_id: &request_id,
            peer: arrival.peer.ip(),
            host: &host,
        };
        let target: http::Uri = reach
            .forwarded_target()
            .parse()
            .map_err(|_| Problem::malformed("The target is not readable."))?;
        let method = http::Method::from_bytes(request.method().as_str().as_bytes())
            .map_err(|_| Problem::malformed("The method is not readable."))?;
        let mut headers =
            request_headers::forwarded(request.head().headers(), &identity, kind).map_err(|error| {
                tracing::error!(%error, request = request_id, "a request was not forwarded");
                Problem::internal()
            })?;

        let length = forward::announced_length(request.head().headers());
        let bodiless = matches!(payload, Payload::None);
        let upload = (!bodiless && !tunnel).then(Upload::new);
        if upload.is_some() && length.is_none() {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let (body, payload) = match &upload {
            Some(upload) => (RequestBody::streaming(payload, length, Rc::clone(upload)), Payload::None),
            None => (RequestBody::empty(), payload),
        };
        let grounds = Rc::new(Grounds {
            facts: Arc::clone(&self.facts),
            changed: self.changed.clone(),
            session: Arc::clone(&session),
            app: id,
            method: reach.method,
            paths: reach.paths.into_iter().map(access_control::RequestPath::into_owned).collect(),
            under_every_rule: reach.under_every_rule,
        });
        let first = RefCell::new(Some((headers, body)));
        let build = || {
            // Only a request without a body is built a second time.
            let (headers, body) = first.take().unwrap_or_else(|| {
                let headers = request_headers::forwarded(request.head().headers(), &identity, kind);
                (headers.unwrap_or_default(), RequestBody::empty())
            });
            forward::request(&method, &target, headers, body)
        };
        let purpose = if tunnel { Purpose::Tunnel } else { Purpose::Exchanges };
        let repeatable = bodiless && is_idempotent(&method);
        let exchange = self.pool.send(id, upstream, purpose, repeatable, build);
        let patience = self.middleware.patience;
        let answered = forward::answered(exchange, upload.as_ref(), patience.answer, &grounds).await;
        let failed = |failure: Failure| self.failed(&failure, &app, arrival);
        let (answer, lease) = answered.map_err(failed)?;
        let upstream_failed = |error: UpstreamError| failed(Failure::Upstream(error));

        self.middleware.counters.forwarded.add_one();
        if tunnel && answer.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            self.middleware.counters.tunnels.add_one();
            let names = (host.as_str(), request_id.as_str());
            let opened = tunnel::open(answer, payload, grounds, patience.idle_tunnel, names).await;
            return opened.map_err(upstream_failed);
        }
        let returning = Returning {
            host: &host,
            request_id: &request_id,
            head: method == http::Method::HEAD,
            old: request.version() < Version::HTTP_11,
            close: request.upgrade() || tunnel,
        };
        forward::response(answer, lease, upload, grounds, &returning).map_err(upstream_failed)
    }

    fn stopped(&self, stop: Stop, request: &Request, arrival: &Arrival) -> Response<BoxBody> {
        let page = wants_page(request.method(), request.head().headers());
        let answer = match stop {
            Stop::Told(problem) => problem.answer(arrival.request, page),
            Stop::SignIn => {
                self.middleware.counters.unauthenticated.add_one();
                self.sign_in(request, arrival, page)
            }
        };
        answer.into_raw()
    }

    /// Sends a browser to sign in, and tells everybody else that it is necessary. The same for hosts of
    /// apps that do not exist.
    fn sign_in(&self, request: &Request, arrival: &Arrival, page: bool) -> endpoint::Answer {
        if !page {
            return Problem::unauthenticated().answer(arrival.request, false);
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let browser = cookie(request.head().headers(), HAND_OFF_COOKIE);
        match HandOff::begin(&arrival.label, target, browser, &self.middleware.sites) {
            Ok(departure) => endpoint::Answer::found(&departure.location)
                .header("set-cookie", &departure.set_cookie)
                .header("x-request-id", &arrival.request.to_string()),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "nobody can be sent to sign in");
                Problem::internal().answer(arrival.request, page)
            }
        }
    }

    fn undecided(&self) -> Stop {
        self.middleware.counters.undecided.add_one();
        Problem::unavailable().into()
    }

    fn refused(&self, problem: Problem) -> Stop {
        self.middleware.counters.refused.add_one();
        problem.into()
    }

    fn failed(&self, failure: &Failure, app: &AppRecord, arrival: &Arrival) -> Stop {
        let counters = &self.middleware.counters;
        let problem = match failure {
            Failure::BrokenUpload => {
                counters.malformed.add_one();
                return Problem::malformed("The body did not arrive whole.").into();
            }
            Failure::Cut(_) => {
                counters.refused.add_one();
                return Problem::unauthenticated().into();
            }
            Failure::Upstream(UpstreamError::AnswerTimeout) => {
                counters.upstream_late.add_one();
                Problem::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "upstream_timeout",
                    "The app did not answer in time. Try again, or tell whoever runs the app.",
                )
            }
            Failure::Upstream(_) => {
                counters.upstream_failed.add_one();
                Problem::new(
                    StatusCode::BAD_GATEWAY,
                    "upstream_unreachable",
                    "The app cannot be reached at the moment. Try again, or tell whoever runs the app.",
                )
            }
        };
        tracing::warn!(
            error = failure as &dyn std::error::Error,
            app = %app.id(),
            request = %arrival.request,
            "an app did not answer"
        );
        problem.into()
    }
}

/// The one reading of a request.
fn read(request: &Request) -> Result<(Reach<'_>, Handshake), Stop> {
    let headers = request.head().headers();
    let content_type: Vec<&[u8]> = headers.get_all("content-type").map(|value| value.as_bytes()).collect();
    let next_url: Vec<&[u8]> = headers.get_all("next-url").map(|value| value.as_bytes()).collect();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let reach = Reach::of(&Asked {
        method: request.method().as_str(),
        target,
        content_type: &content_type,
        next_action: headers.contains_key("next-action"),
        next_url: &next_url,
    })
    .map_err(|error| unreadable(&error))?;
    // What the platform itself answers on app hosts is never the app's, however it is spelled.
    let path = reach.paths.first().map_or("/", |path| path.judged());
    if path == "/.vybe" || path.starts_with("/.vybe/") {
        return Err(Problem::not_found().into());
    }
    match Handshake::of(request.method(), headers) {
        Handshake::Malformed => Err(Problem::malformed("This is not a WebSocket handshake.").into()),
        handshake => Ok((reach, handshake)),
    }
}

fn unreadable(error: &ReachError) -> Stop {
    let detail = format!("The request cannot be forwarded: {error}.");
    match error {
        ReachError::Method => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).into()
        }
        _ => Problem::malformed(detail).into(),
    }
}

fn not_running() -> Stop {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_running",
        "This app does not run anywhere yet. Tell whoever runs it.",
    )
    .into()
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &http::Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
}
