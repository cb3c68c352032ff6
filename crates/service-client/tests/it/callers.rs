//! What callers may say.

use bytes::Bytes;
use catalogue::{Service, Values};
use http::Method;
use service_client::{Call, CallError, Credentials};

use crate::service_server::{Asked, Reply, ServiceServer, service};

async fn sent(entry: &Service, call: Call) -> Result<Asked, CallError> {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let credentials = Credentials::ApiKey("invented-key-1".into());
    let answer = server.client().send(entry, &Values::new(), &credentials, None, call).await;
    let mut asked = server.asked();
    assert_eq!(asked.len(), usize::from(answer.is_ok()), "what is refused is not sent");
    answer.map(|_| asked.pop().unwrap())
}

fn by_header() -> Service {
    service(
        "[authentication]\nkind = \"api_key\"",
        "credential = [{ place = \"header\", name = \"X-API-Key\", format = \"{api_key}\" }]\n\
         headers = { Accept = \"application/json\", X-Version = \"2026-01-01\" }",
    )
}

fn with_headers(headers: &[(&str, &str)]) -> Call {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Call { headers, ..Call::new(Method::GET, "/") }
}

#[tokio::test]
async fn a_caller_cannot_say_who_calls_or_where() {
    for name in [
        "Authorization",
        "AUTHORIZATION",
        "Cookie",
        "Host",
        "X-API-Key",
        "x-api-key",
        "X_API_Key",
        "Proxy-Authorization",
        "Forwarded",
        "X-Forwarded-Host",
        "X_Forwarded_For",
        "X-Vybe-User-Token",
        "x_vybe_user_id",
        "VYBE_SERVER_SECRET",
        "X-Original-URL",
        "Bad Name",
        "Bad\nName",
        "",
    ] {
        let refused = sent(&by_header(), with_headers(&[(name, "x")])).await;
        assert!(matches!(refused, Err(CallError::Header(_))), "{name}: {refused:?}");
    }
    for value in ["a\r\nAuthorization: x", "a\nb", "a\0b"] {
        let refused = sent(&by_header(), with_headers(&[("X-Note", value)])).await;
        assert!(matches!(refused, Err(CallError::Header(_))), "{value:?}: {refused:?}");
    }
    for method in ["CONNECT", "TRACE", "PROPFIND", "get"] {
        let call = Call::new(Method::from_bytes(method.as_bytes()).unwrap(), "/");
        assert!(matches!(sent(&by_header(), call).await, Err(CallError::Method)), "{method}");
    }
}

#[tokio::test]
async fn a_caller_cannot_have_an_answer_cut_within_the_credential() {
    for (name, value) in [
        ("Range", "bytes=0-4"),
        ("range", " Bytes = 5-9"),
        ("Range", "bytes=0-1, 4-5"),
        ("Range", "id a..; bytes=0-4"),
        ("Range", "items=0-4"),
        ("Range", "=0-4"),
        ("Request-Range", "bytes=-5"),
        ("X_MS_Range", "bytes=0-4"),
    ] {
        let refused = sent(&by_header(), with_headers(&[(name, value)])).await;
        assert!(matches!(refused, Err(CallError::Header(_))), "{name}: {value}: {refused:?}");
    }
    for page in ["id ]a..; max=10", "0-9", "name a..b"] {
        let asked = sent(&by_header(), with_headers(&[("Range", page)])).await.unwrap();
        assert_eq!(asked.header("range"), Some(page));
    }
}

#[tokio::test]
async fn headers_of_one_connection_end_here_and_the_others_go_on() {
    let call = with_headers(&[
        ("Connection", "X-API-Key, close"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "1000"),
        ("Upgrade", "websocket"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("Accept-Encoding", "gzip"),
        ("Accept", "text/csv"),
        ("X-Note", "one"),
        ("X-Note", "two"),
    ]);
    let asked = sent(&by_header(), call).await.unwrap();
    let mut names: Vec<&str> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["accept", "accept-encoding", "host", "user-agent", "x-api-key", "x-note", "x-note", "x-version"]
    );
    assert_eq!(asked.header("x-api-key"), Some("invented-key-1"));
    assert_eq!(asked.header("accept"), Some("text/csv"), "the caller's own wins over the entry's");
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert_eq!(asked.header("host"), Some("api.example.com"));
}

#[tokio::test]
async fn a_caller_cannot_say_a_parameter_of_the_credential() {
    let entry = service(
        "[authentication]\nkind = \"api_key\"",
        "credential = [{ place = \"query\", name = \"api_key\", format = \"{api_key}\" }]",
    );
    for path in [
        "/?api_key=x",
        "/?API_KEY=x",
        "/?a=b&api_key",
        "/?a=b;api_key=x",
        "/?%61pi_key=x",
        "/?api.key=x",
        "/?api%20key=x",
        "/?api_key[]=x",
        "/?api_key%00=x",
        "/?+api_key=x",
    ] {
        let refused = sent(&entry, Call::new(Method::GET, path)).await;
        assert!(matches!(refused, Err(CallError::Query(_))), "{path}: {refused:?}");
    }
    let call = Call { query: vec![("Api_Key".to_owned(), "x".to_owned())], ..Call::new(Method::GET, "/") };
    assert!(matches!(sent(&entry, call).await, Err(CallError::Query(_))));
    let asked = sent(&entry, Call::new(Method::GET, "/?q=api_key&key=1")).await.unwrap();
    assert_eq!(asked.target, "/v1/?q=api_key&key=1&api_key=invented-key-1");
}

#[tokio::test]
async fn bodies_go_on_as_they_are() {
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET] {
        let call = Call {
            body: Some(Bytes::from(body.clone())),
            ..with_headers(&[("Content-Type", "application/octet-stream")])
        };
        let asked = sent(&by_header(), Call { method, ..call }).await.unwrap();
        assert_eq!(asked.body, body);
        assert_eq!(asked.header("content-type"), Some("application/octet-stream"));
    }
}
