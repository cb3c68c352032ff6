//! A request's headers, beside the request.
//!
//! The server keeps up to 128 requests per worker for reuse, and clears one when the next takes its place. Its headers are
//! slices of the buffer in which they came, and the body, with whatever secret, came in the same buffer. So
//! they are taken out of the request before anything else, and go with its answer.

use std::rc::Rc;

use actix_http::header::HeaderMap;
use actix_http::{HttpMessage as _, Request};
use actix_web::HttpRequest;

/// In a request's extensions, which are cleared when the request has been answered.
#[derive(Clone)]
struct Headers(Rc<HeaderMap>);

/// Puts the headers beside the request.
pub(crate) fn set_aside(request: &mut Request) {
    let headers = std::mem::take(request.headers_mut());
    request.extensions_mut().insert(Headers(Rc::new(headers)));
}

/// The headers of a request.
pub(crate) fn headers(request: &HttpRequest) -> Rc<HeaderMap> {
    request.extensions().get::<Headers>().map(|headers| Rc::clone(&headers.0)).unwrap_or_default()
}
