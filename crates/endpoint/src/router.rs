//! Mounts endpoints on actix. The only place that names its routing.

use actix_http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use ids::RequestId;
use time::OffsetDateTime;

use crate::gate::wants_page;
use crate::{Call, Endpoint, Gate, Site, Surface};

/// Mounts every endpoint of one surface.
pub(crate) fn mount(config: &mut ServiceConfig, gate: &Gate, endpoints: &[Endpoint], surface: Surface) {
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.surface() == surface) {
        let gate = gate.clone();
        let endpoint = endpoint.clone();
        let method = endpoint.method().clone();
        config.route(
            endpoint.path(),
            web::method(method).to(move |request: HttpRequest, payload: web::Payload| {
                run(gate.clone(), endpoint.clone(), request, payload)
            }),
        );
    }
}

async fn run(gate: Gate, endpoint: Endpoint, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let id = request.extensions().get::<RequestId>().copied().unwrap_or_else(RequestId::generate);
    let page = wants_page(request.method(), request.headers());
    let app_label =
        match request.headers().get("host").and_then(|host| gate.sites.classify(host.to_str().ok()?)) {
            Some(Site::App(label)) => Some(label),
            _ => None,
        };
    let call = Call {
        request,
        payload: payload.into_inner(),
        id,
        now: OffsetDateTime::now_utc(),
        app_label,
        app_origin: None,
    };
    let answer = match (endpoint.handler)(gate, call).await {
        Ok(answer) => answer,
        Err(problem) => problem.answer(id, page),
    };
    let mut response = answer.into_response();
    for (name, value) in SECURITY_HEADERS {
        // A page may have a reason for a policy of its own.
        if !response.headers().contains_key(name) {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    response
}

/// On every answer of the platform itself.
pub(crate) const SECURITY_HEADERS: [(&str, &str); 7] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];
