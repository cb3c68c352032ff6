//! Which answers an endpoint gives: exact statuses, each with its headers and content.

use std::collections::BTreeSet;

use access_control::Rule;
use actix_http::{Method, StatusCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::parameters;
use crate::Endpoint;
use crate::description::{Content, Outcome};

/// The members of `responses`.
pub(super) fn answers(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut answers = Map::new();
    for outcome in &endpoint.description.outcomes {
        answers.insert(outcome.status.as_str().to_owned(), success(outcome, generator));
    }
    if endpoint.is_page() {
        // A browser without a session is sent to sign in.
        let sign_in = Outcome { status: StatusCode::FOUND, content: Content::Elsewhere };
        answers.insert(sign_in.status.as_str().to_owned(), success(&sign_in, generator));
    }
    // What the pages' forms ask is answered with pages.
    let page =
        |outcome: &Outcome| matches!(outcome.content, Content::Elsewhere | Content::Media("text/html"));
    let form = endpoint.description.outcomes.iter().any(page);
    let name = if form || *endpoint.method() == Method::GET { "ProblemOrPage" } else { "Problem" };
    for status in refusals(endpoint) {
        let name = match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => format!("{name}Unavailable"),
            _ => name.to_owned(),
        };
        // What the declaration says itself comes first.
        answers
            .entry(status.as_str())
            .or_insert_with(|| json!({ "$ref": format!("#/components/responses/{name}") }));
    }
    answers.into()
}

fn success(outcome: &Outcome, generator: &mut SchemaGenerator) -> Value {
    let mut headers = json!({ "x-request-id": { "$ref": "#/components/headers/RequestId" } });
    let description = outcome.status.canonical_reason().unwrap_or("Done");
    let content = match outcome.content {
        Content::Nothing => None,
        Content::Json(schema) => Some(("application/json", schema(generator).to_value())),
        Content::Media(media_type) => Some((media_type, json!({ "type": "string" }))),
        Content::Elsewhere => {
            headers["location"] = json!({ "$ref": "#/components/headers/Location" });
            None
        }
    };
    let mut answer = json!({ "description": description, "headers": headers });
    if let Some((media_type, schema)) = content {
        answer["content"] = json!({ media_type: { "schema": schema } });
    }
    answer
}

/// Whether an endpoint's declaration says that it can answer with this status.
pub(crate) fn declares(endpoint: &Endpoint, status: StatusCode) -> bool {
    endpoint.description.outcomes.iter().any(|outcome| outcome.status == status)
        || refusals(endpoint).contains(&status)
        || (endpoint.is_page() && status == StatusCode::FOUND)
}

/// The problems that follow from the declaration, and those that it names.
fn refusals(endpoint: &Endpoint) -> BTreeSet<StatusCode> {
    let mut statuses = BTreeSet::from([
        // A head that is not one reading of one request.
        StatusCode::BAD_REQUEST,
        StatusCode::URI_TOO_LONG,
        StatusCode::EXPECTATION_FAILED,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED,
    ]);
    match endpoint.rule() {
        Rule::Public(_) => {}
        Rule::OwnAccount(_) => statuses.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]),
        Rule::Roles(_) | Rule::AppRole(_) => {
            statuses.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]);
        }
        Rule::AppOrItsPage => statuses.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]),
        Rule::ServerSecret(_) | Rule::AgentToken => statuses.extend([StatusCode::UNAUTHORIZED]),
    }
    if parameters::names(endpoint.path()).next().is_some() {
        statuses.insert(StatusCode::NOT_FOUND);
    }
    if endpoint.description.body.is_some() {
        statuses.extend([
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
    }
    if endpoint.description.query.is_some() {
        statuses.insert(StatusCode::UNPROCESSABLE_ENTITY);
    }
    statuses.extend(&endpoint.description.refusals);
    statuses
}

/// `components/responses` and `components/headers` that the answers refer to.
pub(super) fn components(components: &mut Map<String, Value>) {
    let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    let page = json!({ "schema": { "type": "string" } });
    let answer = |content: Value, headers: Value| {
        json!({
            "description": "Refused or failed; `code` is stable (RFC 9457).",
            "headers": headers,
            "content": content,
        })
    };
    let document = json!({ "application/problem+json": problem });
    // A browser that navigates is shown a page that says the same.
    let either = json!({ "application/problem+json": problem, "text/html": page });
    let headers = json!({ "x-request-id": { "$ref": "#/components/headers/RequestId" } });
    let later = json!({
        "x-request-id": { "$ref": "#/components/headers/RequestId" },
        "retry-after": { "$ref": "#/components/headers/RetryAfter" },
    });
    components.insert(
        "responses".to_owned(),
        json!({
            "Problem": answer(document.clone(), headers.clone()),
            "ProblemUnavailable": answer(document, later.clone()),
            "ProblemOrPage": answer(either.clone(), headers),
            "ProblemOrPageUnavailable": answer(either, later),
        }),
    );
    components.insert(
        "headers".to_owned(),
        json!({
            "RequestId": {
                "description": "Leads the operator to the log lines of this request.",
                "required": true,
                "schema": { "type": "string", "pattern": "^req_[0-9a-f]{32}$" },
            },
            "Location": { "required": true, "schema": { "type": "string" } },
            "RetryAfter": { "description": "Seconds.", "required": true, "schema": { "type": "integer" } },
        }),
    );
}

/// What every problem says.
pub(super) fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "requestId"],
        "properties": {
            "type": { "const": "about:blank" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "pattern": "^[a-z0-9_]+$" },
            "detail": { "type": "string" },
            "requestId": { "type": "string", "pattern": "^req_[0-9a-f]{32}$" },
            "decisionId": { "type": "string", "pattern": "^dec_[0-9a-f]{32}$" },
            "serviceRevocationId": {
                "description": "The revocation of a service that is in the way.",
                "type": "string",
                "pattern": "^rvk_[0-9a-f]{32}$",
            },
            "service": {
                "description": "What the service behind the platform answered.",
                "type": "object",
                "required": ["status"],
                "properties": { "status": { "type": "integer" }, "body": true },
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}
