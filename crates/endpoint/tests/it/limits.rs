//! Too often, and too much at once.

use std::time::{Duration, Instant};

use endpoint::{Rate, Rates};
use test_support::{RawConnection, Response};

use crate::fixture::{COOKIE, Running};

const PAGE: &str = "GET /public/x HTTP/1.1\r\nhost: vybe.test\r\n\r\n";
const FEW: Rate = Rate { per_minute: 6, burst: 3 };

fn api(headers: &str) -> String {
    format!("GET /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{headers}\r\n")
}

/// Each answer to so many of the same request, on one connection.
async fn statuses(connection: &mut RawConnection, request: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(connection.exchange(request).await.unwrap().status);
    }
    statuses
}

fn says_when(answer: &Response, allowance: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("rate_limited")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let after: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&after), "{after}");
    assert_eq!(answer.header("ratelimit"), Some(&*format!("\"{allowance}\";r=0;t={after}")));
    assert_eq!(answer.header("ratelimit-policy"), Some(&*format!("\"{allowance}\";q=3;w=30")));
}

#[tokio::test]
async fn t05_an_address_without_a_credential_is_slowed_down_and_people_are_not() {
    let server = Running::limited(Rates { anonymous: FEW, ..Rates::UNLIMITED }, |_| {}).await;
    let mut connection = server.open().await;
    assert_eq!(statuses(&mut connection, PAGE, 4).await, [200, 200, 200, 429]);
    says_when(&connection.exchange(PAGE).await.unwrap(), "anonymous");
    // Nothing gets around it: other paths, other methods, no session, one that has expired.
    for request in [
        "GET /nowhere HTTP/1.1\r\nhost: vybe.test\r\n\r\n".to_owned(),
        "DELETE /public/x HTTP/1.1\r\nhost: vybe.test\r\n\r\n".to_owned(),
        "GET /.vybe/nowhere HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n".to_owned(),
        "GET /.vybe/hello HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n".to_owned(),
        api(""),
        api("cookie: __Host-vybe_session=stale\r\n"),
    ] {
        says_when(&connection.exchange(&request).await.unwrap(), "anonymous");
    }
    // Whoever is signed in is not counted by the address.
    assert_eq!(statuses(&mut connection, &api(COOKIE), 8).await, [200; 8]);
}

#[tokio::test]
async fn t05_what_one_session_may_ask_is_counted_and_said() {
    let server = Running::limited(Rates { api: FEW, ..Rates::UNLIMITED }, |_| {}).await;
    let mut connection = server.open().await;
    let answer = connection.exchange(api(COOKIE)).await.unwrap();
    assert_eq!(answer.header("ratelimit-policy"), Some("\"api\";q=3;w=30"));
    assert_eq!(answer.header("ratelimit"), Some("\"api\";r=2;t=10"));
    assert_eq!(statuses(&mut connection, &api(COOKIE), 2).await, [200, 200]);
    says_when(&connection.exchange(api(COOKIE)).await.unwrap(), "api");
    let change = format!(
        "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}origin: https://vybe.test\r\n\
         content-type: application/json\r\ncontent-length: 12\r\n\r\n{{\"name\":\"x\"}}"
    );
    assert_eq!(connection.exchange(change).await.unwrap().status, 429);
    assert!(server.changes().is_empty(), "nothing was done");
    // Others are not held up by it, nor is who comes back when it was said.
    assert_eq!(statuses(&mut server.open().await, PAGE, 5).await, [200; 5]);
}

#[tokio::test]
async fn t05_wrong_secrets_have_less_than_anything_else() {
    let rates = Rates { wrong_credentials: FEW, ..Rates::UNLIMITED };
    let server = Running::limited(rates, |_| {}).await;
    let mut connection = server.open().await;
    let wrong = api("authorization: Bearer vybe_wrong\r\n");
    assert_eq!(statuses(&mut connection, &wrong, 4).await, [401, 401, 401, 429]);
    says_when(&connection.exchange(&wrong).await.unwrap(), "wrong_credentials");
    assert_eq!(statuses(&mut connection, PAGE, 5).await, [200; 5]);
    assert_eq!(statuses(&mut connection, &api(COOKIE), 5).await, [200; 5]);
    assert_eq!(statuses(&mut connection, &api(""), 5).await, [401; 5], "none is not a wrong one");
}

#[tokio::test]
async fn t01_t05_connections_of_one_address_are_bounded_before_tls() {
    let server = Running::with(|limits| limits.connections_per_address = 3).await;
    let held = [server.open().await, server.open().await, server.open().await];
    let started = Instant::now();
    assert!(RawConnection::open(server.address, "vybe.test", &server.trust).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!((server.load.connections(), server.load.shed()[1].1), (3, 1));
    drop(held);
    while server.load.connections() > 0 {
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.ask(PAGE).await.status, 200);

    let server = Running::limited(Rates { connections: FEW, ..Rates::UNLIMITED }, |_| {}).await;
    for _ in 0..3 {
        assert_eq!(server.ask(PAGE).await.status, 200);
    }
    assert!(RawConnection::open(server.address, "vybe.test", &server.trust).await.is_err());
}

#[tokio::test]
async fn t01_too_many_connections_are_told_so_and_the_operator_still_gets_in() {
    let server = Running::with(|limits| limits.connections_per_worker = 2).await;
    let held = [server.open().await, server.open().await];
    let mut third = server.open().await;
    let answer = third.exchange(PAGE).await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("overloaded")));
    assert!(answer.header("retry-after").is_some());
    assert!(third.is_closed().await);
    // Those that do not even let themselves be told so are closed at once.
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    let mut operator = RawConnection::plain(server.admin).await.unwrap();
    let answer = operator.exchange("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(server.load.connections() < 60, "{}", server.load.connections());
    drop((held, silent));
    let started = Instant::now();
    while server.load.connections() > 1 {
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.ask(PAGE).await.status, 200);
}

#[tokio::test]
async fn t01_too_many_requests_at_once_are_answered_503_and_strangers_first() {
    let server = Running::with(|limits| limits.requests_per_worker = 4).await;
    let hang = |cookie: &str| format!("GET /hang HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n{cookie}\r\n");
    let mut hanging = Vec::new();
    for count in 1..=4 {
        let mut connection = server.open().await;
        connection.send(hang(COOKIE)).await.unwrap();
        while server.load.requests() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        hanging.push(connection);
        let stranger = server.ask(PAGE).await.status;
        assert_eq!(stranger, if count < 2 { 200 } else { 503 }, "with {count} under way");
        let person = server.ask(&api(COOKIE)).await;
        assert_eq!(person.status, if count < 4 { 200 } else { 503 }, "with {count} under way");
        if person.status == 503 {
            assert!(person.header("retry-after").is_some());
        }
    }
    let invited =
        "PUT /x HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    assert_eq!(server.ask(invited).await.status, 503, "no body is invited either");
    assert_eq!(server.load.shed()[2].1, 5);
    drop(hanging);
    let started = Instant::now();
    while server.ask(PAGE).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn t03_a_compressed_body_is_refused_and_one_for_an_app_is_passed_on_as_it_is() {
    let server = Running::start().await;
    for encoding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"] {
        let request = format!(
            "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}origin: https://vybe.test\r\n\
             content-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: 12\r\n\r\n{{\"name\":\"x\"}}"
        );
        let answer = server.ask(&request).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (415, Some("unsupported_media_type")));
        assert_eq!(answer.header("accept-encoding"), Some("identity"), "RFC 9110, section 15.5.16");
    }
    assert!(server.changes().is_empty());
    let for_app = "POST /x HTTP/1.1\r\nhost: hello-acme.vybe.test\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\n\x1f\x08abc";
    let answer = server.ask(for_app).await;
    assert!(answer.text().contains("content-encoding: gzip") && answer.text().ends_with("\x1f\x08abc"));
}

#[tokio::test]
async fn t04_deep_and_wide_json_is_refused_at_once() {
    let server = Running::start().await;
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_object = format!("{}1{}", "{\"name\":".repeat(7_000), "}".repeat(7_000));
    let members: Vec<String> = (0..5_000).map(|number| format!("\"m{number}\":0")).collect();
    let wide = format!("{{{}}}", members.join(","));
    let same = format!("{{{}}}", vec!["\"name\":\"x\""; 5_000].join(","));
    let number = format!("{{\"name\":{}}}", "9".repeat(60_000));
    let too_long = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    for (body, status) in
        [(deep, 422), (deep_object, 422), (wide, 422), (same, 422), (number, 422), (too_long, 413)]
    {
        let started = Instant::now();
        let request = format!(
            "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}origin: https://vybe.test\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = server.ask(&request).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(started.elapsed() < Duration::from_secs(2) && answer.text().len() < 1000);
    }
    assert!(server.changes().is_empty());
}
