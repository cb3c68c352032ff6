//! Apps that are gone, slow, broken or where they must not be.

use std::sync::Arc;
use std::time::Duration;

use middleware::{Patience, PoolLimits};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use test_support::{Authority, HostCertificate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::house::{HELLO, House, Plan};

#[tokio::test]
async fn an_app_that_is_down_is_502_and_tells_nothing() {
    let house = House::build().await;
    house.set_upstream(Some("http://127.0.0.1:1")).await;
    let answer = house.ask("GET /", "").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_unreachable")));
    assert!(!answer.text().contains("127.0.0.1") && !answer.text().contains("refused"), "{}", answer.text());
    let page = house.ask("GET /", "accept: text/html\r\n").await;
    assert_eq!(page.status, 502);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(house.counters.upstream_failed.value(), 2);
}

#[tokio::test]
async fn an_app_that_does_not_answer_in_time_is_504() {
    let patience = Patience { answer: Duration::from_millis(400), ..Plan::default().patience };
    let house = House::with(Plan { patience, ..Plan::default() }).await;
    let answer = house.ask("GET /never", "").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (504, Some("upstream_timeout")));
    house
        .upstream
        .eventually("the request was given up", |upstream| {
            upstream.log.broken_off.load(std::sync::atomic::Ordering::SeqCst) == 1
        })
        .await;
    assert_eq!(house.counters.upstream_late.value(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_end_cleanly() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /break", &house.member, "")).await.unwrap();
    let head = connection.head().await.unwrap();
    assert_eq!(head.status, 200);
    assert!(connection.body(head).await.is_err(), "a sized body ends short");

    let mut connection = house.connect(HELLO).await;
    connection.send(house.head("GET /break-chunked", &house.member, "")).await.unwrap();
    let head = connection.head().await.unwrap();
    assert_eq!(connection.chunk().await.unwrap(), b"hello");
    assert!(connection.body(head).await.is_err(), "no last chunk");
    assert_eq!(house.ask("GET /break-head", "").await.status, 502);
    assert_eq!(house.ask("GET /gone", "").await.status, 502);
    assert_eq!(house.ask("GET /upgrade-anyway", "").await.status, 502);
}

#[tokio::test]
async fn d17_an_address_is_judged_when_it_is_connected_to() {
    // The upstream was permitted when it was set.
    for (upstream_host, networks) in [("127.0.0.1", vec![]), ("localhost", vec!["10.0.0.0/8"])] {
        let house = House::with(Plan { networks, upstream_host, ..Plan::default() }).await;
        assert_eq!(house.ask("GET /", "").await.status, 502, "{upstream_host}");
        assert_eq!(house.upstream.connections(), 0);
    }
    let house = House::with(Plan { upstream_host: "localhost", ..Plan::default() }).await;
    assert_eq!(house.ask("GET /", "").await.status, 200, "a permitted name");
}

#[tokio::test]
async fn connections_are_used_again_one_request_at_a_time() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    for path in ["/a", "/large?300000", "/chunked?300000", "/no-content", "/not-modified", "/status?404"] {
        let head = house.head(&format!("GET {path}"), &house.member, "");
        connection.exchange(head).await.unwrap();
    }
    connection.send(house.head("HEAD /x", &house.member, "")).await.unwrap();
    assert_eq!(connection.response_without_body().await.unwrap().header("content-length"), Some("12345"));
    let post = house.head("POST /x", &house.member, "content-length: 5\r\n") + "hello";
    assert_eq!(connection.exchange(post).await.unwrap().status, 200);
    assert_eq!(house.upstream.connections(), 1, "one connection served them all");
    let label = "private-acme";
    let mut other = house.connect(label).await;
    let head = house.head_on(label, "GET /", &house.cookie(&house.owner, label), "");
    assert_eq!(other.exchange(head).await.unwrap().status, 200);
    assert_eq!(house.upstream.connections(), 2, "another app has its own connections");
}

#[tokio::test]
async fn a_request_is_repeated_only_if_that_is_harmless() {
    let house = House::build().await;
    for (line, headers, body, statuses) in [
        ("GET /x", "", "", [200].as_slice()),
        ("DELETE /x", "", "", &[200]),
        ("POST /x", "content-length: 0\r\n", "", &[200, 502]),
        ("POST /x", "content-length: 5\r\n", "hello", &[200, 502]),
    ] {
        let before = house.upstream.seen().len();
        assert_eq!(house.ask("GET /answer-and-go", "").await.status, 200);
        let mut connection = house.connect(HELLO).await;
        let answer = connection.exchange(house.head(line, &house.member, headers) + body).await.unwrap();
        assert!(statuses.contains(&answer.status), "{line}: {}", answer.status);
        let seen = house.upstream.seen().len() - before;
        assert!(seen <= 2, "{line} was seen more than once");
    }
    // On a new connection nothing is repeated.
    let before = house.upstream.seen().len();
    assert_eq!(house.ask("GET /gone", "").await.status, 502);
    let gone = house.upstream.seen()[before..].iter().filter(|seen| seen.target() == "/gone").count();
    assert!(gone <= 2, "{gone}");
    // A request with a body that reached the app is not sent a second time, even on a used connection.
    assert_eq!(house.ask("GET /a", "").await.status, 200);
    let before = house.upstream.seen().len();
    let mut connection = house.connect(HELLO).await;
    let post = house.head("POST /gone", &house.member, "content-length: 5\r\n") + "hello";
    assert_eq!(connection.exchange(post).await.unwrap().status, 502);
    assert_eq!(house.upstream.seen().len(), before + 1);
}

#[tokio::test]
async fn idle_connections_are_closed_after_a_while() {
    let pool = PoolLimits { idle: Duration::from_millis(100), ..PoolLimits::default() };
    let house = House::with(Plan { pool, ..Plan::default() }).await;
    assert_eq!(house.ask("GET /a", "").await.status, 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(house.ask("GET /a", "").await.status, 200);
    assert_eq!(house.upstream.connections(), 2);
}

#[tokio::test]
async fn a_lost_store_is_503_for_sessions_that_are_not_in_memory() {
    let house = House::build().await;
    assert_eq!(house.ask("GET /", "").await.status, 200);
    house.database.connection().clone().close().await.unwrap();
    assert_eq!(house.ask("GET /", "").await.status, 200, "this session is in memory");
    let mut connection = house.connect(HELLO).await;
    let answer = connection.exchange(house.head("GET /", &house.owner, "")).await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
}

/// An app behind TLS that answers every connection once.
async fn secure_app(certificate: &HostCertificate) -> u16 {
    let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(configuration));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure").await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn d18_an_app_behind_tls_proves_who_it_is() {
    let authority = Authority::new();
    let house = House::with(Plan { roots: Some(authority.certificate()), ..Plan::default() }).await;
    let good = secure_app(&authority.certificate_for(&["localhost"])).await;
    house.set_upstream(Some(&format!("https://localhost:{good}"))).await;
    assert_eq!(house.ask("GET /", "").await.text(), "secure");
    let other_name = secure_app(&authority.certificate_for(&["other.test"])).await;
    let other_authority = secure_app(&Authority::new().certificate_for(&["localhost"])).await;
    for port in [other_name, other_authority] {
        house.set_upstream(Some(&format!("https://localhost:{port}"))).await;
        assert_eq!(house.ask("GET /", "").await.status, 502);
    }
}

#[tokio::test]
async fn an_app_that_moves_is_asked_at_its_new_place() {
    let house = House::build().await;
    assert_eq!(house.ask("GET /a", "").await.status, 200);
    let new = crate::upstream::Upstream::start().await;
    house.set_upstream(Some(&format!("http://{}", new.address))).await;
    assert_eq!(house.ask("GET /b", "").await.status, 200);
    assert_eq!(new.seen()[0].target(), "/b");
    assert_eq!(house.upstream.seen().len(), 1);
}
