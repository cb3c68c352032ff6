//! The wire contract with existing apps (docs/adr/0050): requests as they send them, what the service is asked, and
//! answers as apps read them, byte for byte.
//!
//! `contract/<name>.request` is sent as it is; the service gets `contract/<name>.call` and answers
//! `contract/<name>.service`; what comes back has to be `contract/<name>.answer`. Whoever changes the contract on purpose
//! sets `VYBE_WRITE_CONTRACT` and looks at the difference.

use std::path::PathBuf;

use serde_json::{Value, json};
use test_support::{ArrivedCall, Response, ServedAnswer, TestDatabase};

use super::world::World;

const WRITE: &str = "VYBE_WRITE_CONTRACT";

const MULTIPART: &str = "multipart/form-data; boundary=----formBoundary7MA4YWxk";

/// Which of the routes.
#[derive(Clone, Copy)]
enum Route {
    Execute,
    RunAction,
    CustomApi,
    CustomApiForm,
}

/// Name, route, what the service answers, the status that the app gets.
const EXCHANGES: &[(&str, Route, u16, &str, u16)] = &[
    ("execute-action", Route::Execute, 200, "application/json", 200),
    ("execute-action-with-path", Route::Execute, 200, "application/json; charset=utf-8", 200),
    ("execute-action-with-body", Route::Execute, 201, "application/json", 200),
    ("execute-action-with-form", Route::Execute, 204, "", 200),
    ("execute-request", Route::Execute, 200, "application/json", 200),
    ("execute-text", Route::Execute, 200, "text/csv", 200),
    ("execute-refused", Route::Execute, 404, "application/json", 502),
    ("execute-refused-with-text", Route::Execute, 400, "text/html", 502),
    ("execute-failed", Route::Execute, 503, "text/plain", 502),
    ("execute-limited", Route::Execute, 429, "application/json", 429),
    ("execute-unknown-action", Route::Execute, 200, "application/json", 404),
    ("execute-missing-input", Route::Execute, 200, "application/json", 422),
    ("run-action", Route::RunAction, 200, "application/json", 200),
    ("run-action-text", Route::RunAction, 200, "text/plain", 200),
    ("run-action-nothing", Route::RunAction, 204, "", 200),
    ("run-action-refused", Route::RunAction, 403, "application/json", 502),
    ("custom-api-get", Route::CustomApi, 200, "application/json", 200),
    ("custom-api-post", Route::CustomApi, 201, "application/json", 200),
    ("custom-api-form", Route::CustomApi, 200, "application/json", 200),
    ("custom-api-nothing", Route::CustomApi, 204, "", 200),
    ("custom-api-refused", Route::CustomApi, 422, "application/json", 502),
    ("custom-api-authorization", Route::CustomApi, 200, "application/json", 422),
    ("custom-api-files", Route::CustomApiForm, 200, "application/json", 200),
    ("custom-api-files-without-params", Route::CustomApiForm, 200, "application/json", 422),
];

#[test]
fn existing_apps_get_the_bytes_that_they_know() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        let api = world.custom_api("CRM", json!({ "headers": { "x-region": "eu" } })).await;
        let mut differences = Vec::new();
        for &(name, route, service_status, media_type, status) in EXCHANGES {
            let served = std::fs::read(file(name, "service")).unwrap_or_default();
            world.service.answers(move |_| {
                let answer = ServedAnswer::bytes(service_status, "", served.clone());
                let headers = match media_type {
                    "" => Vec::new(),
                    media_type => vec![("content-type".to_owned(), media_type.to_owned())],
                };
                let answer = ServedAnswer { headers, ..answer }.with("set-cookie", "session=service");
                if service_status == 429 { answer.with("retry-after", "17") } else { answer }
            });
            let (path, content_type) = match route {
                Route::Execute => {
                    (format!("/api/integrations/accounts/{account}/execute"), "application/json")
                }
                Route::RunAction => {
                    (format!("/api/pipedream/accounts/{account}/run-action"), "application/json")
                }
                Route::CustomApi => (format!("/api/custom-apis/{api}/execute"), "application/json"),
                Route::CustomApiForm => (format!("/api/custom-apis/{api}/execute"), MULTIPART),
            };
            let request = std::fs::read(file(name, "request")).unwrap();
            let secret = world.platform.server_secret("hello");
            let answer = world.ask_as(secret, None, &path, content_type, request).await;
            assert_eq!(answer.status, status, "{name}: {}", answer.text());
            assert_eq!(answer.header("set-cookie"), None, "{name}");
            assert_eq!(answer.header("retry-after"), (status == 429).then_some("17"), "{name}");
            let arrived = world.service.take_arrived();
            let call = arrived.iter().map(written_call).collect::<Vec<_>>().join("\n");
            differences.extend(difference(name, "call", call));
            differences.extend(difference(name, "answer", written_answer(&answer)));
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert!(
            std::env::var_os(WRITE).is_none(),
            "answers were written, not compared: look at the difference"
        );
    });
}

/// A call as the service got it, in one order.
fn written_call(call: &ArrivedCall) -> String {
    let mut headers: Vec<String> =
        call.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    format!("{} {}\n{}\n\n{}", call.method, call.target, headers.join("\n"), call.text())
}

/// Status, what apps read of the head, and body. What differs from run to run stands for itself.
fn written_answer(answer: &Response) -> String {
    let mut body = answer.text();
    if answer.status != 200 {
        let problem: Value = answer.json();
        for (member, prefix) in [("requestId", "req"), ("decisionId", "dec")] {
            if let Some(number) = problem[member].as_str() {
                body = body.replace(number, &format!("{prefix}_00000000000000000000000000000000"));
            }
        }
    }
    let mut head = format!("{}\n", answer.status);
    for name in ["content-type", "content-disposition", "x-service-status", "retry-after"] {
        if let Some(value) = answer.header(name) {
            head.push_str(&format!("{name}: {value}\n"));
        }
    }
    format!("{head}\n{body}")
}

/// What is not as it is written down.
fn difference(name: &str, what: &str, got: String) -> Option<String> {
    let path = file(name, what);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &got).unwrap();
        return None;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    (wanted != got).then(|| format!("{name}.{what}:\n  wanted {wanted}\n  got    {got}"))
}

fn file(name: &str, what: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/service_calls/contract")
        .join(format!("{name}.{what}"))
}
