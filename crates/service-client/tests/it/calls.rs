//! Calls: where they go, how the account is proved, what comes back.

use std::time::Duration;

use bytes::Bytes;
use catalogue::Values;
use http::{Method, StatusCode};
use service_client::{Call, CallError, CallLimits, Credentials, OauthClient};

use crate::service_server::{Manner, Reply, ServiceServer, service, values};

const KEY: &str = "invented-key-1";

fn key() -> Credentials {
    Credentials::ApiKey(KEY.into())
}

fn by_key(placement: &str) -> catalogue::Service {
    service("[authentication]\nkind = \"api_key\"", &format!("credential = [{{ {placement} }}]"))
}

#[tokio::test]
async fn i08_a_token_goes_only_to_the_services_own_host_and_prefix() {
    let hosts = ["api.example.com", "evil.example", "api.example.com.evil.example"];
    let server = ServiceServer::answering(&hosts, Reply::new(200, "fine")).await;
    let client = server.client();
    let bearer = service("[authentication]\nkind = \"bearer_token\"", "");
    let credentials = Credentials::Bearer("invented-token-1".into());
    for path in [
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "@evil.example/",
        ":x@evil.example/",
        ".evil.example/",
        "https://evil.example/",
        "HTTPS:evil.example",
        "/../admin",
        "/../v2",
        "/..",
        "/a/../../admin",
        "/..%2f..%2fadmin",
        "/%2e%2e/admin",
        "/%252e%252e/admin",
        "/..;/admin",
        "/%2f%2fevil.example",
        "/..%5cadmin",
        "/a\r\nHost: evil.example",
        "/a%0d%0aHost:%20evil.example",
        "/\u{ff0e}\u{ff0e}/admin",
        "/%c0%ae%c0%ae/admin",
    ] {
        let call = Call::new(Method::GET, path);
        let refused = client.send(&bearer, &Values::new(), &credentials, None, call).await;
        assert!(matches!(refused, Err(CallError::Path(_))), "{path}: {refused:?}");
    }
    assert!(server.asked().is_empty());
    assert_eq!(server.connections(), 0);
    for path in ["/users?next=//evil.example", "/me@evil.example", "", "/a:b@c"] {
        let call = Call::new(Method::GET, path);
        client.send(&bearer, &Values::new(), &credentials, None, call).await.unwrap();
    }
    for asked in server.asked() {
        assert_eq!(asked.host(), "api.example.com");
        assert!(asked.target.starts_with("/v1"), "{}", asked.target);
        assert_eq!(asked.header("authorization"), Some("Bearer invented-token-1"));
    }
}

#[tokio::test]
async fn i08_values_cannot_move_a_token_to_another_host() {
    let server = ServiceServer::answering(&["evil.example"], Reply::new(200, "fine")).await;
    let by_shop = catalogue::Service::parse(
        "schema = 1\nid = \"shops\"\nname = \"Shops\"\ncategories = [\"tests\"]\ntier = \"documented\"\n\
         documentation = \"https://docs.example.com/\"\n[[variable]]\nkey = \"shop\"\nlabel = \"Shop\"\npattern = \".*\"\n\
         [authentication]\nkind = \"bearer_token\"\n[api]\nbase = \"https://{shop}.example.com/v1\"\nhosts = [\"*.example.com\"]\n",
    )
    .unwrap();
    for shop in [
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "user@evil.example:443",
        "evil.example\\",
        "",
        "..",
        "a.evil.example:443/",
    ] {
        let call = Call::new(Method::GET, "/");
        let credentials = Credentials::Bearer("invented-token-1".into());
        let refused =
            server.client().send(&by_shop, &values(&[("shop", shop)]), &credentials, None, call).await;
        assert!(
            matches!(refused, Err(CallError::Destination(_) | CallError::NotSent(_))),
            "{shop}: {refused:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn i09_redirects_are_not_followed_and_lead_nowhere_else() {
    let hosts = ["api.example.com", "evil.example"];
    let server = ServiceServer::answering(&hosts, Reply::new(200, "fine")).await;
    let client = server.client();
    for (location, kept) in [
        ("https://evil.example/steal", false),
        ("//evil.example/steal", false),
        ("http://api.example.com/v1/other", false),
        ("https://api.example.com:8443/v1/other", false),
        ("https://user@api.example.com/v1/other", false),
        ("/admin", false),
        ("/v1-other/", false),
        ("../admin", false),
        ("https://api.example.com/v1/other", true),
        ("/v1/other?page=2", true),
        ("other", true),
    ] {
        for status in [301, 302, 303, 307, 308] {
            server.next([Reply::new(status, "moved")
                .with("Location", location)
                .with("Refresh", "0; url=https://evil.example/")]);
            let call = Call::new(Method::GET, "/one");
            let answer = client
                .send(
                    &by_key("place = \"header\", name = \"X-API-Key\", format = \"{api_key}\""),
                    &Values::new(),
                    &key(),
                    None,
                    call,
                )
                .await
                .unwrap();
            assert_eq!(answer.status.as_u16(), status);
            assert_eq!(
                answer.headers.get("location").map(|value| value.to_str().unwrap()),
                kept.then_some(location)
            );
            assert!(!answer.headers.contains_key("refresh"));
        }
    }
    assert!(
        server.asked().iter().all(|asked| asked.host() == "api.example.com" && asked.path() == "/v1/one")
    );
    assert_eq!(server.asked().len(), 55);
}

#[tokio::test]
async fn a_credential_is_put_where_the_entry_says() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let client = server.client();
    let send = async |placement: &str, call: Call| {
        client.send(&by_key(placement), &Values::new(), &key(), None, call).await.unwrap();
        server.asked().pop().unwrap()
    };
    let asked = send(
        "place = \"header\", name = \"X-API-Key\", format = \"Key {api_key}\"",
        Call::new(Method::GET, "/a"),
    )
    .await;
    assert_eq!(asked.header("x-api-key"), Some("Key invented-key-1"));

    let mut call = Call::new(Method::GET, "/a?b=c");
    call.query = vec![("d".to_owned(), "e f&g".to_owned())];
    let asked = send("place = \"query\", name = \"key\", format = \"{api_key}\"", call).await;
    assert_eq!(asked.target, "/v1/a?b=c&d=e+f%26g&key=invented-key-1");

    let asked =
        send("place = \"cookie\", name = \"session\", format = \"{api_key}\"", Call::new(Method::GET, "/a"))
            .await;
    assert_eq!(asked.header("cookie"), Some("session=invented-key-1"));

    let asked = send(
        "place = \"basic\", name = \"Authorization\", format = \"{api_key}:x\"",
        Call::new(Method::GET, "/a"),
    )
    .await;
    assert_eq!(asked.header("authorization"), Some("Basic aW52ZW50ZWQta2V5LTE6eA=="));

    let member = "place = \"json_body\", name = \"token\", format = \"{api_key}\"";
    let mut call = Call::new(Method::POST, "/a");
    call.body = Some(Bytes::from_static(b" {\"big\": 12345678901234567890123, \"a\": 1.0}"));
    let asked = send(member, call).await;
    assert_eq!(asked.body, b"{\"token\":\"invented-key-1\",\"big\": 12345678901234567890123, \"a\": 1.0}");
    let asked = send(member, Call::new(Method::POST, "/a")).await;
    assert_eq!(asked.body, b"{\"token\":\"invented-key-1\"}");
    assert_eq!(asked.header("content-type"), Some("application/json"));
    for body in ["[]", "{\"token\":1}", "{\"Token\":1}", "token=x", "{\"\\u0074oken\":1}"] {
        let mut call = Call::new(Method::POST, "/a");
        call.body = Some(Bytes::from(body));
        let refused = client.send(&by_key(member), &Values::new(), &key(), None, call).await;
        assert!(matches!(refused, Err(CallError::Body(_))), "{body}: {refused:?}");
    }

    let basic = service("[authentication]\nkind = \"basic\"\npassword_label = \"Password\"", "");
    let credentials = Credentials::Basic { user: "me".to_owned(), password: "invented-password".into() };
    client.send(&basic, &Values::new(), &credentials, None, Call::new(Method::GET, "/a")).await.unwrap();
    assert_eq!(
        server.asked().pop().unwrap().header("authorization"),
        Some("Basic bWU6aW52ZW50ZWQtcGFzc3dvcmQ=")
    );

    let with_id = "place = \"header\", name = \"Client-Id\", format = \"{client_id}\"";
    let ours = OauthClient { client_id: "our-client".to_owned(), secret: None };
    client
        .send(&by_key(with_id), &Values::new(), &key(), Some(&ours), Call::new(Method::GET, "/a"))
        .await
        .unwrap();
    assert_eq!(server.asked().pop().unwrap().header("client-id"), Some("our-client"));
}

#[tokio::test]
async fn the_clients_secret_goes_with_calls_in_a_header_only_and_does_not_come_back() {
    let both = |place: &str| {
        format!("place = \"{place}\", name = \"x-api-key\", format = \"{{client_id}}:{{client_secret}}\"")
    };
    let server =
        ServiceServer::start(&["api.example.com"], |asked| Reply::new(403, asked.echo().into_bytes())).await;
    let entry = by_key(&both("header"));
    let mut client = OauthClient { client_id: "our-client".to_owned(), secret: Some("our-secret-1".into()) };
    let call = || Call::new(Method::GET, "/a");
    let answer = server.client().send(&entry, &Values::new(), &key(), Some(&client), call()).await.unwrap();
    assert_eq!(server.asked().pop().unwrap().header("x-api-key"), Some("our-client:our-secret-1"));
    let body = String::from_utf8(answer.body.whole(10_000).await.unwrap().to_vec()).unwrap();
    assert!(body.contains("x-api-key: our-client:[removed]") && !body.contains("our-secret-1"), "{body}");
    // Without a secret, nothing goes out.
    client.secret = None;
    let refused = server.client().send(&entry, &Values::new(), &key(), Some(&client), call()).await;
    assert!(matches!(refused, Err(CallError::Credentials)), "{refused:?}");
    for place in ["query", "json_body", "cookie"] {
        let text = toml::to_string(&entry).unwrap().replace("\"header\"", &format!("\"{place}\""));
        assert!(catalogue::Service::parse(&text).is_err(), "{place}: {text}");
    }
}

#[tokio::test]
async fn credentials_of_another_kind_go_nowhere() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let entry = by_key("place = \"header\", name = \"X-API-Key\", format = \"{api_key}\"");
    for credentials in [
        Credentials::Bearer("invented-token-1".into()),
        Credentials::None,
        Credentials::Basic { user: "me".to_owned(), password: "invented-password".into() },
    ] {
        let refused = server
            .client()
            .send(&entry, &Values::new(), &credentials, None, Call::new(Method::GET, "/"))
            .await;
        assert!(matches!(refused, Err(CallError::Credentials)), "{refused:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn answers_come_back_without_what_is_not_the_callers() {
    let reply = Reply::new(401, "no")
        .with("Set-Cookie", "session=1")
        .with("WWW-Authenticate", "Bearer realm=\"x\"")
        .with("Authentication-Info", "x")
        .with("Strict-Transport-Security", "max-age=1")
        .with("Access-Control-Allow-Origin", "*")
        .with("X-Vybe-User-Id", "forged")
        .with("Connection", "X-Hop")
        .with("X-Hop", "1")
        .with("X-Request-Id", "r-1")
        .with("Content-Type", "text/plain")
        .with("Link", "<https://api.example.com/v1/a?page=2&key=invented-key-1>; rel=\"next\"");
    let server = ServiceServer::answering(&["api.example.com"], reply).await;
    let entry = by_key("place = \"query\", name = \"key\", format = \"{api_key}\"");
    let answer = server
        .client()
        .send(&entry, &Values::new(), &key(), None, Call::new(Method::GET, "/"))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let mut names: Vec<&str> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "link", "x-request-id"]);
    assert_eq!(answer.headers["link"], "<https://api.example.com/v1/a?page=2&key=[removed]>; rel=\"next\"");
    assert_eq!(&answer.body.whole(10).await.unwrap()[..], b"no");
}

#[tokio::test]
async fn an_answer_costs_what_it_may_and_no_more() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, vec![b'x'; 1000])).await;
    let client = server.client();
    let entry = by_key("place = \"header\", name = \"X-API-Key\", format = \"{api_key}\"");
    let send = async |limits: CallLimits| {
        let call = Call { limits, ..Call::new(Method::POST, "/") };
        client.send(&entry, &Values::new(), &key(), None, call).await
    };
    let limits = |seconds, most_bytes| CallLimits { within: Duration::from_secs(seconds), most_bytes };
    assert_eq!(send(limits(60, 1000)).await.unwrap().body.whole(1000).await.unwrap().len(), 1000);
    assert_eq!(send(limits(60, 999)).await.unwrap_err(), CallError::TooLarge { most_bytes: 999 });

    let chunks = Reply::new(200, vec![b'x'; 1000]).how(Manner::Chunks(100, Duration::ZERO));
    server.next([chunks.clone(), chunks]);
    let cut = send(limits(60, 999)).await.unwrap().body.whole(2000).await;
    assert_eq!(cut.unwrap_err(), CallError::TooLarge { most_bytes: 999 });
    assert_eq!(send(limits(60, 1000)).await.unwrap().body.whole(2000).await.unwrap().len(), 1000);

    // It drips: every piece comes soon, the last one much too late.
    server.next([Reply::new(200, vec![b'x'; 1000]).how(Manner::Chunks(1, Duration::from_millis(100)))]);
    let late = send(limits(1, 1000)).await.unwrap().body.whole(2000).await;
    assert_eq!(late.unwrap_err(), CallError::Timeout);
    server.next([Reply::new(200, "").how(Manner::Silence)]);
    assert_eq!(send(limits(1, 1000)).await.unwrap_err(), CallError::Timeout);

    server.next([Reply::new(200, vec![b'x'; 1000]).how(Manner::HalfBody)]);
    let half = send(limits(60, 1000)).await.unwrap().body.whole(2000).await;
    assert_eq!(half.unwrap_err(), CallError::NoAnswer);
    for coding in ["gzip", "br", "x-gzip, identity"] {
        server.next([Reply::new(200, "x").with("Content-Encoding", coding)]);
        assert_eq!(send(limits(60, 1000)).await.unwrap_err(), CallError::Encoded);
    }
    server.next([Reply::new(200, "x").with("Content-Encoding", "identity")]);
    send(limits(60, 1000)).await.unwrap();
}

#[tokio::test]
async fn only_what_can_be_done_twice_is_done_again() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let entry = by_key("place = \"header\", name = \"X-API-Key\", format = \"{api_key}\"");
    for (method, tries) in [
        (Method::GET, 2),
        (Method::HEAD, 2),
        (Method::PUT, 2),
        (Method::DELETE, 2),
        (Method::POST, 1),
        (Method::PATCH, 1),
        (Method::OPTIONS, 1),
    ] {
        // A client of its own each time: nothing is kept from before.
        let client = server.client();
        let before = server.asked().len();
        server.next([Reply::new(200, "").how(Manner::NoHead), Reply::new(204, "")]);
        let answer = client.send(&entry, &Values::new(), &key(), None, Call::new(method.clone(), "/")).await;
        assert_eq!(server.asked().len() - before, tries, "{method}");
        if tries == 2 {
            assert_eq!(answer.unwrap().status, StatusCode::NO_CONTENT);
        } else {
            assert_eq!(answer.unwrap_err(), CallError::NoAnswer);
            client.send(&entry, &Values::new(), &key(), None, Call::new(Method::GET, "/")).await.unwrap();
        }
    }
    // An answer is an answer, whatever it says.
    let before = server.asked().len();
    server.next([Reply::new(503, "later")]);
    let answer = server
        .client()
        .send(&entry, &Values::new(), &key(), None, Call::new(Method::GET, "/"))
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), server.asked().len() - before), (503, 1));
    // And once more is enough.
    let before = server.asked().len();
    server.next([Reply::new(200, "").how(Manner::NoHead), Reply::new(200, "").how(Manner::NoHead)]);
    let failed =
        server.client().send(&entry, &Values::new(), &key(), None, Call::new(Method::GET, "/")).await;
    assert_eq!((failed.unwrap_err(), server.asked().len() - before), (CallError::NoAnswer, 2));
}

#[tokio::test]
async fn connections_are_kept_between_calls() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let client = server.client();
    let entry = by_key("place = \"header\", name = \"X-API-Key\", format = \"{api_key}\"");
    for _ in 0..10 {
        let answer =
            client.send(&entry, &Values::new(), &key(), None, Call::new(Method::POST, "/")).await.unwrap();
        answer.body.whole(100).await.unwrap();
    }
    assert_eq!((server.asked().len(), server.connections()), (10, 1));
}

#[tokio::test]
async fn too_many_calls_are_told_with_their_time() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let entry = service(
        "[authentication]\nkind = \"bearer_token\"",
        "rate_limit = { statuses = [429, 403], retry_after = \"X-Wait\", reset = \"X-Reset\", remaining = \"X-Left\" }",
    );
    let answered = async |reply: Reply| {
        server.next([reply]);
        let credentials = Credentials::Bearer("invented-token-1".into());
        let call = Call::new(Method::GET, "/");
        server.client().send(&entry, &Values::new(), &credentials, None, call).await.unwrap()
    };
    let send = async |reply: Reply| answered(reply).await.retry_after;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(send(Reply::new(429, "").with("X-Wait", "7")).await, seconds(7));
    assert_eq!(send(Reply::new(403, "").with("Retry-After", "8")).await, seconds(8));
    assert_eq!(send(Reply::new(503, "").with("Retry-After", "9")).await, seconds(9));
    assert_eq!(send(Reply::new(429, "").with("X-Reset", "1000")).await, seconds(0));
    assert_eq!(send(Reply::new(429, "")).await, None);
    assert_eq!(send(Reply::new(200, "").with("Retry-After", "9")).await, None);
    for (written, left) in [("41", Some(41)), ("0", Some(0)), ("-1", None), ("invented-token-1", None)] {
        assert_eq!(answered(Reply::new(200, "").with("X-Left", written)).await.calls_left, left, "{written}");
    }
    assert_eq!(answered(Reply::new(200, "")).await.calls_left, None);
}
