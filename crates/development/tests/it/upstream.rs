use std::collections::BTreeMap;

use cryptography::SecretBytes;
use development::Upstream;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

async fn get(upstream: &Upstream, request: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(upstream.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_shows_what_it_received_and_logs_it() {
    let upstream = Upstream::start("https://vybe.localhost:8443").await.unwrap();
    let answer = get(
        &upstream,
        "GET /a?b=%3Ci%3E HTTP/1.1\r\nHost: hello-acme.vybe.localhost\r\nX-Vybe-User-Email: <ada>@acme.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("<span id=\"email\">&lt;ada&gt;@acme.example</span>"), "{answer}");
    let log = upstream.access_log();
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].method.as_str(), log[0].target.as_str()), ("GET", "/a?b=%3Ci%3E"));
    assert_eq!(log[0].header("x-vybe-user-email"), Some("<ada>@acme.example"));
}

#[tokio::test]
async fn it_speaks_events_streams_and_web_socket() {
    let upstream = Upstream::start("https://vybe.localhost:8443").await.unwrap();
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let events = get(&upstream, &ask("/events?n=1")).await;
    assert!(events.contains("text/event-stream") && events.contains("data: event 0\n\n"), "{events}");
    let download = get(&upstream, &ask("/download?n=40000")).await;
    assert_eq!(download.matches('.').count() - 1, 40_000, "one dot is in the status line");

    let address = format!("ws://{}/ws", upstream.address());
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}

#[tokio::test]
async fn an_app_has_the_variables_of_its_last_deployment_and_shows_no_credential() {
    let upstream = Upstream::start("https://vybe.localhost:8443").await.unwrap();
    let ask = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: hello-acme.vybe.localhost\r\nConnection: close\r\n\r\n")
    };
    assert!(get(&upstream, &ask("/")).await.contains("<span id=\"greeting\">Hello</span>"));
    let deploy = |pairs: &[(&str, &str)]| {
        let variables: BTreeMap<_, _> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), SecretBytes::copy_of(value.as_bytes())))
            .collect();
        upstream.deploy("hello-acme", variables);
    };
    deploy(&[("GREETING", "Good <morning>"), ("CUSTOM_API_WEATHER", "canary-1"), ("PASSWORD", "canary-2")]);
    let home = get(&upstream, &ask("/")).await;
    assert!(home.contains("<span id=\"greeting\">Good &lt;morning&gt;</span>"), "{home}");
    let page = get(&upstream, &ask("/environment")).await;
    // printf 'vybe demo' | openssl dgst -sha256 -hmac canary-1
    assert!(page.contains("708d6c79d1a911a679149622cb10d71c31c6f719b8a97a8bb229de1b1f17a22d"), "{page}");
    assert!(page.contains("<th>PASSWORD</th><td></td>"), "{page}");
    assert!(!page.contains("canary") && !home.contains("canary"), "{page}");
    let other = get(&upstream, &ask("/environment").replace("hello-acme", "payroll-acme")).await;
    assert!(!other.contains("PASSWORD"), "{other}");
    deploy(&[]);
    assert!(!get(&upstream, &ask("/environment")).await.contains("PASSWORD"));
}
