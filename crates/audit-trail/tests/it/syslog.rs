//! Syslog, with servers of our own.

use std::sync::{Arc, Mutex};

use audit_trail::{Receiver, Syslog};
use ids::OrganizationId;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use test_support::{Authority, TestDatabase, on_both_stores};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, UdpSocket};

use crate::house::{HOSTILE_NAME, House, tls, until};

type Messages = Arc<Mutex<Vec<String>>>;

fn syslog(address: &str, authority: Option<&str>) -> Receiver {
    Receiver::Syslog(Syslog::new(address.parse().unwrap(), "vybe.example.com", tls(authority)))
}

/// Reads frames (RFC 6587, 3.4.1) to the end of the stream, and keeps them only then, as a server that
/// writes to a disk before it closes.
async fn keep_frames(mut stream: impl AsyncRead + AsyncWrite + Unpin, messages: &Messages) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        let frame = &rest[space + 1..space + 1 + length];
        messages.lock().unwrap().push(String::from_utf8(frame.to_vec()).unwrap());
        rest = &rest[space + 1 + length..];
    }
}

/// The number of a message, when everything else about it is right.
fn number(message: &str, organization: OrganizationId) -> i64 {
    assert!(
        message.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "l01: one line of plain text: {message}"
    );
    let (header, rest) = message.split_once(" [").unwrap();
    let fields: Vec<&str> = header.split(' ').collect();
    let [priority, at, host, app, process, kind] = *fields else { panic!("{header}") };
    assert_eq!(
        (priority, host, app, process, kind),
        ("<110>1", "vybe.example.com", "vybe", "-", "app.update")
    );
    assert!(time::OffsetDateTime::parse(at, &time::format_description::well_known::Rfc3339).is_ok());
    let (data, text) = rest.split_once("] ").unwrap();
    assert!(data.starts_with("audit@32473 chain=\""), "{data}");
    let record: Value = serde_json::from_str(text).unwrap();
    assert_eq!(record["detail"]["name"], HOSTILE_NAME);
    assert_eq!(record["chain"], organization.to_string());
    let sequence = record["sequence"].as_i64().unwrap();
    assert!(data.contains(&format!(" sequence=\"{sequence}\"")));
    sequence
}

fn numbers(messages: &Messages, organization: OrganizationId) -> Vec<i64> {
    messages.lock().unwrap().iter().map(|message| number(message, organization)).collect()
}

on_both_stores! {
    async fn l01_syslog_over_tcp_loses_nothing_when_the_server_dies(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 150).await;
        let messages = Messages::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let forwarding = house.forward(syslog(&format!("tcp://{address}"), None));

        // It takes a connection, reads something, and dies with the rest unread.
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 1000];
        stream.read_exact(&mut some).await.unwrap();
        drop(stream);
        drop(listener);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;

        let listener = TcpListener::bind(address).await.unwrap();
        let kept = Arc::clone(&messages);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                keep_frames(stream, &kept).await;
            }
        });
        until("all of it", || messages.lock().unwrap().len() == 150).await;
        house.write(organization, 2).await;
        until("what follows", || messages.lock().unwrap().len() == 152).await;
        assert_eq!(numbers(&messages, organization), (1..=152).collect::<Vec<i64>>());
        forwarding.abort();
        serving.abort();
    }

    async fn syslog_over_tls_trusts_only_whom_it_is_told_to(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 3).await;
        let (authority, other) = (Authority::new(), Authority::new());
        let certificate = authority.certificate_for(&["localhost"]);
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap(),)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tls://localhost:{}", listener.local_addr().unwrap().port());
        let messages = Messages::default();

        let forwarding = house.forward(syslog(&address, Some(&other.certificate())));
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err(), "a server of another authority is told nothing");
        forwarding.abort();

        let forwarding = house.forward(syslog(&address, Some(&authority.certificate())));
        let kept = Arc::clone(&messages);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    keep_frames(stream, &kept).await;
                }
            }
        });
        until("all of it", || messages.lock().unwrap().len() == 3).await;
        assert_eq!(numbers(&messages, organization), [1, 2, 3]);
        forwarding.abort();
        serving.abort();
    }

    async fn syslog_over_udp_is_a_message_a_datagram(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 3).await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let forwarding = house.forward(syslog(&format!("udp://{}", socket.local_addr().unwrap()), None));
        let mut buffer = vec![0; 65_536];
        for expected in 1..=3 {
            let length = socket.recv(&mut buffer).await.unwrap();
            assert_eq!(number(std::str::from_utf8(&buffer[..length]).unwrap(), organization), expected);
        }
        forwarding.abort();
    }
}
