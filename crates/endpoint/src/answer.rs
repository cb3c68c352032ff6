//! What a handler answers.

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use actix_http::StatusCode;
use actix_http::body::{BodyStream, BoxBody};
use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::HttpResponse;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use maud::Markup;
use serde::Serialize;

use crate::Surface;
use crate::security_headers::add_security_headers;

/// An answer: whole and small, or in pieces.
#[derive(Debug)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Box<dyn Error>>>>>;

/// What an answer says.
pub(crate) enum Body {
    Whole(Bytes),
    /// Read only as fast as the client takes it. An error breaks the answer off, so that what came is not
    /// taken for all there is.
    Pieces(Pieces),
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An answer may hold a secret that was just issued.
            Self::Whole(bytes) => write!(formatter, "{} bytes", bytes.len()),
            Self::Pieces(_) => formatter.write_str("in pieces"),
        }
    }
}

impl Body {
    fn into_boxed(self) -> BoxBody {
        match self {
            Self::Whole(bytes) => BoxBody::new(bytes),
            Self::Pieces(stream) => BoxBody::new(BodyStream::new(stream)),
        }
    }
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
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Body::Whole(Bytes::new()) }
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
        Self { status, headers: HeaderMap::new(), body: Body::Whole(Bytes::new()) }
            .header("location", location)
    }

    /// Any bytes.
    #[must_use]
    pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Whole(body.into()) }
            .header("content-type", content_type)
    }

    /// 200 with pieces that are made while they are sent. What goes wrong meanwhile breaks it off.
    #[must_use]
    pub fn pieces<E: Error + 'static>(
        content_type: &'static str,
        pieces: impl Stream<Item = Result<impl Into<Bytes>, E>> + 'static,
    ) -> Self {
        let pieces = pieces.map(|piece| match piece {
            Ok(piece) => Ok(piece.into()),
            Err(error) => Err(Box::from(error)),
        });
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Body::Pieces(Box::pin(pieces)) }
            .header("content-type", content_type)
    }

    /// 200 with bytes that somebody else made, of the media type that they say. A browser that is led here shows none of
    /// it: the platform's pages are its own.
    #[must_use]
    pub fn passed_on(media_type: Option<&str>, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Body::Whole(body.into()) }
            .not_shown(media_type)
    }

    /// The same in pieces that come while they are sent. What goes wrong meanwhile breaks it off.
    #[must_use]
    pub fn passed_on_in_pieces<E: Error + 'static>(
        media_type: Option<&str>,
        pieces: impl Stream<Item = Result<impl Into<Bytes>, E>> + 'static,
    ) -> Self {
        let Self { status, body, .. } = Self::pieces("application/octet-stream", pieces);
        Self { status, headers: HeaderMap::new(), body }.not_shown(media_type)
    }

    fn not_shown(self, media_type: Option<&str>) -> Self {
        self.header("content-type", media_type.unwrap_or("application/octet-stream"))
            .header("content-disposition", "attachment")
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
        response.body(self.body.into_boxed())
    }

    /// For a gateway, which answers below the router: with the headers of the platform's own answers.
    #[must_use]
    pub fn into_raw(self) -> actix_http::Response<actix_http::body::BoxBody> {
        let mut response = actix_http::Response::with_body(self.status, self.body.into_boxed());
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        add_security_headers(response.headers_mut(), Surface::AppHosts, None);
        response
    }
}
