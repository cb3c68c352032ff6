//! Mounts the endpoints of one surface on actix. The only place that names its routing.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::header::{HeaderName, HeaderValue};
use actix_http::{Request, Response, StatusCode, body::BoxBody};
use actix_service::{IntoServiceFactory as _, Service as _, ServiceFactory as _};
use actix_web::introspection::{IntrospectionNode, IntrospectionTree};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use ids::RequestId;

use crate::answered::Route;
use crate::cross_origin::{self, ApprovedOrigin};
use crate::headers::{headers, set_aside};
use crate::openapi::declares;
use crate::rate_limits::Standing;
use crate::request_fields::wants_page;
use crate::security_headers::add_security_headers;
use crate::{
    Allowance, Answer, Call, Endpoint, Gate, Limits, Origins, Problem, RateLimits, ServerError, Surface,
};

/// The label of the app host that a request came to.
pub(crate) struct AppLabel(pub(crate) String);

/// Where the mounted routes are written when a request carries it.
#[derive(Clone, Default)]
struct RouteList(Rc<std::cell::RefCell<Option<BTreeSet<MountedRoute>>>>);

/// One method and path pattern that a running router answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MountedRoute {
    /// The method.
    pub method: String,
    /// The path pattern.
    pub path: String,
}

type Answering = Rc<dyn Fn(Request) -> LocalBoxFuture<'static, Response<BoxBody>>>;

/// The router of one surface.
#[derive(Clone)]
pub(crate) struct Router {
    surface: Surface,
    answering: Answering,
}

impl Router {
    /// Mounts what is declared for a surface, then asks the router itself what it answers. A difference
    /// in either direction is an error.
    pub(crate) async fn mount(
        gate: &Gate,
        endpoints: &[Endpoint],
        surface: Surface,
        body_time: Duration,
    ) -> Result<Self, ServerError> {
        let limits = Arc::clone(&gate.rate_limits);
        let app = App::new()
            .configure(|config| configure(config, gate, endpoints, surface, body_time))
            .default_service(web::to(move |request: HttpRequest| {
                let limits = Arc::clone(&limits);
                async move { unknown(&limits, &request) }
            }));
        let service = app
            .into_factory()
            .new_service(actix_web::dev::AppConfig::default())
            .await
            .map_err(|()| ServerError::Router(surface))?;
        let service = Rc::new(service);
        let answering: Answering = Rc::new(move |request| {
            let service = Rc::clone(&service);
            Box::pin(async move {
                match service.call(request).await {
                    Ok(response) => response.into(),
                    Err(error) => {
                        tracing::error!(%error, "the router failed");
                        Problem::internal().answer(RequestId::generate(), false).into_raw()
                    }
                }
            })
        });
        let router = Self { surface, answering };
        let mounted = router.routes().await;
        let declared = declared_routes(endpoints, surface);
        if mounted != declared {
            let difference = mounted.symmetric_difference(&declared).cloned().collect();
            return Err(ServerError::RoutesDiffer { surface, difference });
        }
        Ok(router)
    }

    /// Answers one request, with the headers that every answer of the platform has.
    pub(crate) fn answer(
        &self,
        mut request: Request,
        id: RequestId,
    ) -> LocalBoxFuture<'static, Response<BoxBody>> {
        set_aside(&mut request);
        request.extensions_mut().insert(id);
        let surface = self.surface;
        let started = Instant::now();
        // The query is left out: codes and states stand there.
        let (method, path) = (request.method().clone(), request.path().to_owned());
        let answer = (self.answering)(request);
        Box::pin(async move {
            let mut response = answer.await;
            add_security_headers(response.headers_mut(), surface, Some(id));
            let status = response.status().as_u16();
            let microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::info!(target: "access", request = %id, ?surface, %method, path, status, microseconds);
            response
        })
    }

    /// What the router itself says that it answers, `HEAD` apart where `GET` is there.
    pub(crate) async fn routes(&self) -> BTreeSet<MountedRoute> {
        let list = RouteList::default();
        let mut request = Request::new();
        // Neither this method nor this path can be declared or come from a client.
        request.head_mut().method = actix_http::Method::TRACE;
        request.head_mut().uri = actix_http::Uri::from_static("/%00/routes/%00/%00/%00/%00/%00/%00/%00");
        request.extensions_mut().insert(list.clone());
        (self.answering)(request).await;
        list.0.take().unwrap_or_default()
    }
}

fn configure(
    config: &mut ServiceConfig,
    gate: &Gate,
    endpoints: &[Endpoint],
    surface: Surface,
    body_time: Duration,
) {
    let mut paths: Vec<&'static str> =
        endpoints.iter().filter(|endpoint| endpoint.surface() == surface).map(Endpoint::path).collect();
    // A literal segment is looked at before a parameter in its place.
    paths.sort_by_key(|path| path.split('/').map(|part| (part.starts_with('{'), part)).collect::<Vec<_>>());
    paths.dedup();
    for path in paths {
        let here: Vec<&Endpoint> = endpoints
            .iter()
            .filter(|endpoint| endpoint.surface() == surface && endpoint.path() == path)
            .collect();
        let mut resource = web::resource(path);
        for endpoint in &here {
            for method in methods_answered(endpoint) {
                let gate = gate.clone();
                let endpoint = (*endpoint).clone();
                resource = resource.route(web::method(method).to(
                    move |request: HttpRequest, payload: web::Payload| {
                        run(gate.clone(), endpoint.clone(), request, payload, body_time)
                    },
                ));
            }
        }
        let other = Rc::new(OtherMethods::of(gate, &here));
        config.service(resource.default_service(web::to(move |request: HttpRequest| {
            let other = Rc::clone(&other);
            async move { other.answer(&request) }
        })));
    }
}

fn methods_answered(endpoint: &Endpoint) -> Vec<actix_http::Method> {
    let method = endpoint.method().clone();
    if method == actix_http::Method::GET { vec![method, actix_http::Method::HEAD] } else { vec![method] }
}

async fn run(
    gate: Gate,
    endpoint: Endpoint,
    request: HttpRequest,
    payload: web::Payload,
    body_time: Duration,
) -> HttpResponse {
    let (id, headers) = (request_id(&request), headers(&request));
    let page = wants_page(request.method(), &headers);
    let app_label = request.extensions().get::<AppLabel>().map(|label| label.0.clone());
    let sites = gate.sites.clone();
    let call = Call {
        headers: Rc::clone(&headers),
        request: request.clone(),
        payload: payload.into_inner(),
        id,
        now: clock::now(),
        body_time,
        app_label,
        app_origin: None,
        again: None,
    };
    let answer = match (endpoint.handler)(gate, call).await {
        Ok(answer) => answer,
        Err(problem) if page && endpoint.is_page() && problem.status() == StatusCode::UNAUTHORIZED => {
            sign_in_first(&request)
        }
        Err(problem) => problem.answer(id, page),
    };
    debug_assert!(
        declares(&endpoint, answer.status()),
        "{} answers {} and does not declare it: {:?}",
        endpoint.name(),
        answer.status(),
        answer.body,
    );
    let mut response = answer.into_response();
    response.extensions_mut().insert(Route(endpoint.path()));
    let standing = request.extensions().get::<Standing>().copied();
    for (name, value) in standing.iter().flat_map(Standing::fields) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    if endpoint.origins() == Origins::AppsToo {
        let approved = request.extensions().get::<ApprovedOrigin>().map(|origin| sites.origin_of(&origin.0));
        cross_origin::mark(response.headers_mut(), approved.as_deref());
    }
    response
}

/// To the sign-in, and from there back to where the person wanted to go.
fn sign_in_first(request: &HttpRequest) -> Answer {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    Answer::found(&format!("/login?{}", query.append_pair("return_to", target).finish()))
}

/// What a path answers to methods that nobody declared for it.
struct OtherMethods {
    gate: Gate,
    allow: String,
    open_to_apps: String,
}

impl OtherMethods {
    fn of(gate: &Gate, here: &[&Endpoint]) -> Self {
        let names = |endpoints: &mut dyn Iterator<Item = &&Endpoint>| {
            let methods: BTreeSet<String> = endpoints
                .flat_map(|endpoint| methods_answered(endpoint))
                .map(|method| method.to_string())
                .collect();
            methods.into_iter().collect::<Vec<_>>().join(", ")
        };
        Self {
            gate: gate.clone(),
            allow: names(&mut here.iter()),
            open_to_apps: names(&mut here.iter().filter(|endpoint| endpoint.origins() == Origins::AppsToo)),
        }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        if request.method() == actix_http::Method::OPTIONS
            && let Some(answer) =
                cross_origin::preflight(&self.gate.sites, &headers(request), &self.open_to_apps)
        {
            return answer.into_response();
        }
        let problem = uncounted(&self.gate.rate_limits, request).unwrap_or_else(|| {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This method is not offered here. The Allow header says which ones are.",
            )
        });
        let page = wants_page(request.method(), &headers(request));
        problem.answer(request_id(request), page).header("allow", &self.allow).into_response()
    }
}

/// Counts a request that comes to no gate; the problem, if there are too many.
fn uncounted(limits: &RateLimits, request: &HttpRequest) -> Option<Problem> {
    let client = request.peer_addr().map(|peer| peer.ip());
    limits.admit(client, Allowance::Anonymous).err()
}

fn unknown(limits: &RateLimits, request: &HttpRequest) -> HttpResponse {
    if let Some(list) = request.extensions().get::<RouteList>() {
        list.0.replace(request.app_data::<web::Data<IntrospectionTree>>().map(|tree| listed(&tree.root)));
    }
    let page = wants_page(request.method(), &headers(request));
    let problem = uncounted(limits, request).unwrap_or_else(Problem::not_found);
    problem.answer(request_id(request), page).into_response()
}

fn request_id(request: &HttpRequest) -> RequestId {
    request.extensions().get::<RequestId>().copied().unwrap_or_else(RequestId::generate)
}

fn listed(node: &IntrospectionNode) -> BTreeSet<MountedRoute> {
    let mut routes: BTreeSet<MountedRoute> = node.children.iter().flat_map(listed).collect();
    let resource = !node.patterns.is_empty();
    if resource && node.methods.is_empty() {
        routes.insert(MountedRoute { method: "ANY".to_owned(), path: node.full_path.clone() });
    }
    for method in &node.methods {
        routes.insert(MountedRoute { method: method.to_string(), path: node.full_path.clone() });
    }
    routes
}

/// What a router has to answer, and nothing else.
fn declared_routes(endpoints: &[Endpoint], surface: Surface) -> BTreeSet<MountedRoute> {
    endpoints
        .iter()
        .filter(|endpoint| endpoint.surface() == surface)
        .flat_map(|endpoint| {
            methods_answered(endpoint)
                .into_iter()
                .map(|method| MountedRoute { method: method.to_string(), path: endpoint.path().to_owned() })
        })
        .collect()
}

/// Mounts the endpoints of a surface as a server does, and asks the router what it answers.
///
/// # Errors
/// When that differs from what is declared.
pub async fn mounted_routes(
    gate: &Gate,
    endpoints: &[Endpoint],
    surface: Surface,
) -> Result<BTreeSet<MountedRoute>, ServerError> {
    Ok(Router::mount(gate, endpoints, surface, Limits::default().body).await?.routes().await)
}
