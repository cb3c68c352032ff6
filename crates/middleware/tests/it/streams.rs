//! WebSockets, and what happens to everything that lasts when access ends.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use access_control::AppLevel;
use middleware::Patience;
use test_support::{Frame, Refusal, WebSocket};

use crate::house::{HELLO, House, Plan, Somebody};

async fn open(
    house: &House,
    path: &str,
    somebody: &Somebody,
    origin: Option<&str>,
) -> Result<WebSocket, Refusal> {
    let connection = house.connect(HELLO).await;
    let cookie = house.cookie(somebody, HELLO);
    let cookie = cookie.trim_end().strip_prefix("cookie: ").unwrap().to_owned();
    let mut headers = vec![("cookie", cookie.as_str())];
    headers.extend(origin.map(|origin| ("origin", origin)));
    WebSocket::open(connection, &format!("wss://{}{path}", house.host(HELLO)), &headers).await
}

pub async fn opened(house: &House) -> WebSocket {
    let origin = format!("https://{}", house.host(HELLO));
    open(house, "/socket", &house.member, Some(&origin)).await.unwrap()
}

#[tokio::test]
async fn a_web_socket_carries_messages_both_ways() {
    let house = House::build().await;
    let mut socket = opened(&house).await;
    socket.send_text("hello").await;
    assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));
    let big = vec![7; 1024 * 1024];
    socket.send_binary(&big).await;
    assert_eq!(socket.next().await, Frame::Binary(big));
    let seen = house.upstream.seen().pop().unwrap();
    assert_eq!(seen.only("x-vybe-user-email"), "member@acme.test");
    assert_eq!(seen.only("upgrade"), "websocket");
    assert_eq!(seen.only("connection"), "upgrade");
    assert!(seen.values("cookie").is_empty());
    socket.close().await;
    assert_eq!(house.counters.tunnels.value(), 1);
}

#[tokio::test]
async fn r04_a_handshake_is_decided_and_only_from_the_apps_own_pages() {
    let house = House::build().await;
    let own = format!("https://{}", house.host(HELLO));
    let sibling = format!("https://{}", house.host("evil-acme"));
    let platform = format!("https://vybe.test:{}", house.port);
    for (path, somebody, origin, status) in [
        ("/socket", &house.member, Some("https://evil.test"), 403),
        ("/socket", &house.member, Some(sibling.as_str()), 403),
        ("/socket", &house.member, Some(platform.as_str()), 403),
        ("/socket", &house.member, Some("null"), 403),
        ("/admin/socket", &house.member, Some(own.as_str()), 403),
        ("/socket", &house.outsider, Some(own.as_str()), 404),
        ("/socket", &house.member, None, 400),
    ] {
        let refusal = open(&house, path, somebody, origin).await.err().unwrap();
        assert_eq!(refusal.status, status, "{path} {origin:?}");
    }
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test]
async fn an_app_may_refuse_a_handshake() {
    let house = House::build().await;
    let origin = format!("https://{}", house.host(HELLO));
    let refusal = open(&house, "/socket-refused", &house.member, Some(&origin)).await.err().unwrap();
    assert_eq!((refusal.status, house.counters.tunnels.value()), (403, 0));
}

#[tokio::test]
async fn s05_nothing_behind_a_handshake_is_forwarded_before_101() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    let handshake = format!(
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\norigin: https://{}\r\n",
        house.host(HELLO)
    );
    let second = house.head("GET /smuggled", &house.member, "");
    connection.send(house.head("GET /socket-refused", &house.member, &handshake) + &second).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 403);
    let _ = connection.rest().await;
    assert!(
        house.upstream.seen().iter().all(|seen| seen.target() != "/smuggled"),
        "{:?}",
        house.upstream.seen()
    );
}

#[tokio::test]
async fn h24_other_protocols_are_neither_offered_nor_forwarded() {
    let house = House::build().await;
    let h2c =
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    let mut connection = house.connect(HELLO).await;
    let answer = connection.exchange(house.head("GET /x", &house.member, h2c)).await.unwrap();
    assert_ne!(answer.status, 101);
    for seen in house.upstream.seen() {
        assert!(!seen.head.contains("h2c") && seen.values("upgrade").is_empty(), "{}", seen.head);
    }
}

#[tokio::test]
async fn r01_a_web_socket_ends_with_the_access() {
    for case in ["sign out", "removed", "level"] {
        let house = House::build().await;
        let mut socket = opened(&house).await;
        socket.send_text("hello").await;
        assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));
        match case {
            "sign out" => house.sign_out(&house.member).await,
            "removed" => house.remove_member(&house.member).await,
            _ => house.set_level(AppLevel::Restricted).await,
        }
        let began = Instant::now();
        assert_eq!(socket.next().await, Frame::Closed(Some(1008)), "{case}");
        assert!(began.elapsed() < Duration::from_secs(1), "{case} took {:?}", began.elapsed());
        house
            .upstream
            .eventually("the app's side ends, too", |upstream| {
                upstream.log.broken_off.load(Ordering::SeqCst) == 1
            })
            .await;
    }
}

#[tokio::test]
async fn r01_a_web_socket_of_somebody_else_stays_open() {
    let house = House::build().await;
    let origin = format!("https://{}", house.host(HELLO));
    let mut socket = open(&house, "/socket", &house.owner, Some(&origin)).await.unwrap();
    house.sign_out(&house.member).await;
    house.remove_member(&house.member).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    socket.send_text("still here").await;
    assert_eq!(socket.next().await, Frame::Text("still here".to_owned()));
}

#[tokio::test]
async fn r02_streams_downloads_uploads_and_waiting_end_with_the_access() {
    for (line, framing) in
        [("GET /events", ""), ("GET /never", ""), ("POST /x", "content-length: 1000000\r\n")]
    {
        let house = House::build().await;
        let mut connection = house.connect(HELLO).await;
        connection.send(house.head(line, &house.member, framing)).await.unwrap();
        house.upstream.eventually("the request arrived", |upstream| upstream.seen().len() == 1).await;
        if line == "GET /events" {
            connection.head().await.unwrap();
            connection.chunk().await.unwrap();
        }
        house.sign_out(&house.member).await;
        let began = Instant::now();
        house
            .upstream
            .eventually("the app's side ends", |upstream| upstream.log.broken_off.load(Ordering::SeqCst) == 1)
            .await;
        assert!(began.elapsed() < Duration::from_secs(1), "{line} took {:?}", began.elapsed());
        if line == "GET /events" {
            let rest = connection.rest().await.unwrap_or_default();
            assert!(!rest.ends_with(b"0\r\n\r\n"), "the stream ended as if it were whole");
        } else {
            assert_eq!(connection.response().await.unwrap().status, 401, "{line}");
        }
    }
}

#[tokio::test]
async fn r02_a_download_that_is_being_read_is_cut() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /large?10000000000", &house.member, "")).await.unwrap();
    connection.head().await.unwrap();
    connection.take(1024 * 1024).await.unwrap();
    house.remove_member(&house.member).await;
    let began = Instant::now();
    while connection.some().await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(1), "still served");
    }
}

#[tokio::test]
async fn a_tunnel_that_carries_nothing_is_closed() {
    let patience = Patience { idle_tunnel: Duration::from_millis(500), ..Plan::default().patience };
    let house = House::with(Plan { patience, ..Plan::default() }).await;
    let mut socket = opened(&house).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        socket.send_text("x").await;
        assert_eq!(socket.next().await, Frame::Text("x".to_owned()));
    }
    assert_eq!(socket.next().await, Frame::Closed(Some(1001)));
}

#[tokio::test]
async fn r02_a_browser_that_stopped_reading_gets_nothing_more_of_the_app() {
    let house = House::build().await;
    let written = || house.upstream.log.written.load(Ordering::SeqCst);
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /large?10000000000", &house.member, "")).await.unwrap();
    connection.head().await.unwrap();
    let mut before = 0;
    while written() != before {
        before = written();
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    house.sign_out(&house.member).await;
    let mut read = 0;
    while let Ok(bytes) = connection.some().await {
        read += bytes.len();
        assert!(read <= before, "more than what was on its way");
    }
}

#[tokio::test]
async fn t23_a_frame_that_claims_to_be_huge_is_not_collected() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    let handshake = format!(
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\norigin: https://{}\r\n",
        house.host(HELLO)
    );
    connection.send(house.head("GET /socket", &house.member, &handshake)).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 101);
    // Binary, masked, 1 GiB.
    connection.send([0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
    let block = vec![0; 1024 * 1024];
    for _ in 0..64 {
        if connection.send(&block).await.is_err() {
            break;
        }
    }
    assert!(connection.rest().await.is_ok_and(|rest| rest.len() < 200), "the app's refusal ends the tunnel");
}
