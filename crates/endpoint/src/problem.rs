//! What a client is told when something is refused or fails (RFC 9457).
//!
//! A problem has a status, a stable code and one sentence to act on. It never carries a host name of
//! an upstream, driver text, a secret or a stack trace.

use access_control::Refusal;
use actix_http::StatusCode;
use audit::AuditError;
use ids::{DecisionId, RequestId, ServiceRevocationId};
use maud::html;
use serde::Serialize;
use serde_json::Value;

use crate::rate_limits::Standing;
use crate::{Answer, page};

/// An error's text as a sentence for a person.
#[must_use]
pub fn sentence(reason: &dyn std::fmt::Display) -> String {
    let text = reason.to_string();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => text,
    }
}

/// A refusal or failure, as the client sees it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    decision: Option<DecisionId>,
    explanation: Vec<String>,
    retry_after: Option<u32>,
    service: Option<Box<ServiceAnswer>>,
    revocation: Option<Box<ServiceRevocationId>>,
    /// Apart from the rest, since few have it and all are moved around.
    hint: Option<Box<Hint>>,
}

/// What else helps to do better next time, in header fields.
#[derive(Debug, Clone)]
enum Hint {
    /// Where the caller stands.
    Standing(Standing),
    /// Bodies are taken as they are only (RFC 9110, section 15.5.16).
    PlainBodies,
}

impl Hint {
    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Standing(standing) => standing.fields().into(),
            Self::PlainBodies => vec![("accept-encoding", "identity".to_owned())],
        }
    }
}

/// What a service behind the platform answered, for the app that called it.
#[derive(Debug, Clone, Serialize)]
struct ServiceAnswer {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

/// The members in the order in which they are written, whatever else is built with this.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<DecisionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a ServiceAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_revocation_id: Option<ServiceRevocationId>,
}

impl Problem {
    /// A problem with a stable code and a sentence for a person.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            decision: None,
            explanation: Vec::new(),
            retry_after: None,
            service: None,
            revocation: None,
            hint: None,
        }
    }

    /// 400: the request has no single reading.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 401.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in, or send a valid credential.")
    }

    /// 403.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "You are not allowed to do this.")
    }

    /// 404, the same for what does not exist and for what the caller may not see.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here, or nothing that you may see.")
    }

    /// 409.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422: well-formed, and not acceptable.
    #[must_use]
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 503 with `Retry-After`.
    #[must_use]
    pub fn unavailable() -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The platform cannot answer this right now. Try again in a few seconds.",
        );
        problem.retry_after = Some(2);
        problem
    }

    /// 503 with `Retry-After`: more than can be served came at once, and this is not begun.
    pub(crate) fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "The platform has more to do than it can. Nothing was begun; try again in a few seconds.",
        )
        .after(2)
    }

    /// 415: a body that would have to be unpacked first.
    pub(crate) fn packed() -> Self {
        let mut problem = Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as it is, without a Content-Encoding.",
        );
        problem.hint = Some(Box::new(Hint::PlainBodies));
        problem
    }

    /// Says where the caller stands with what is counted.
    pub(crate) fn standing(mut self, standing: Standing) -> Self {
        self.hint = Some(Box::new(Hint::Standing(standing)));
        self
    }

    /// Says after how many seconds the caller may try again.
    #[must_use]
    pub fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 500: our own fault; the request id leads to the log line.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The platform failed. Nothing was changed. Tell the operator the request id.",
        )
    }

    /// Says what a service behind the platform answered, to the app that called it. Whoever adds it has taken the
    /// credential out.
    #[must_use]
    pub fn of_service(mut self, status: u16, body: Option<Value>) -> Self {
        self.service = Some(Box::new(ServiceAnswer { status, body }));
        self
    }

    /// Names the revocation of a service that is in the way, so that it can be looked at.
    #[must_use]
    pub fn of_revocation(mut self, revocation: ServiceRevocationId) -> Self {
        self.revocation = Some(Box::new(revocation));
        self
    }

    /// Names the decision, so that it can be looked up.
    #[must_use]
    pub fn decided(mut self, decision: DecisionId) -> Self {
        self.decision = Some(decision);
        self
    }

    /// Says how it was decided, sentence by sentence: on the page only, which the browser shows to nobody
    /// but the person.
    #[must_use]
    pub fn explained(mut self, sentences: Vec<String>) -> Self {
        self.explanation = sentences;
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The revocation of a service that is in the way.
    #[must_use]
    pub fn revocation(&self) -> Option<ServiceRevocationId> {
        self.revocation.as_deref().copied()
    }

    /// As an answer: a page for a browser that navigates, problem+json for everybody else.
    #[must_use]
    pub fn answer(&self, request: RequestId, page: bool) -> Answer {
        let answer = if page { self.page(request) } else { self.document(request) };
        let mut answer = answer.header("x-request-id", &request.to_string());
        for (name, value) in self.hint.iter().flat_map(|hint| hint.fields()) {
            answer = answer.header(name, &value);
        }
        match self.retry_after {
            Some(seconds) => answer.header("retry-after", &seconds.to_string()),
            None => answer,
        }
    }

    fn document(&self, request: RequestId) -> Answer {
        let body = ProblemBody {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            request_id: request,
            decision_id: self.decision,
            service: self.service.as_deref(),
            service_revocation_id: self.revocation(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        Answer::bytes(self.status, "application/problem+json", body)
    }

    fn page(&self, request: RequestId) -> Answer {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let content = html! {
            h1 { (title) }
            p { (self.detail) }
            dl {
                @if let Some(decision) = self.decision {
                    dt { "Decision" } dd id="decision" { (decision) }
                }
                dt { "Request" } dd id="request" { (request) }
            }
            @if !self.explanation.is_empty() {
                h2 { "How this was decided" }
                ol id="explanation" {
                    @for sentence in &self.explanation { li { (sentence) } }
                }
            }
        };
        Answer::page(self.status, page(&format!("{} {title}", self.status.as_u16()), content))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthenticated => Self::unauthenticated(),
            Refusal::NotFound => Self::not_found(),
            Refusal::Forbidden => Self::forbidden(),
            Refusal::Unavailable(_) => Self::unavailable(),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a change was not recorded");
        Self::unavailable()
    }
}
