//! What a handler answers.

use actix_http::StatusCode;
use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::HttpResponse;
use maud::Markup;
use serde::Serialize;

use crate::Surface;
use crate::security_headers::add_security_headers;

/// A whole, small answer. Streams are the gateway's business, not an endpoint's.
#[derive(Debug)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// 200 with JSON.
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        Self::json_with(StatusCode::OK, value)
    }

    /// 201 with JSON.
    #[must_use]
    pub fn created(value: &impl Serialize) -> Self {
        Self::json_with(StatusCode::CREATED, value)
    }

    /// Any status with JSON.
    #[must_use]
    pub fn json_with(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes(status, "application/json", body),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Self::bytes(StatusCode::INTERNAL_SERVER_ERROR, "application/problem+json", Vec::new())
            }
        }
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// An HTML page.
    #[must_use]
    pub fn page(status: StatusCode, markup: Markup) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", markup.into_string().into_bytes())
    }

    /// 303 to another place.
    #[must_use]
    pub fn see_other(location: &str) -> Self {
        Self::redirect(StatusCode::SEE_OTHER, location)
    }

    /// 302 to another place.
    #[must_use]
    pub fn found(location: &str) -> Self {
        Self::redirect(StatusCode::FOUND, location)
    }

    fn redirect(status: StatusCode, location: &str) -> Self {
        Self { status, headers: HeaderMap::new(), body: Vec::new() }.header("location", location)
    }

    /// Any bytes.
    #[must_use]
    pub fn bytes(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, headers: HeaderMap::new(), body }.header("content-type", content_type)
    }

    /// Adds a header. A value that is no header value is left out: it would split the answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => self.headers.append(name, value),
            _ => tracing::error!(name, "a header of an answer was left out"),
        }
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// For the router.
    pub(crate) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.body(self.body)
    }

    /// For a gateway, which answers below the router: with the headers of the platform's own answers.
    #[must_use]
    pub fn into_raw(self) -> actix_http::Response<actix_http::body::BoxBody> {
        let mut response =
            actix_http::Response::with_body(self.status, actix_http::body::BoxBody::new(self.body));
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        add_security_headers(response.headers_mut(), Surface::AppHosts, None);
        response
    }
}
