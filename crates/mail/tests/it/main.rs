//! Handing letters in at real servers: trusted, untrusted, refusing, silent.

#![cfg(test)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::{Credentials, LONGEST_ATTEMPT, Letter, MailError, MailServer, Mailer};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use test_support::Authority;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto};

fn letter() -> Letter {
    Letter {
        to: "ada@example.com".parse().unwrap(),
        subject: "Hello".to_owned(),
        text: "https://vybe.example/?token=CANARY".to_owned(),
        html: "<p>Hello</p>".to_owned(),
    }
}

/// How a server behaves.
#[derive(Clone)]
enum Kind {
    /// In the clear, offering nothing.
    Plain,
    /// In the clear until STARTTLS.
    Upgrading(TlsAcceptor),
    /// TLS from the start.
    Tls(TlsAcceptor),
    /// Says nothing after greeting.
    Silent,
    /// Takes no recipient.
    Refusing,
}

fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let certificate = authority.certificate_for(&[name]);
    let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let configuration = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(configuration))
}

/// A server for one connection: its port, and everything that it read.
async fn server(kind: Kind) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut seen = String::new();
        serve(kind, stream, &mut seen).await;
        seen
    });
    (port, serving)
}

async fn serve(kind: Kind, stream: TcpStream, seen: &mut String) {
    match kind {
        Kind::Tls(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(&Kind::Plain, stream, seen, true).await;
            }
        }
        Kind::Upgrading(acceptor) => {
            let plain = Kind::Upgrading(acceptor.clone());
            let Some(stream) = talk(&plain, stream, seen, true).await else { return };
            seen.push_str("(TLS)\n");
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(&Kind::Plain, stream, seen, false).await;
            }
        }
        kind => {
            talk(&kind, stream, seen, true).await;
        }
    }
}

/// Answers until the client leaves, or asks for TLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    kind: &Kind,
    stream: S,
    seen: &mut String,
    greets: bool,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(b"220 test\r\n").await.ok()?;
    }
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        seen.push_str(&line);
        let reply: &[u8] = match (&line[..line.len().min(4)], kind) {
            (".\r\n", _) => {
                in_data = false;
                b"250 taken\r\n"
            }
            _ if in_data => continue,
            (_, Kind::Silent) => continue,
            ("EHLO", Kind::Upgrading(_)) => b"250-test\r\n250 STARTTLS\r\n",
            ("EHLO", _) => b"250-test\r\n250 AUTH PLAIN\r\n",
            ("AUTH", _) => b"235 welcome\r\n",
            ("RCPT", Kind::Refusing) => b"550 no such mailbox\r\n",
            ("DATA", _) => {
                in_data = true;
                b"354 go on\r\n"
            }
            ("STAR", Kind::Upgrading(_)) => {
                stream.write_all(b"220 go on\r\n").await.ok()?;
                return Some(stream.into_inner());
            }
            _ => b"250 fine\r\n",
        };
        stream.write_all(reply).await.ok()?;
    }
}

fn mailer(address: &str, tls: bool, authority: Option<&Authority>) -> Mailer {
    let extra: Vec<_> = authority
        .map(|authority| CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap())
        .into_iter()
        .collect();
    let credentials = Credentials { user: "user".to_owned(), password: "password-CANARY".to_owned().into() };
    let server = MailServer::parse(address, tls).unwrap();
    Mailer::new(server, tls.then_some(credentials), "Vybe <vybe@example.com>", "vybe.example", &extra)
        .unwrap()
}

/// The reason and everything behind it, as a log shows it.
fn reason(error: &MailError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn a_letter_goes_over_tls_to_a_server_that_proves_its_name() {
    let authority = Authority::new();
    let (port, serving) = server(Kind::Tls(acceptor(&authority, "localhost"))).await;
    mailer(&format!("smtps://localhost:{port}"), true, Some(&authority)).send(&letter()).await.unwrap();
    let seen = serving.await.unwrap();
    assert!(seen.starts_with("EHLO vybe.example\r\n"), "{seen}");
    assert!(seen.contains("RCPT TO:<ada@example.com>\r\n") && seen.contains("CANARY"), "{seen}");

    let (port, serving) = server(Kind::Upgrading(acceptor(&authority, "localhost"))).await;
    mailer(&format!("smtp://localhost:{port}"), true, Some(&authority)).send(&letter()).await.unwrap();
    let seen = serving.await.unwrap();
    let (before, after) = seen.split_once("(TLS)\n").unwrap();
    assert_eq!(before, "EHLO vybe.example\r\nSTARTTLS\r\n");
    assert!(after.contains("AUTH PLAIN") && after.contains("CANARY"), "{after}");
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_prove_its_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let cases = [
        ("smtps", Kind::Tls(acceptor(&other, "localhost"))),
        ("smtps", Kind::Tls(acceptor(&authority, "elsewhere.example"))),
        ("smtp", Kind::Upgrading(acceptor(&other, "localhost"))),
        ("smtp", Kind::Upgrading(acceptor(&authority, "elsewhere.example"))),
        // STARTTLS was taken out of the answer on the way.
        ("smtp", Kind::Plain),
    ];
    for (number, (scheme, kind)) in cases.into_iter().enumerate() {
        let (port, serving) = server(kind).await;
        let mailer = mailer(&format!("{scheme}://localhost:{port}"), true, Some(&authority));
        let error = mailer.send(&letter()).await.unwrap_err();
        assert!(matches!(error, MailError::NotTaken(_)), "{number}: {error:?}");
        let seen = serving.await.unwrap();
        for word in ["AUTH", "MAIL", "RCPT", "CANARY"] {
            assert!(!seen.contains(word), "{number}: {seen}");
        }
    }
}

#[tokio::test]
async fn a_refused_letter_is_named_without_what_it_says() {
    let (port, serving) = server(Kind::Refusing).await;
    let error = mailer(&format!("smtp://127.0.0.1:{port}"), false, None).send(&letter()).await.unwrap_err();
    let text = reason(&error);
    assert!(text.contains("550") && !text.contains("CANARY"), "{text}");
    serving.abort();

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = mailer(&format!("smtp://127.0.0.1:{gone}"), false, None).send(&letter()).await.unwrap_err();
    assert!(matches!(error, MailError::NotTaken(_)), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_is_waited_for_ten_seconds() {
    assert_eq!(LONGEST_ATTEMPT, Duration::from_secs(10));
    let (port, serving) = server(Kind::Silent).await;
    let began = Instant::now();
    let error = mailer(&format!("smtp://127.0.0.1:{port}"), false, None).send(&letter()).await.unwrap_err();
    let took = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(12)).contains(&took), "{took:?}: {error:?}");
    serving.abort();
}
