//! Bodies of every kind, in both directions, none of them held as a whole.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::house::{HELLO, House};

const BIG: usize = 64 * 1024 * 1024;

/// More than this would not be the kernel's socket buffers any more, which grow to 32 MiB each.
const HELD: usize = 128 * 1024 * 1024;

/// Waits until a number stops growing, and says what it is.
async fn settled(number: impl Fn() -> usize) -> usize {
    let mut before = number();
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = number();
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test]
async fn t21_a_browser_that_does_not_read_holds_the_app_up() {
    let house = House::build().await;
    for path in ["/large", "/chunked"] {
        let written = || house.upstream.log.written.load(Ordering::SeqCst);
        let before = written();
        let mut connection = house.connect(HELLO).await;
        connection.send(house.head(&format!("GET {path}?10000000000"), &house.member, "")).await.unwrap();
        assert_eq!(connection.head().await.unwrap().status, 200);
        let held = settled(written).await - before;
        assert!(held < HELD, "{path}: {held} bytes were taken for a browser that does not read");
    }
}

#[tokio::test]
async fn t21_an_app_that_does_not_read_holds_the_browser_up() {
    let house = House::build().await;
    for framing in ["transfer-encoding: chunked\r\n", "content-length: 10000000000\r\n"] {
        let mut connection = house.connect(HELLO).await;
        connection.send(house.head("POST /stop-reading", &house.member, framing)).await.unwrap();
        let coded = [b"100000\r\n", vec![b'x'; 1024 * 1024].as_slice(), b"\r\n"].concat();
        let sent = AtomicUsize::new(0);
        let sending = async {
            while connection.send(&coded).await.is_ok() {
                sent.fetch_add(coded.len(), Ordering::SeqCst);
            }
        };
        let held = tokio::select! {
            () = sending => panic!("the connection was closed"),
            held = settled(|| sent.load(Ordering::SeqCst)) => held,
        };
        assert!(held < HELD, "{held} bytes were taken for an app that does not read");
    }
}

#[tokio::test]
async fn large_answers_pass_whole() {
    let house = House::build().await;
    for path in ["/large", "/chunked"] {
        let mut connection = house.connect(HELLO).await;
        connection.send(house.head(&format!("GET {path}?{BIG}"), &house.member, "")).await.unwrap();
        let head = connection.head().await.unwrap();
        assert_eq!(head.status, 200);
        let sized = path == "/large";
        assert_eq!(head.header("content-length").is_some(), sized);
        assert_eq!(head.header("transfer-encoding").is_some(), !sized);
        assert!(connection.body(head).await.unwrap().body == vec![b'x'; BIG]);
    }
}

#[tokio::test]
async fn large_uploads_pass_whole() {
    let house = House::build().await;
    for chunked in [false, true] {
        let mut connection = house.connect(HELLO).await;
        let framing = if chunked {
            "transfer-encoding: chunked\r\n".to_owned()
        } else {
            format!("content-length: {BIG}\r\n")
        };
        connection.send(house.head("POST /x", &house.member, &framing)).await.unwrap();
        let block = vec![b'x'; 1024 * 1024];
        let coded = if chunked { [b"100000\r\n", block.as_slice(), b"\r\n"].concat() } else { block };
        for _ in 0..64 {
            connection.send(&coded).await.unwrap();
        }
        if chunked {
            connection.send("0\r\nx-trailer: 1\r\n\r\n").await.unwrap();
        }
        assert_eq!(connection.response().await.unwrap().status, 200);
        let seen = house.upstream.seen().pop().unwrap();
        assert_eq!(seen.body, BIG);
        assert_eq!(seen.values("transfer-encoding").len(), usize::from(chunked));
        assert_eq!(seen.values("content-length").len(), usize::from(!chunked));
        assert!(seen.values("trailer").is_empty());
        // The connection is good for another request.
        assert_eq!(connection.exchange(house.head("GET /", &house.member, "")).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn s22_a_hundred_continue_is_given_once_access_is_decided() {
    let house = House::build().await;
    let expecting = "content-length: 5\r\nexpect: 100-continue\r\n";
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("POST /x", &house.member, expecting)).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 100);
    connection.send("hello").await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    let seen = house.upstream.seen().pop().unwrap();
    assert_eq!(seen.body, 5);
    assert!(seen.values("expect").is_empty());

    for (line, cookie) in [("POST /admin", house.cookie(&house.member, HELLO)), ("POST /x", String::new())] {
        let mut connection = house.connect(HELLO).await;
        connection.send(house.head_on(HELLO, line, &cookie, expecting)).await.unwrap();
        let head = connection.head().await.unwrap();
        assert!(matches!(head.status, 401 | 403), "{line} was told {}", head.status);
        // Whether the body follows or not, it is not taken for a request.
        let _ = connection.send("GET /smuggled HTTP/1.1\r\n\r\n").await;
        let _ = connection.body(head).await;
        assert!(connection.is_closed().await);
    }
    assert_eq!(house.upstream.seen().len(), 1);
}

#[tokio::test]
async fn s22_bodies_where_none_is_usual() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    for method in ["GET", "OPTIONS", "DELETE", "HEAD"] {
        for (framing, body) in [
            ("content-length: 5\r\n", "hello"),
            ("transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ] {
            let request = house.head(&format!("{method} /x"), &house.member, framing) + body;
            connection.send(request).await.unwrap();
            let answer = if method == "HEAD" {
                connection.response_without_body().await.unwrap()
            } else {
                connection.response().await.unwrap()
            };
            assert_eq!(answer.status, 200, "{method} {framing}");
            assert_eq!(house.upstream.seen().pop().unwrap().body, 5, "{method} {framing}");
        }
    }
}

#[tokio::test]
async fn head_no_content_and_not_modified_have_no_body() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("HEAD /x", &house.member, "")).await.unwrap();
    let head = connection.response_without_body().await.unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some("12345")));
    let answer = connection.exchange(house.head("GET /no-content", &house.member, "")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-length")), (204, None));
    let answer = connection.exchange(house.head("GET /not-modified", &house.member, "")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-length")), (304, Some("7")));
    let answer = connection.exchange(house.head("GET /status?404", &house.member, "")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-length")), (404, Some("0")));
    let answer = connection.exchange(house.head("GET /x", &house.member, "")).await.unwrap();
    assert_eq!(answer.status, 200, "the connection is still in step");
}

#[tokio::test]
async fn http_1_0_gets_no_chunks() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    let head = house.head("GET /chunked?100000", &house.member, "").replace("HTTP/1.1", "HTTP/1.0");
    connection.send(head).await.unwrap();
    let head = connection.head().await.unwrap();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    assert_eq!(connection.rest().await.unwrap(), vec![b'x'; 100_000]);
}

#[tokio::test]
async fn an_early_answer_ends_an_upload() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("POST /early", &house.member, "content-length: 1000000\r\n")).await.unwrap();
    connection.send(vec![b'x'; 1000]).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 413);
    assert_eq!(house.ask("GET /x", "").await.status, 200);
}

#[tokio::test]
async fn a_browser_that_goes_away_ends_the_request() {
    let house = House::build().await;
    let broken = |count: usize| {
        move |upstream: &crate::upstream::Upstream| upstream.log.broken_off.load(Ordering::SeqCst) == count
    };
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /never", &house.member, "")).await.unwrap();
    house.upstream.eventually("the request arrived", |upstream| upstream.seen().len() == 1).await;
    drop(connection);
    house.upstream.eventually("a request without an answer was given up", broken(1)).await;

    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /large?1000000000", &house.member, "")).await.unwrap();
    connection.head().await.unwrap();
    drop(connection);
    house.upstream.eventually("a download was given up", broken(2)).await;

    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("POST /x", &house.member, "content-length: 100\r\n") + "hello").await.unwrap();
    house.upstream.eventually("the upload arrived", |upstream| upstream.seen().len() == 3).await;
    drop(connection);
    house.upstream.eventually("an upload was given up", broken(3)).await;
}

#[tokio::test]
async fn events_are_not_held_back() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /events", &house.member, "accept: text/event-stream\r\n")).await.unwrap();
    assert_eq!(connection.head().await.unwrap().header("content-type"), Some("text/event-stream"));
    for number in 0..3 {
        assert_eq!(connection.chunk().await.unwrap(), format!("data: {number}\n\n").as_bytes());
        house.upstream.log.go.notify_one();
    }
    drop(connection);
    house
        .upstream
        .eventually("the stream was given up", |upstream| upstream.log.broken_off.load(Ordering::SeqCst) == 1)
        .await;
}
