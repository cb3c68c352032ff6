//! Credentialed CORS for the pages of apps, on the endpoints that are declared open to them.
//!
//! The answer to a preflight, which carries no cookie, is the same for every label: it does not tell
//! which apps exist. The answer to the request itself is readable only for the origin of an app that
//! the signed-in person may open.

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::request_fields::only;
use crate::{Answer, Sites};

/// The label of an app whose page may read the answer. Put on a request by the gate.
pub(crate) struct ApprovedOrigin(pub(crate) String);

/// Marks an answer of an endpoint open to apps: readable for `origin`, different for each origin.
pub(crate) fn mark(headers: &mut HeaderMap, origin: Option<&str>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-site"),
    );
    if let Some(Ok(origin)) = origin.map(HeaderValue::from_str) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// The answer to a preflight from an app's page, if it is one and asks for what is open.
pub(crate) fn preflight(sites: &Sites, headers: &HeaderMap, open_methods: &str) -> Option<Answer> {
    let origin = only(headers.get_all(header::ORIGIN))?.to_str().ok()?;
    let method = only(headers.get_all(header::ACCESS_CONTROL_REQUEST_METHOD))?.to_str().ok()?;
    if !open_methods.split(", ").any(|open| open == method) {
        return None;
    }
    let label = sites.app_label_of_origin(origin)?;
    Some(
        Answer::no_content()
            .header("access-control-allow-origin", &sites.origin_of(&label))
            .header("access-control-allow-credentials", "true")
            .header("access-control-allow-methods", open_methods)
            .header("access-control-allow-headers", "content-type")
            .header("access-control-max-age", "600")
            .header("vary", "Origin"),
    )
}
