//! One exchange with an app, streaming in both directions.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use endpoint::http::header::HeaderMap as ClientHeaders;
use endpoint::http::{BodySize, BoxBody, Response, StatusCode};
use http::Request;
use http::header::{CONTENT_LENGTH, HeaderMap};
use hyper::body::Incoming;

use crate::live_streams::{Cut, Grounds};
use crate::request_body::{RequestBody, Upload};
use crate::response_body::{AbsentBody, Connection, ResponseBody};
use crate::response_headers::pass_on;
use crate::upstream_pool::{Lease, UpstreamError};

/// How long an app is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the last piece of the request to the head of the answer. As long as a user token lives,
    /// which covers the longest query that an app may wait for.
    pub answer: Duration,
    /// How long a tunnel may carry nothing in either direction.
    pub idle_tunnel: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { answer: Duration::from_secs(780), idle_tunnel: Duration::from_secs(3600) }
    }
}

/// How long an answer may take before it is watched. Most are there sooner, and never pay for it.
const UNWATCHED: Duration = Duration::from_millis(250);

/// Why there is no answer to pass on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The app's fault.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The person may not wait for it any more.
    #[error("{0}")]
    Cut(Cut),
    /// The browser did not send the body that it announced.
    #[error("the body of the request did not arrive whole")]
    BrokenUpload,
}

/// Waits for the head of an answer: not too long, and not longer than the person may.
pub(crate) async fn answered<T>(
    exchange: impl Future<Output = Result<T, UpstreamError>>,
    upload: Option<&Rc<Upload>>,
    patience: Duration,
    grounds: &Rc<Grounds>,
) -> Result<T, Failure> {
    let began = Instant::now();
    let mut exchange = pin!(exchange);
    let told = |result: Result<T, UpstreamError>| match result {
        Err(_) if upload.is_some_and(|upload| upload.has_failed()) => Err(Failure::BrokenUpload),
        result => Ok(result?),
    };
    if let Ok(result) = tokio::time::timeout(UNWATCHED.min(patience), exchange.as_mut()).await {
        return told(result);
    }
    let mut watch = pin!(Rc::clone(grounds).until_refused());
    loop {
        let moved = upload.map_or(began, |upload| upload.moved_at().max(began));
        let deadline = moved + patience;
        if deadline <= Instant::now() {
            return Err(UpstreamError::AnswerTimeout.into());
        }
        tokio::select! {
            biased;
            result = &mut exchange => return told(result),
            cut = &mut watch => return Err(Failure::Cut(cut)),
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
    }
}

/// The request for the app. Its target is the canonical path that was judged, and the query as it came.
pub(crate) fn request(
    method: &http::Method,
    target: &http::Uri,
    headers: HeaderMap,
    body: RequestBody,
) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = method.clone();
    *request.uri_mut() = target.clone();
    *request.headers_mut() = headers;
    request
}

/// Turns an app's answer into the browser's.
pub(crate) fn response(
    answer: http::Response<Incoming>,
    lease: Lease,
    upload: Option<Rc<Upload>>,
    grounds: Rc<Grounds>,
    returning: &Returning<'_>,
) -> Result<Response<BoxBody>, UpstreamError> {
    let (head, incoming) = answer.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16())
        .map_err(|_| UpstreamError::Answer("a status that does not exist"))?;
    if head.status.is_informational() {
        return Err(UpstreamError::Answer("a change of protocol that nobody asked for"));
    }
    let without_body = returning.head || matches!(head.status.as_u16(), 204 | 304);
    let length = content_length(&head.headers);
    let mut connection = Connection::new(lease, upload);
    let body = if without_body {
        connection.answer_is_whole();
        match length {
            Some(length) if returning.head && length > 0 => BoxBody::new(AbsentBody(length)),
            _ => BoxBody::new(endpoint::http::NoBody::new()),
        }
    } else {
        let size = length.map_or(BodySize::Stream, BodySize::Sized);
        ResponseBody::boxed(incoming, size, connection, grounds)
    };
    let mut response = Response::with_body(status, body);
    let keep_length = head.status == http::StatusCode::NOT_MODIFIED;
    // Into the response's own table: it comes from a pool and has room.
    pass_on(&head.headers, returning.host, returning.request_id, keep_length, response.headers_mut());
    returning.finish(&mut response);
    Ok(response)
}

/// What an answer depends on besides the app.
#[derive(Clone, Copy)]
pub(crate) struct Returning<'a> {
    pub(crate) host: &'a str,
    pub(crate) request_id: &'a str,
    /// HEAD was asked.
    pub(crate) head: bool,
    /// The browser speaks HTTP/1.0, which knows no chunks.
    pub(crate) old: bool,
    /// The connection cannot be used again.
    pub(crate) close: bool,
}

impl Returning<'_> {
    fn finish(&self, response: &mut Response<BoxBody>) {
        if self.old {
            response.head_mut().no_chunking(true);
        }
        if self.close || self.old {
            response.head_mut().set_connection_type(endpoint::http::ConnectionType::Close);
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The length that the browser announced.
pub(crate) fn announced_length(headers: &ClientHeaders) -> Option<u64> {
    headers.get("content-length")?.to_str().ok()?.trim().parse().ok()
}
