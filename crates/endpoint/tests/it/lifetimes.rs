//! Time: slow clients, clients that leave, handlers that fail, and the end.

use std::time::{Duration, Instant};

use test_support::RawConnection;
use tokio::io::AsyncReadExt as _;

use crate::fixture::{COOKIE, Running};

const GET: &str = "GET /x HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n";

#[tokio::test]
async fn t01_slow_heads_are_cut_off() {
    let server = Running::with(|limits| {
        limits.head = Duration::from_millis(600);
        limits.keep_alive = Duration::from_millis(600);
    })
    .await;
    // The first head of a connection.
    let started = Instant::now();
    let mut connection = server.open().await;
    connection.send("GET / HTTP/1.1\r\nhost: hello").await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 408);
    assert!(connection.is_closed().await);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    // A further one, byte by byte.
    let mut connection = server.open().await;
    assert_eq!(connection.exchange(GET).await.unwrap().status, 200);
    let started = Instant::now();
    for byte in GET.as_bytes() {
        if connection.send([*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if started.elapsed() > Duration::from_millis(2500) {
            break;
        }
    }
    assert!(connection.is_closed().await);
    assert_eq!(server.requests().len(), 1);
    // Nothing at all.
    let mut connection = server.open().await;
    assert!(connection.response().await.is_err() || connection.is_closed().await);
}

#[tokio::test]
async fn t01_slow_handshakes_are_cut_off() {
    let server = Running::with(|limits| limits.handshake = Duration::from_millis(300)).await;
    let started = Instant::now();
    let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut end = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut end)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(server.ask(GET).await.status, 200);
}

#[tokio::test]
async fn t01_slow_bodies_for_endpoints_are_cut_off() {
    let server = Running::with(|limits| limits.body = Duration::from_millis(400)).await;
    let started = Instant::now();
    let mut connection = server.open().await;
    let head = format!(
        "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}origin: https://vybe.test\r\n\
         content-type: application/json\r\ncontent-length: 12\r\n\r\n{{\"name\""
    );
    let answer = connection.exchange(head).await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (408, Some("body_too_slow")));
    assert!(connection.is_closed().await);
    assert!(started.elapsed() < Duration::from_secs(4));
    assert!(server.changes().is_empty());
}

#[tokio::test]
async fn t01_t21_a_client_that_stops_reading_is_let_go() {
    let server = Running::with(|limits| limits.write = Duration::from_millis(500)).await;
    let started = Instant::now();
    let mut connection = server.open().await;
    connection.send(GET.replace("/x", "/endless")).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    assert!(server.was_dropped().await, "what it was to be sent is still held");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(server.ask(GET).await.status, 200);
}

#[tokio::test]
async fn t01_t21_a_client_that_reads_slowly_is_served() {
    let server = Running::with(|limits| limits.write = Duration::from_secs(2)).await;
    let mut connection = server.open().await;
    connection.send(GET.replace("/x", "/endless")).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    // In steps that empty what the kernels hold, so that every one lets the server write on; together they
    // take longer than one may.
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        connection.take(16 * 1024 * 1024).await.unwrap();
    }
    assert!(!server.seen.dropped.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    connection.send(GET.replace("/x", "/hang")).await.unwrap();
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(connection);
    assert!(server.was_dropped().await);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_answer() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    connection.send(GET.replace("/x", "/ticks")).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    assert_eq!(connection.chunk().await.unwrap(), b"tick\n");
    drop(connection);
    assert!(server.was_dropped().await);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_worker_goes_on() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    for _ in 0..3 {
        let answer = connection.exchange(GET.replace("/x", "/panic")).await.unwrap();
        assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("internal")));
        let answer = connection.exchange("GET /panic HTTP/1.1\r\nhost: vybe.test\r\n\r\n").await.unwrap();
        assert_eq!(answer.status, 500);
        assert!(!answer.text().contains("fails"), "{}", answer.text());
    }
    assert_eq!(connection.exchange(GET).await.unwrap().status, 200);
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_answered_and_no_new_ones_taken() {
    let mut server = Running::with(|limits| limits.drain = Duration::from_secs(5)).await;
    let mut idle = server.open().await;
    assert_eq!(idle.exchange(GET).await.unwrap().status, 200);
    let mut busy = server.open().await;
    busy.send(GET.replace("/x", "/slow")).await.unwrap();
    while server.requests().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let started = Instant::now();
    server.stop();
    assert_eq!(busy.response().await.unwrap().text(), "slow");
    assert!(busy.is_closed().await);
    assert!(idle.is_closed().await);
    (&mut server.task).await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(RawConnection::plain(server.address).await.is_err());
}

#[tokio::test]
async fn at_the_end_nothing_is_waited_for_longer_than_the_bound() {
    let mut server = Running::with(|limits| limits.drain = Duration::from_secs(1)).await;
    let mut endless = server.open().await;
    endless.send(GET.replace("/x", "/ticks")).await.unwrap();
    assert_eq!(endless.head().await.unwrap().status, 200);
    let started = Instant::now();
    server.stop();
    (&mut server.task).await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(server.was_dropped().await);
}
