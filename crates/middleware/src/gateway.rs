//! One worker's gateway: an admitted request on its way to the app, and the answer on its way back.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use endpoint::http::{BoxBody, Payload, Request, Response, Version};
use endpoint::{Allowance, Arrival, GatewayFactory, Problem, cookie, wants_page};
use futures_util::future::LocalBoxFuture;
use http::header::{HeaderValue, TRANSFER_ENCODING};
use identity::HAND_OFF_COOKIE;

use crate::admission::{Admitted, Recording};
use crate::forward::{self, Failure, Returning};
use crate::live_streams::{Grounds, Policy};
use crate::middleware::Middleware;
use crate::request_body::{RequestBody, Upload};
use crate::request_headers::{self, Identity, IdentityHeaderError, Kind};
use crate::stop::{self, Stop, not_running};
use crate::tunnel::{self, Handshake};
use crate::upstream_pool::{Purpose, UpstreamError, UpstreamPool};

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
            let facts = Arc::new(middleware.directory.clone());
            let decisions = middleware.decisions.queue();
            let (changed, streams) = (middleware.directory.changed(), middleware.streams.clone());
            let policy = Rc::new(Policy { facts, changed, decisions, streams });
            Rc::new(Gateway { middleware, pool, policy })
        })
    }
}

/// The gateway of one worker thread.
pub(crate) struct Gateway {
    middleware: Arc<Middleware>,
    policy: Rc<Policy>,
    pool: Rc<UpstreamPool>,
}

impl endpoint::Gateway for Gateway {
    fn forward(
        self: Rc<Self>,
        mut request: Request,
        arrival: Arrival,
    ) -> LocalBoxFuture<'static, Response<BoxBody>> {
        Box::pin(async move {
            let payload = request.take_payload();
            let started = Instant::now();
            let recording = Recording::new(&self.policy.decisions);
            let response = match self.pass(&request, payload, &arrival, &recording).await {
                Ok(response) => response,
                Err(stop) => self.stopped(stop, &request, &arrival),
            };
            // Until the head of the answer. The query is left out, as in the lines of endpoints.
            tracing::info!(
                target: "access",
                request = %arrival.request,
                decision = recording.number().map(tracing::field::display),
                app = arrival.label,
                method = %request.method(),
                path = request.path(),
                status = response.status().as_u16(),
                microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
            );
            response
        })
    }

    fn invites<'a>(
        &'a self,
        request: &'a Request,
        arrival: &'a Arrival,
    ) -> LocalBoxFuture<'a, Result<(), Response<BoxBody>>> {
        Box::pin(async move {
            let recording = Recording::new(&self.policy.decisions);
            match self.middleware.admit(request, arrival, &recording).await {
                Ok(_) => Ok(()),
                Err(stop) => Err(self.stopped(stop, request, arrival)),
            }
        })
    }
}

impl Gateway {
    async fn pass(
        &self,
        request: &Request,
        payload: Payload,
        arrival: &Arrival,
        recording: &Recording<'_>,
    ) -> Result<Response<BoxBody>, Stop> {
        let admitted = self.middleware.admit(request, arrival, recording).await?;
        self.hand_over(request, payload, arrival, admitted).await
    }

    /// Forwards a request that was allowed.
    async fn hand_over(
        &self,
        request: &Request,
        payload: Payload,
        arrival: &Arrival,
        admitted: Admitted<'_>,
    ) -> Result<Response<BoxBody>, Stop> {
        let Admitted { session, app, reach, handshake, now } = admitted;
        let upstream = app.upstream.as_ref().ok_or_else(not_running)?;
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
        let forwarded = || {
            let mut headers = request_headers::forwarded(request.head().headers(), &identity, kind)?;
            if let Some(trace_parent) = &arrival.trace_parent {
                request_headers::continue_trace(&mut headers, trace_parent);
            }
            Ok::<_, IdentityHeaderError>(headers)
        };
        let mut headers = forwarded().map_err(|error| {
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
            policy: Rc::clone(&self.policy),
            session,
            app: id,
            organization: app.organization(),
            request: arrival.request,
            method: reach.method,
            paths: reach.paths.into_iter().map(access_control::RequestPath::into_owned).collect(),
            under_every_rule: reach.under_every_rule,
        });
        let first = RefCell::new(Some((headers, body)));
        let build = || {
            // Only a request without a body is built a second time.
            let (headers, body) =
                first.take().unwrap_or_else(|| (forwarded().unwrap_or_default(), RequestBody::empty()));
            forward::request(&method, &target, headers, body)
        };
        let purpose = if tunnel { Purpose::Tunnel } else { Purpose::Exchanges };
        let repeatable = bodiless && is_idempotent(&method);
        let exchange = self.pool.send(id, upstream, purpose, repeatable, build);
        let patience = self.middleware.patience;
        let answered = forward::answered(exchange, upload.as_ref(), patience.answer, &grounds).await;
        let failed = |failure: Failure| stop::failed(&failure, id, arrival, &self.middleware.counters);
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
        let headers = request.head().headers();
        let page = wants_page(request.method(), headers);
        let (within, told) = match stop {
            Stop::Told(problem) => return problem.answer(arrival.request, page).into_raw(),
            Stop::SignIn => {
                self.middleware.counters.unauthenticated.add_one();
                // Who is signed in is not counted here: nothing is shared on that way, and nothing made.
                let counted =
                    self.middleware.rate_limits.admit(Some(arrival.peer.ip()), Allowance::Anonymous);
                if let Err(problem) = counted {
                    return problem.answer(arrival.request, page).into_raw();
                }
                (None, Problem::unauthenticated())
            }
            Stop::SignInAgain(age, problem) => (Some(age), problem),
        };
        let answer = if page {
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
            let browser = cookie(headers, HAND_OFF_COOKIE);
            stop::sign_in(arrival, target, browser, within, &self.middleware.sites)
        } else {
            told.answer(arrival.request, false)
        };
        answer.into_raw()
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &http::Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
}
