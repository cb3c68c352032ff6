//! Headers on every answer that the platform itself gives.

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ids::RequestId;

use crate::Surface;

const ALWAYS: [(&str, &str); 5] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Pages have no script, and load nothing from elsewhere.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
frame-ancestors 'none'; base-uri 'none'";

/// The development issuer's form is answered by a redirect to the platform's host, which browsers hold
/// against `form-action`, too.
const ISSUER_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action https:; \
frame-ancestors 'none'; base-uri 'none'";

/// Adds them. What an answer says itself about caching and about its readers stays.
pub(crate) fn add_security_headers(headers: &mut HeaderMap, surface: Surface, request: Option<RequestId>) {
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let policy = if surface == Surface::DevelopmentIssuer { ISSUER_POLICY } else { PAGE_POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    let mut add = |name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    add(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    add(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    if let Some(Ok(value)) = request.map(|request| HeaderValue::from_str(&request.to_string())) {
        add(HeaderName::from_static("x-request-id"), value);
    }
}
