//! A4 of the security page: one reading of every request, or none.

use crate::fixture::Running;

/// Sends raw bytes and expects a refusal, a closed connection, and nothing at the gateway.
async fn refused(server: &Running, bytes: impl AsRef<[u8]>, status: u16) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(bytes).chars().take(120).collect::<String>();
    let before = server.requests().len();
    let mut connection = server.open().await;
    // What comes after the refused bytes must never be read as a request.
    let mut all = bytes.to_vec();
    all.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n");
    connection.send(&all).await.unwrap();
    let answer = connection.response().await.unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    assert_eq!(answer.status, status, "{shown:?}: {}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
    assert!(connection.is_closed().await, "{shown:?}: the connection goes on");
    assert_eq!(server.requests().len(), before, "{shown:?}: {:?}", server.requests().last());
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n{headers}\r\n")
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /x HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn a_well_formed_request_reaches_the_gateway_as_it_is() {
    let server = Running::start().await;
    let answer = server.ask(&get("/a%20b/c?d=e", "x-word: Grüße\r\nx-tab: a\tb\r\n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().starts_with("hello-acme GET /a%20b/c?d=e from 127.0.0.1:"), "{}", answer.text());
    assert!(answer.text().contains("x-word: Grüße\n"));
    let answer = server.ask(&post("content-length: 5\r\n", "hello")).await;
    assert!(answer.text().ends_with("\n\nhello"), "{}", answer.text());
    let chunked = "5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: yes\r\n\r\n";
    let answer = server.ask(&post("transfer-encoding: chunked\r\n", chunked)).await;
    assert!(answer.text().ends_with("\n\nhello world"), "{}", answer.text());
    assert!(!answer.text().contains("x-trailer"));
}

#[tokio::test]
async fn a_head_in_single_bytes_reads_like_a_head_in_one_piece() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    for byte in post("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n").as_bytes() {
        connection.send([*byte]).await.unwrap();
    }
    let answer = connection.response().await.unwrap();
    assert!(answer.text().ends_with("\n\nabc"), "{}", answer.text());
    let answer = connection.exchange(get("/again", "")).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn s01_length_and_transfer_encoding_together_are_refused() {
    let server = Running::start().await;
    for headers in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "Content-Length: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n",
    ] {
        refused(&server, post(headers, "0\r\n\r\n"), 400).await;
    }
}

#[tokio::test]
async fn s02_several_or_odd_lengths_are_refused() {
    let server = Running::start().await;
    for headers in [
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "content-length: -1\r\n",
        "content-length: 0x5\r\n",
        "content-length: 5 5\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length: 5\u{b}\r\n",
        "content_length: 5\r\n",
    ] {
        refused(&server, post(headers, "hello"), 400).await;
    }
}

#[tokio::test]
async fn s03_any_transfer_encoding_but_one_chunked_is_refused() {
    let server = Running::start().await;
    for headers in [
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding: chunked\u{b}\r\n",
        "transfer_encoding: chunked\r\n",
    ] {
        refused(&server, post(headers, "0\r\n\r\n"), 400).await;
    }
}

#[tokio::test]
async fn s04_transfer_encoding_on_http_1_0_is_refused() {
    let server = Running::start().await;
    let request =
        "POST /x HTTP/1.0\r\nhost: hello-acme.vybe.test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(&server, request, 400).await;
}

#[tokio::test]
async fn s05_after_an_upgrade_nothing_is_read_as_a_request() {
    let server = Running::start().await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
    // The gateway does not switch: the second request is never one.
    let mut connection = server.open().await;
    connection.send(get("/refuse", upgrade) + &get("/smuggled", "")).await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 403);
    assert!(connection.is_closed().await);
    assert_eq!(server.requests(), ["hello-acme GET /refuse"]);
    // It switches: the bytes are the tunnel's.
    let mut connection = server.open().await;
    connection.send(get("/tunnel", upgrade)).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 101);
    let bytes = get("/smuggled", "\n\0 not HTTP at all");
    connection.send(&bytes).await.unwrap();
    assert_eq!(connection.take(bytes.len()).await.unwrap(), bytes.as_bytes());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn s06_lines_end_in_crlf_and_hold_no_control_characters() {
    let server = Running::start().await;
    let requests: &[&[u8]] = &[
        b"GET / HTTP/1.1\nhost: hello-acme.vybe.test\n\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\nx: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: y\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\rhost: hello-acme.vybe.test\r\r",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: a\x0bb\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: a\x7fb\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: a\r\n\tb\r\n\r\n",
        b"GET / HTTP/1.1\r\n host: hello-acme.vybe.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : hello-acme.vybe.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx y: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx\x00: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\xc3\xa9: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b" GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"GET  / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"GET / HTTP/1.1 \r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/11\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"GET / http/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"GE(T / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b" / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ];
    for request in requests {
        refused(&server, request, 400).await;
    }
}

#[tokio::test]
async fn s06_the_host_is_there_once_and_is_a_host() {
    let server = Running::start().await;
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nhost: hello-acme.vybe.test\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nHost: other-acme.vybe.test\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: hello-acme.vybe.test, vybe.test\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a@hello-acme.vybe.test\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: hello-acme.vybe.test/x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: hello-acme.vybe.test#x\r\n\r\n",
    ] {
        refused(&server, request, 400).await;
    }
}

#[tokio::test]
async fn s06_the_target_is_a_path() {
    let server = Running::start().await;
    for target in [
        "x",
        "?x",
        "*",
        "http://hello-acme.vybe.test/x",
        "https://hello-acme.vybe.test/x",
        "https://other-acme.vybe.test/x",
        "/x#y",
        "/x?y#z",
        "/\u{e9}",
        "/x<y",
        "/x\"?\"",
    ] {
        refused(&server, get(target, ""), 400).await;
    }
    refused(&server, "OPTIONS * HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n", 400).await;
}

#[tokio::test]
async fn s07_broken_chunks_are_refused() {
    let server = Running::start().await;
    for body in [
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloxx0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\0b\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello",
        "0000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        "0\r\nx : y\r\n\r\n",
        "0\r\n x: y\r\n\r\n",
        "0\r\nx\r\n\r\n",
        "0\r\nx: y\n\r\n",
        "0\r\nx: \0\r\n\r\n",
        "0\r\n\n",
    ] {
        let mut connection = server.open().await;
        connection.send(post("transfer-encoding: chunked\r\n", body) + &get("/smuggled", "")).await.unwrap();
        let answer = connection.response().await.unwrap_or_else(|error| panic!("{body:?}: {error}"));
        assert_eq!(answer.status, 400, "{body:?}");
        assert!(connection.is_closed().await, "{body:?}");
    }
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(200));
    let answer = server.ask(&post("transfer-encoding: chunked\r\n", &long)).await;
    assert_eq!(answer.status, 400);
    assert!(
        server.requests().iter().all(|request| request == "hello-acme POST /x"),
        "{:?}",
        server.requests()
    );
}

#[tokio::test]
async fn s07_a_broken_body_is_answered_when_the_gateway_does_not_look() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    let request =
        "POST /hang HTTP/1.1\r\nhost: hello-acme.vybe.test\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let answer = connection.exchange(request).await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("malformed_body")));
    assert!(connection.is_closed().await);
    assert!(server.was_dropped().await);
}

#[tokio::test]
async fn s07_a_request_before_a_refused_one_is_answered_first() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    connection.send(get("/slow", "") + "GET / HTTP/1.1\r\nbad header\r\n\r\n").await.unwrap();
    assert_eq!(connection.response().await.unwrap().text(), "slow");
    assert_eq!(connection.response().await.unwrap().status, 400);
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn s07_nothing_is_read_after_connection_close() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    connection.send(get("/slow", "connection: close\r\n") + &get("/smuggled", "")).await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 200);
    assert!(connection.is_closed().await);
    assert_eq!(server.requests(), ["hello-acme GET /slow"]);
}

#[tokio::test]
async fn s08_targets_and_heads_are_bounded() {
    let server = Running::start().await;
    refused(&server, get(&format!("/{}", "a".repeat(8192)), ""), 414).await;
    refused(&server, format!("GET /{}", "a".repeat(20_000)), 414).await;
    refused(&server, get("/", &format!("x: {}\r\n", "a".repeat(33_000))), 431).await;
    refused(&server, get("/", &"x: y\r\n".repeat(90)), 431).await;
    let longest = server.ask(&get(&format!("/{}", "a".repeat(8191)), "")).await;
    assert_eq!(longest.status, 200);
    let most = server.ask(&get("/", &"x: y\r\n".repeat(89))).await;
    assert_eq!(most.status, 200);
    let largest = server.ask(&get("/", &format!("x: {}\r\n", "a".repeat(32_000)))).await;
    assert_eq!(largest.status, 200);
}

#[tokio::test]
async fn s08_a_body_for_an_endpoint_is_bounded() {
    let server = Running::start().await;
    let body = format!("{{\"name\":\"{}\"}}", "a".repeat(70_000));
    let request = format!(
        "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\norigin: https://vybe.test\r\n{}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        crate::fixture::COOKIE,
        body.len()
    );
    assert_eq!(server.ask(&request).await.status, 413);
    assert!(server.changes().is_empty());
}

#[tokio::test]
async fn s22_only_100_continue_can_be_expected() {
    let server = Running::start().await;
    for value in ["100-continued", "100-continue, x", "200-ok", "", "\"100-continue\""] {
        refused(&server, post(&format!("content-length: 2\r\nexpect: {value}\r\n"), "ok"), 417).await;
    }
    refused(
        &server,
        post("expect: 100-continue\r\nexpect: 100-continue\r\ncontent-length: 2\r\n", "ok"),
        417,
    )
    .await;
    let mut connection = server.open().await;
    connection.send(post("content-length: 2\r\nexpect: 100-continue\r\n", "")).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 100);
    connection.send("ok").await.unwrap();
    assert!(connection.response().await.unwrap().text().ends_with("\n\nok"));
    // The framing holds afterwards.
    assert_eq!(connection.exchange(get("/next", "")).await.unwrap().status, 200);
}

#[tokio::test]
async fn s22_a_body_is_not_invited_when_the_answer_is_no() {
    let server = Running::start().await;
    let expecting = "content-length: 5\r\nexpect: 100-continue\r\n";
    for (host, path, status) in [
        ("hello-acme.vybe.test", "/refuse", 403),
        ("hello-acme.vybe.test", "/panic", 500),
        ("evil.test", "/", 421),
    ] {
        let mut connection = server.open().await;
        connection.send(format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{expecting}\r\n")).await.unwrap();
        assert_eq!(connection.head().await.unwrap().status, status, "{path}");
    }
    assert!(server.requests().is_empty());
    // The body comes anyway: it is not read as a request.
    let mut connection = server.open().await;
    let inner = get("/smuggled", "");
    let expecting = format!("content-length: {}\r\nexpect: 100-continue\r\n", inner.len());
    connection.send(post(&expecting, &inner).replace("/x", "/refuse")).await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 403);
    assert!(server.requests().is_empty());
    // Whether the connection goes on or not: the next answer is to the next request.
    if connection.send(get("/next", "")).await.is_ok() {
        let _ = connection.response().await;
    }
    assert!(server.requests().iter().all(|request| request.ends_with("/next")), "{:?}", server.requests());
}

#[tokio::test]
async fn s22_a_body_that_nobody_reads_does_not_become_a_request() {
    let server = Running::start().await;
    let inner = get("/smuggled", "");
    for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
        let mut connection = server.open().await;
        let request = format!(
            "{method} /refuse HTTP/1.1\r\nhost: hello-acme.vybe.test\r\ncontent-length: {}\r\n\r\n{inner}",
            inner.len()
        );
        connection.send(&request).await.unwrap();
        assert_eq!(connection.head().await.unwrap().status, 403, "{method}");
    }
    assert!(server.requests().iter().all(|request| request.ends_with("/refuse")), "{:?}", server.requests());
}

#[tokio::test]
async fn s22_an_upgrade_has_no_body() {
    let server = Running::start().await;
    for headers in [
        "connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 5\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 0\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\ntransfer-encoding: chunked\r\n",
        "upgrade: websocket\r\n",
        "connection: upgrade\r\nupgrade: websocket, h2c\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\nupgrade: websocket\r\n",
    ] {
        refused(&server, get("/tunnel", headers), 400).await;
    }
    refused(&server, post("connection: upgrade\r\nupgrade: websocket\r\n", ""), 400).await;
}

#[tokio::test]
async fn h24_there_is_no_way_to_http_2_in_the_clear() {
    let server = Running::start().await;
    refused(
        &server,
        get(
            "/",
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
        ),
        400,
    )
    .await;
    refused(&server, get("/", "connection: upgrade\r\nupgrade: h2c\r\n"), 400).await;
    refused(&server, get("/", "http2-settings: AAMAAABkAAQAAP__\r\n"), 400).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    refused(&server, preface, 505).await;
    for address in [server.redirect, server.admin] {
        let mut connection = test_support::RawConnection::plain(address).await.unwrap();
        assert_eq!(connection.exchange(preface).await.unwrap().status, 505);
        assert!(connection.is_closed().await);
    }
}

#[tokio::test]
async fn connect_and_trace_are_refused_everywhere() {
    let server = Running::start().await;
    refused(&server, "CONNECT hello-acme.vybe.test:443 HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n", 405)
        .await;
    for host in ["hello-acme.vybe.test", "vybe.test"] {
        refused(&server, format!("TRACE / HTTP/1.1\r\nhost: {host}\r\n\r\n"), 405).await;
        refused(&server, format!("trace /3 HTTP/1.1\r\nhost: {host}\r\n\r\n"), 405).await;
    }
}
