//! The protocols that are offered.

use test_support::RawConnection;

use crate::fixture::Running;

#[tokio::test]
async fn v07_h26_http_2_is_not_offered() {
    let server = Running::start().await;
    let both = server.trust.offering(&[b"h2", b"http/1.1"]);
    let connection = RawConnection::open(server.address, "vybe.test", &both).await.unwrap();
    assert_eq!(connection.protocol(), Some(b"http/1.1".as_slice()));
    let only = server.trust.offering(&[b"h2"]);
    assert!(RawConnection::open(server.address, "vybe.test", &only).await.is_err());
    let none = server.trust.offering(&[]);
    let mut connection = RawConnection::open(server.address, "vybe.test", &none).await.unwrap();
    assert_eq!(connection.protocol(), None);
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(connection.exchange(preface).await.unwrap().status, 505);
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_nothing() {
    let server = Running::start().await;
    let mut connection = RawConnection::plain(server.address).await.unwrap();
    connection.send("GET /public/x HTTP/1.1\r\nhost: vybe.test\r\n\r\n").await.unwrap();
    let bytes = connection.rest().await.unwrap_or_default();
    assert!(!bytes.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&bytes));
}
