use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use test_support::{Authority, Client, Frame, RawConnection, Trust, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A TLS server that runs one function on each connection.
async fn serve<F, R>(authority: &Authority, connection: F) -> SocketAddr
where
    F: Fn(TlsStream<TcpStream>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let host = authority.certificate_for(&["*.vybe.localhost", "vybe.localhost"]);
    let configuration =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(host.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(host.key.as_bytes()).unwrap(),
            )
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(configuration));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(socket).await {
                tokio::spawn(connection(stream));
            }
        }
    });
    address
}

/// Answers each head with what `answer` makes of it.
async fn answer_with(mut stream: TlsStream<TcpStream>, answer: fn(&str) -> String) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
            stream.write_all(answer(&text).as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

fn echo_head(head: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len())
}

#[tokio::test]
async fn exact_bytes_go_out_and_responses_come_back_on_one_connection() {
    let authority = Authority::new();
    let address = serve(&authority, |stream| answer_with(stream, echo_head)).await;
    let mut connection = RawConnection::open(address, "a.vybe.localhost", &authority.trust()).await.unwrap();
    for bytes in ["GET /one HTTP/1.1\r\nhOsT:  x\r\n\r\n", "ODD\x01 two\r\n\r\n"] {
        let response = connection.exchange(bytes).await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, bytes));
    }
}

#[tokio::test]
async fn chunks_and_interim_responses_are_read() {
    let authority = Authority::new();
    let address = serve(&authority, |stream| {
        answer_with(stream, |_| {
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
                .to_owned()
        })
    })
    .await;
    let mut connection = RawConnection::open(address, "vybe.localhost", &authority.trust()).await.unwrap();
    let response = connection.exchange("GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(response.text(), "abcde");
}

#[tokio::test]
async fn a_certificate_from_elsewhere_or_for_another_name_is_refused() {
    let authority = Authority::new();
    let address = serve(&authority, |stream| answer_with(stream, echo_head)).await;
    let stranger: Trust = Authority::new().trust();
    assert!(RawConnection::open(address, "vybe.localhost", &stranger).await.is_err());
    assert!(RawConnection::open(address, "example.org", &authority.trust()).await.is_err());
}

#[tokio::test]
async fn a_client_keeps_cookies_by_host_and_follows_redirects() {
    let authority = Authority::new();
    let address = serve(&authority, |stream| {
        answer_with(stream, |head| {
            if head.starts_with("GET /start ") {
                "HTTP/1.1 303 See Other\r\nLocation: https://b.vybe.localhost/end\r\nContent-Length: 0\r\n\
                 Set-Cookie: __Host-a=1; Path=/; Secure; HttpOnly\r\n\
                 Set-Cookie: __Host-bad=1; Path=/; Secure; Domain=vybe.localhost\r\n\
                 Set-Cookie: wide=2; Domain=vybe.localhost\r\n\r\n"
                    .to_owned()
            } else if head.starts_with("GET /clear ") {
                "HTTP/1.1 204 No Content\r\nSet-Cookie: __Host-a=; Path=/; Secure; Max-Age=0\r\n\r\n"
                    .to_owned()
            } else {
                echo_head(head)
            }
        })
    })
    .await;
    let client = Client::new(address, &authority.trust());
    let page = client.visit("https://a.vybe.localhost/start").await;
    assert_eq!(page.url.as_ref().unwrap().as_str(), "https://b.vybe.localhost/end");
    assert!(page.text().contains("\r\nCookie: wide=2\r\n"), "{}", page.text());
    assert_eq!(client.cookie("a.vybe.localhost", "__Host-a").as_deref(), Some("1"));
    assert_eq!(
        client.copy().cookie_header("https://a.vybe.localhost/").as_deref(),
        Some("__Host-a=1; wide=2")
    );
    client.get("https://a.vybe.localhost/clear").await;
    assert_eq!(client.cookie("a.vybe.localhost", "__Host-a"), None);

    let posted = client
        .request("POST", "https://a.vybe.localhost/form?x=1")
        .header("Origin", "https://a.vybe.localhost")
        .form(&[("return_to", "/a b")])
        .send()
        .await;
    assert!(posted.text().starts_with("POST /form?x=1 HTTP/1.1\r\n"), "{}", posted.text());
    assert!(posted.text().contains("Content-Length: 16\r\n"), "{}", posted.text());
}

#[tokio::test]
async fn a_web_socket_opens_or_says_why_not() {
    let authority = Authority::new();
    let address = serve(&authority, |stream| async {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = futures_util::StreamExt::next(&mut socket).await {
            futures_util::SinkExt::send(&mut socket, message).await.unwrap();
        }
    })
    .await;
    let open =
        || async { RawConnection::open(address, "a.vybe.localhost", &authority.trust()).await.unwrap() };
    let mut socket = WebSocket::open(open().await, "wss://a.vybe.localhost/live", &[]).await.unwrap();
    socket.send_text("hello").await;
    assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));
    socket.send_binary(&[1, 2]).await;
    assert_eq!(socket.next().await, Frame::Binary(vec![1, 2]));
    socket.close().await;

    let refusing = serve(&authority, |stream| {
        answer_with(stream, |_| "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_owned())
    })
    .await;
    let connection = RawConnection::open(refusing, "a.vybe.localhost", &authority.trust()).await.unwrap();
    let refusal = WebSocket::open(connection, "wss://a.vybe.localhost/live", &[]).await.err().unwrap();
    assert_eq!(refusal.status, 404);
}
