//! Sends each request to where its host says: a router of ours, or the gateway.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::BoxBody;
use actix_http::header::{self, HeaderValue};
use actix_http::{HttpMessage as _, Request, Response, StatusCode};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ids::RequestId;

use crate::answered::{Observed, Route};
use crate::load::{Counted, Load, WorkerLoad};
use crate::refusal::Refusal;
use crate::request_fields::wants_page;
use crate::router::{AppLabel, Router};
use crate::strict_stream::refusal_behind;
use crate::turns::{Turn, Turns};
use crate::{Answerer, Arrival, Gateway, Observer, Problem, Site, Sites};

/// Below this path an app host answers for the platform.
const PLATFORM_PREFIX: &str = "/.vybe";

/// Where the requests of one listener go.
#[derive(Clone)]
pub(crate) enum Dispatch {
    /// The public listener.
    Public(Rc<Public>),
    /// The admin listener: one surface, whatever the host.
    Admin(Router),
    /// Plain HTTP: known hosts are sent to HTTPS.
    Redirect(Arc<Sites>),
    /// One connection too many, whatever it asks for.
    Overloaded,
}

/// What the public listener serves. Each surface has a router of its own, so that no host reaches the
/// endpoints of another.
pub(crate) struct Public {
    pub(crate) sites: Arc<Sites>,
    pub(crate) platform: Router,
    pub(crate) app_hosts: Router,
    pub(crate) issuer: Router,
    pub(crate) gateway: Rc<dyn Gateway>,
    /// What this worker is doing, and all of them.
    pub(crate) under_way: Arc<WorkerLoad>,
    pub(crate) load: Arc<Load>,
    pub(crate) most_requests: usize,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Dispatch {
    pub(crate) fn answer(&self, request: Request) -> Answering {
        let known = request.extensions().get::<RequestId>().copied();
        let id = known.unwrap_or_else(RequestId::generate);
        let turn = Turns::of(&request).map(Turn::on);
        let mut counted = None;
        let observed = self.observed(&request);
        let future = match (refusal_behind(&request), self) {
            (Some(refusal), _) => Waiting::ready(refused(refusal, id)),
            (None, Self::Public(public)) => {
                let (place, count) = public.under_way.request();
                counted = Some(place);
                public.answer_unless_overloaded(request, id, count)
            }
            (None, Self::Admin(router)) => Waiting::Future(router.answer(request, id)),
            (None, Self::Redirect(sites)) => Waiting::ready(redirect(sites, &request, id)),
            (None, Self::Overloaded) => Waiting::ready(overloaded(&request, id)),
        };
        Answering { future, id, turn, counted, observed }
    }

    /// The request, for whoever counts and traces what the public listener answers.
    fn observed(&self, request: &Request) -> Option<Observed> {
        let Self::Public(public) = self else { return None };
        let by = if refusal_behind(request).is_some() { Answerer::Nobody } else { public.answerer(request) };
        Some(Observed::new(public.observer.as_ref()?, by, request.method()))
    }
}

impl Dispatch {
    /// Whether a client that asks first may send its body. For an app its gateway says so; for endpoints
    /// it may: theirs are small.
    pub(crate) async fn invite(self, request: Request) -> Result<Request, Response<BoxBody>> {
        let turns = Turns::of(&request);
        self.invited(request).await.map_err(|refusal| ending(turns.map(Turn::on), refusal))
    }

    async fn invited(self, request: Request) -> Result<Request, Response<BoxBody>> {
        let id = RequestId::generate();
        let public = match self {
            Self::Public(public) => public,
            Self::Overloaded => return Err(overloaded(&request, id)),
            Self::Admin(_) | Self::Redirect(_) => return Ok(request),
        };
        let (_counted, count) = public.under_way.request();
        if public.is_overloaded(&request, count) {
            return Err(overloaded(&request, id));
        }
        match public.site(&request) {
            None => return Err(misdirected(&request, id)),
            Some(Site::App(label)) if !is_ours(request.path()) => {
                let arrival = arrival(&request, label, id, None);
                let invited = AssertUnwindSafe(public.gateway.invites(&request, &arrival)).catch_unwind();
                invited.await.unwrap_or_else(|_| {
                    tracing::error!(request = %id, "a gateway panicked");
                    Err(Problem::internal().answer(id, false).into_raw())
                })?;
            }
            Some(_) => {}
        }
        // The request that follows the invitation is the same one.
        request.extensions_mut().insert(id);
        Ok(request)
    }
}

fn arrival(request: &Request, label: String, id: RequestId, trace_parent: Option<String>) -> Arrival {
    let nowhere = || SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    Arrival { label, request: id, peer: request.peer_addr().unwrap_or_else(nowhere), trace_parent }
}

impl Public {
    fn site(&self, request: &Request) -> Option<Site> {
        self.sites.classify(request.headers().get(header::HOST)?.to_str().ok()?)
    }

    fn answerer(&self, request: &Request) -> Answerer {
        match self.site(request) {
            Some(Site::Platform) => Answerer::Platform,
            Some(Site::App(_)) if is_ours(request.path()) => Answerer::AppHosts,
            Some(Site::App(_)) => Answerer::App,
            Some(Site::DevelopmentIssuer) => Answerer::DevelopmentIssuer,
            None => Answerer::Nobody,
        }
    }

    /// Whether this is one request too many. Those that bring nothing that could be a credential leave half of the places
    /// to others.
    fn is_overloaded(&self, request: &Request, count: usize) -> bool {
        let most = self.most_requests;
        let too_many = count > most || (count > most / 2 && !brings_a_credential(request));
        if too_many {
            self.load.shed_a_request();
        }
        too_many
    }

    fn answer_unless_overloaded(&self, request: Request, id: RequestId, count: usize) -> Waiting {
        if self.is_overloaded(&request, count) {
            return Waiting::ready(overloaded(&request, id));
        }
        self.answer(request, id)
    }

    fn answer(&self, request: Request, id: RequestId) -> Waiting {
        match self.site(&request) {
            Some(Site::App(label)) if is_ours(request.path()) => {
                request.extensions_mut().insert(AppLabel(label));
                Waiting::Future(self.app_hosts.answer(request, id))
            }
            Some(Site::App(label)) => {
                let trace_parent = self.observer.as_ref().and_then(|observer| observer.trace_parent(id));
                let arrival = arrival(&request, label, id, trace_parent);
                Waiting::Future(Rc::clone(&self.gateway).forward(request, arrival))
            }
            Some(Site::Platform) => Waiting::Future(self.platform.answer(request, id)),
            Some(Site::DevelopmentIssuer) => Waiting::Future(self.issuer.answer(request, id)),
            None => Waiting::ready(misdirected(&request, id)),
        }
    }
}

fn is_ours(path: &str) -> bool {
    path.strip_prefix(PLATFORM_PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn brings_a_credential(request: &Request) -> bool {
    let headers = request.headers();
    ["cookie", "authorization", "vybe_server_secret", "vybe-server-secret"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// The connection ends with it: others may have its place.
fn overloaded(request: &Request, id: RequestId) -> Response<BoxBody> {
    let page = wants_page(request.method(), request.headers());
    let mut response = Problem::overloaded().answer(id, page).into_raw();
    response.head_mut().set_connection_type(actix_http::ConnectionType::Close);
    response
}

fn misdirected(request: &Request, id: RequestId) -> Response<BoxBody> {
    let problem = Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown_host",
        "No site is served under this host name here.",
    );
    problem.answer(id, wants_page(request.method(), request.headers())).into_raw()
}

fn refused(refusal: Refusal, id: RequestId) -> Response<BoxBody> {
    let answer = refusal.problem().answer(id, false);
    // RFC 9110, section 15.5.6. No target was looked up: these are the methods that any may offer.
    let answer = match refusal {
        Refusal::Method => answer.header("allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        _ => answer,
    };
    let mut response = answer.into_raw();
    response.head_mut().set_connection_type(actix_http::ConnectionType::Close);
    response
}

fn redirect(sites: &Sites, request: &Request, id: RequestId) -> Response<BoxBody> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let location = host
        .and_then(|host| sites.secure_origin(host))
        .and_then(|origin| HeaderValue::from_str(&format!("{origin}{path}")).ok());
    match location {
        Some(location) => {
            let mut response = Response::with_body(StatusCode::PERMANENT_REDIRECT, BoxBody::new(()));
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        None => misdirected(request, id),
    }
}

enum Waiting {
    Future(LocalBoxFuture<'static, Response<BoxBody>>),
    Ready(Option<Box<Response<BoxBody>>>),
}

impl Waiting {
    fn ready(response: Response<BoxBody>) -> Self {
        Self::Ready(Some(Box::new(response)))
    }
}

/// An answer being made. A panic on the way becomes a 500, and the worker goes on.
pub(crate) struct Answering {
    future: Waiting,
    id: RequestId,
    turn: Option<Turn>,
    /// Until the head of the answer is there.
    counted: Option<Counted>,
    observed: Option<Observed>,
}

impl Future for Answering {
    type Output = Result<Response<BoxBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.poll_answer(context);
        if let Poll::Ready(Ok(response)) = &polled {
            this.counted = None;
            if let Some(observed) = this.observed.take() {
                let route = response.extensions().get::<Route>().copied();
                observed.answered(this.id, response.status().as_u16(), route);
            }
        }
        polled
    }
}

impl Answering {
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<BoxBody>, Infallible>> {
        let this = self;
        let failed = |id| Problem::internal().answer(id, false).into_raw();
        let polled = match &mut this.future {
            Waiting::Ready(response) => {
                let response = response.take().map_or_else(|| failed(this.id), |response| *response);
                return Poll::Ready(Ok(ending(this.turn.take(), response)));
            }
            Waiting::Future(future) => {
                std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
            }
        };
        let response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(response)) => response,
            Err(_) => {
                tracing::error!(request = %this.id, "a handler panicked");
                failed(this.id)
            }
        };
        Poll::Ready(Ok(ending(this.turn.take(), response)))
    }
}

/// An answer with which its request's turn ends.
fn ending(turn: Option<Turn>, response: Response<BoxBody>) -> Response<BoxBody> {
    match turn {
        Some(turn) => turn.ends_with(response),
        None => response,
    }
}
