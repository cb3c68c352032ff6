//! The calls of apps, at the paths that existing apps know (docs/adr/0050).

use std::fmt;

use access_control::{CallService, Permit};
use bytes::Bytes;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem, sentence};
use ids::{AccountId, CustomApiId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{custom_apis, run_answer, service_calls};
use crate::answering::{Answered, Answering};
use crate::call_input::UnreadRequest;
use crate::multipart::{Multipart, boundary};
use crate::{Calls, CustomApis, ExecuteError, ServiceCalls};

/// The largest body of a call, in bytes.
const LARGEST_BODY: usize = 4_300_000;

/// How much of an answer is held back, in bytes: errors up to there are answered as errors, later ones break it off.
const MOST_HELD: usize = 1 << 20;

/// The largest answer that something is put around, in bytes.
const MOST_WRAPPED: usize = 16 << 20;

/// What is passed on of a service's headers besides its media type: what pages through lists and what caches need.
const PASSED_ON: [&str; 3] = ["link", "etag", "last-modified"];

/// Everything that the endpoints of calls are made from.
#[derive(Clone)]
pub struct CallsApi {
    /// The calls.
    pub calls: Calls,
    /// The custom APIs.
    pub custom_apis: CustomApis,
    /// Who called which services.
    pub service_calls: ServiceCalls,
}

impl fmt::Debug for CallsApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CallsApi").finish_non_exhaustive()
    }
}

/// What is asked of the service.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExecuteBody {
    /// An action of the service, or `request` for any call.
    action_id: String,
    /// What the action needs; for `request` method, path, query, headers and body.
    #[serde(default)]
    #[schemars(with = "Value")]
    input: Option<Box<RawValue>>,
}

/// A call of a custom API.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CustomBody {
    /// `GET`, if it is left out.
    #[serde(default)]
    method: Option<String>,
    /// The path below the base URL, perhaps with a query; the base URL itself, if it is left out.
    #[serde(default)]
    path: Option<String>,
    /// Headers: an object of texts.
    #[serde(default)]
    #[schemars(with = "Option<Value>")]
    headers: Option<Box<RawValue>>,
    /// The body. A text is sent as it is, anything else as JSON or, if the headers say so, as a form. Beside files, an
    /// object of further fields.
    #[serde(default)]
    #[schemars(with = "Option<Value>")]
    body: Option<Box<RawValue>>,
}

/// What calls can be refused with, besides what any call with a body can.
const REFUSALS: [StatusCode; 7] = [
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::GATEWAY_TIMEOUT,
];

impl CallsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = vec![
            Endpoint::post("/api/integrations/accounts/{account_id}/execute", "execute_action")
                .open_to_app_origins()
                .requires::<CallService>()
                .takes::<ExecuteBody>()
                .refuses(&REFUSALS)
                .gives_media("*/*")
                .answers(self.clone(), execute),
            Endpoint::post("/api/pipedream/accounts/{account_id}/run-action", "run_action")
                .open_to_app_origins()
                .requires::<CallService>()
                .takes::<ExecuteBody>()
                .refuses(&REFUSALS)
                .gives::<RunAnswer>(StatusCode::OK)
                .answers(self.clone(), run_action),
            Endpoint::post("/api/custom-apis/{custom_api_id}/execute", "execute_custom_api")
                .open_to_app_origins()
                .requires::<CallService>()
                .takes_with_files::<CustomBody>()
                .refuses(&REFUSALS)
                .gives_media("*/*")
                .answers(self.clone(), execute_custom_api),
        ];
        all.extend(custom_apis::endpoints(&self.custom_apis));
        all.extend(service_calls::endpoints(&self.service_calls));
        all
    }
}

/// The service's answer, as apps know it from elsewhere.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the answer, which is written around the service's own")]
struct RunAnswer {
    /// What the service answered: its JSON, or its text.
    ret: Value,
    /// Empty.
    exports: serde_json::Map<String, Value>,
    /// Empty.
    os: Vec<Value>,
}

async fn execute(api: CallsApi, permit: Permit<CallService>, mut call: Call) -> Result<Answer, Problem> {
    let answering = api.of_account(&permit, &mut call).await?;
    let nothing = Answer::passed_on(Some("application/json"), &b"null"[..]);
    passed_on(answering, nothing).await
}

async fn run_action(api: CallsApi, permit: Permit<CallService>, mut call: Call) -> Result<Answer, Problem> {
    let answering = api.of_account(&permit, &mut call).await?;
    let (whole, held) = answering.whole(MOST_WRAPPED).await?;
    let body = run_answer::wrapped(&whole, held, MOST_WRAPPED)?;
    Ok(Answer::bytes(StatusCode::OK, "application/json", body))
}

async fn execute_custom_api(
    api: CallsApi,
    permit: Permit<CallService>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id: Result<CustomApiId, _> = call.path("custom_api_id");
    let asked = match call.header("content-type").and_then(boundary) {
        None => {
            let body: CustomBody = call.json_up_to(LARGEST_BODY).await?;
            UnreadRequest::from(body)
        }
        Some(boundary) => {
            let boundary = boundary.map_err(|error| Problem::invalid("invalid_form", sentence(&error)))?;
            let body = call.bytes_up_to(LARGEST_BODY).await?;
            let form = Multipart::read(boundary, &body);
            with_files(form.map_err(|error| Problem::invalid("invalid_form", sentence(&error)))?)?
        }
    };
    // An identifier that is none is answered as one that is not there.
    let id = id.map_err(|_| ExecuteError::UnknownCustomApi)?;
    let answering = api.calls.call_custom_api(&permit, id, asked).await?;
    passed_on(answering, Answer::passed_on(None, Bytes::new())).await
}

/// The call of a form with files: what stands in its field `params`, and the form without that field as its body.
fn with_files(mut form: Multipart) -> Result<UnreadRequest, Problem> {
    let params = form.take("params").ok_or_else(|| {
        Problem::invalid(
            "invalid_form",
            "The form needs one field of the name params, with the call as JSON.",
        )
    })?;
    // serde also takes a list for a structure, its fields by position.
    let is_object = params.trim_ascii_start().starts_with(b"{");
    let params = if is_object { serde_json::from_slice::<CustomBody>(&params).ok() } else { None };
    let params = params.ok_or_else(|| {
        Problem::invalid("invalid_form", "The field params is no JSON object of the known members.")
    })?;
    Ok(UnreadRequest { form: Some(form), ..UnreadRequest::from(params) })
}

impl CallsApi {
    async fn of_account(&self, permit: &Permit<CallService>, call: &mut Call) -> Result<Answering, Problem> {
        let id: Result<AccountId, _> = call.path("account_id");
        let ExecuteBody { action_id, input } = call.json_up_to(LARGEST_BODY).await?;
        // An identifier that is none is answered as one that is not there.
        let id = id.map_err(|_| ExecuteError::UnknownAccount)?;
        Ok(self.calls.execute(permit, id, &action_id, input).await?)
    }
}

/// The answer of the service, as it comes; `nothing`, if it is empty.
async fn passed_on(answering: Answering, nothing: Answer) -> Result<Answer, Problem> {
    let status = answering.status;
    let (headers, calls_left) = (answering.headers.clone(), answering.calls_left);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let media_type = header("content-type");
    let mut answer = match answering.answer(MOST_HELD).await? {
        Answered::Whole(bytes) if bytes.is_empty() => nothing,
        Answered::Whole(bytes) => Answer::passed_on(media_type, bytes),
        Answered::Going(pieces) => Answer::passed_on_in_pieces(media_type, pieces),
    };
    answer = answer.header("x-service-status", &status.to_string());
    if let Some(left) = calls_left {
        answer = answer.header("x-service-calls-left", &left.to_string());
    }
    for name in PASSED_ON {
        if let Some(value) = header(name) {
            answer = answer.header(name, value);
        }
    }
    Ok(answer)
}

impl From<CustomBody> for UnreadRequest {
    fn from(body: CustomBody) -> Self {
        let CustomBody { method, path, headers, body } = body;
        Self { method, path, headers, body, form: None }
    }
}
