//! One call: joined, proved, sent, and its answer on the way back.

use std::time::Duration;

use bytes::Bytes;
use catalogue::{Service, Values};
use futures_util::stream;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::answer_headers::kept;
use crate::caller::{Reserved, check_method, is_idempotent};
use crate::connections::{Connections, Kept, not_sent};
use crate::path::join;
use crate::placement::Outgoing;
use crate::retry_after::{calls_left, told};
use crate::scrubber::{Scrubber, Secrecy};
use crate::token_call::filled;
use crate::{AnswerBody, Call, CallAnswer, CallError, CallLimits, Credentials, OauthClient};

/// Makes a call.
pub(crate) async fn send(
    connections: &Connections,
    service: &Service,
    values: &Values,
    (credentials, client): (&Credentials, Option<&OauthClient>),
    call: Call,
) -> Result<CallAnswer, CallError> {
    let deadline = Instant::now() + call.limits.within;
    let limits = call.limits;
    let base = service.base_url(values)?;
    let outgoing = prepared(service, values, (credentials, client), &base, call)?;
    let secrecy = Secrecy::of(&service.authentication, credentials, client, &outgoing.made);
    let url = outgoing.url.clone();
    let answer = dispatch(connections, outgoing, deadline).await?;
    let (status, headers) = (answer.status(), answer.headers());
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(CallError::Encoded);
    }
    if answer.content_length().is_some_and(|length| length > limits.most_bytes) {
        return Err(CallError::TooLarge { most_bytes: limits.most_bytes });
    }
    Ok(CallAnswer {
        status,
        headers: kept(headers, &url, &base, &secrecy),
        retry_after: told(&service.api.rate_limit, status, headers),
        calls_left: calls_left(&service.api.rate_limit, headers),
        body: body(answer, Scrubber::new(secrecy), limits, deadline),
    })
}

/// The call as it goes out.
fn prepared(
    service: &Service,
    values: &Values,
    (credentials, client): (&Credentials, Option<&OauthClient>),
    base: &Url,
    call: Call,
) -> Result<Outgoing, CallError> {
    check_method(&call.method)?;
    let reserved = Reserved::of(service);
    let mut url = join(base, &call.path)?;
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    reserved.query(&url)?;
    let mut headers = reserved.headers(&call)?;
    let form = reserved.form(&call, &headers)?;
    for (name, value) in &service.api.headers {
        let name = HeaderName::try_from(name).map_err(|_| CallError::Header(name.clone()))?;
        let value =
            HeaderValue::try_from(filled(value, values)?).map_err(|_| CallError::Header(name.to_string()))?;
        headers.entry(name).or_insert(value);
    }
    // What is compressed cannot be searched for the credential.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut outgoing =
        Outgoing { method: call.method, url, headers, body: call.body, form, made: Vec::new() };
    outgoing.prove(service, values, credentials, client)?;
    // Whatever was put together: the credential goes there and nowhere else.
    if service.may_get_credentials(&outgoing.url) {
        Ok(outgoing)
    } else {
        Err(CallError::Destination(catalogue::RenderError::NotHttps))
    }
}

async fn dispatch(
    connections: &Connections,
    outgoing: Outgoing,
    deadline: Instant,
) -> Result<reqwest::Response, CallError> {
    let mut again = is_idempotent(&outgoing.method);
    loop {
        let client = connections.to(&outgoing.url, Kept::Open).map_err(CallError::NotSent)?;
        let mut request =
            client.request(outgoing.method.clone(), outgoing.url.clone()).headers(outgoing.headers.clone());
        if let Some(body) = outgoing.body.clone() {
            request = request.body(body);
        }
        let request = request.build().map_err(|_| CallError::NotSent(crate::NotSent::Request))?;
        let failed = match timeout_at(deadline, client.execute(request)).await {
            Err(_) => return Err(CallError::Timeout),
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => not_sent(&error).map_or(CallError::NoAnswer, CallError::NotSent),
        };
        let passing = matches!(failed, CallError::NoAnswer | CallError::NotSent(crate::NotSent::Connection));
        if !(again && passing) {
            return Err(failed);
        }
        again = false;
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Between the two tries of an idempotent call.
const BETWEEN: Duration = Duration::from_millis(100);

/// A body within its limits and without the credential.
fn body(answer: reqwest::Response, scrubber: Scrubber, limits: CallLimits, deadline: Instant) -> AnswerBody {
    let reading =
        Reading { answer, scrubber, left: limits.most_bytes, most_bytes: limits.most_bytes, deadline };
    AnswerBody::new(stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(reading))),
            Ok(None) => {
                let rest = reading.scrubber.rest();
                (!rest.is_empty()).then_some((Ok(rest), None))
            }
            Err(error) => Some((Err(error), None)),
        }
    }))
}

struct Reading {
    answer: reqwest::Response,
    scrubber: Scrubber,
    left: u64,
    most_bytes: u64,
    deadline: Instant,
}

impl Reading {
    /// The next piece that is not empty.
    async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            let piece =
                timeout_at(self.deadline, self.answer.chunk()).await.map_err(|_| CallError::Timeout)?;
            let Some(piece) = piece.map_err(|_| CallError::NoAnswer)? else { return Ok(None) };
            self.left = self
                .left
                .checked_sub(piece.len() as u64)
                .ok_or(CallError::TooLarge { most_bytes: self.most_bytes })?;
            let clean = self.scrubber.piece(&piece);
            if !clean.is_empty() {
                return Ok(Some(clean));
            }
        }
    }
}
