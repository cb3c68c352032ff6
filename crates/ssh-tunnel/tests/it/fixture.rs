//! A way through SSH servers, and what lies behind them.

use std::net::SocketAddr;
use std::sync::Arc;

use cryptography::SecretBytes;
use outbound::{AddressPolicy, Host};
use ssh_tunnel::{Hop, Route, TunnelError, TunnelLimits, TunnelStep, TunnelStream};
use test_support::{SshKey, SshServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Loopback is allowed, where the servers are.
pub fn policy() -> AddressPolicy {
    AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()])
}

pub fn localhost() -> Host {
    "127.0.0.1".parse().unwrap()
}

pub fn ed25519() -> SshKey {
    SshKey::generate(&["-t", "ed25519"], "")
}

/// A hop through this server, with this key, which it lets in.
pub fn hop(server: &SshServer, key: &SshKey) -> Hop {
    server.authorize(key);
    Hop {
        host: localhost(),
        port: server.port(),
        user: SshServer::user(),
        private_key: Arc::new(SecretBytes::copy_of(key.private.as_bytes())),
        passphrase: None,
        host_key: server.host_key().fingerprint.parse().unwrap(),
    }
}

pub fn secret(text: &str) -> Option<Arc<SecretBytes>> {
    Some(Arc::new(SecretBytes::copy_of(text.as_bytes())))
}

/// Opens a tunnel with the limits of everyday.
pub async fn open(hops: Vec<Hop>, target: SocketAddr) -> Result<TunnelStream, TunnelError> {
    let route = Route::new(hops).unwrap();
    let host = target.ip().to_string().parse().unwrap();
    ssh_tunnel::open(&route, &host, target.port(), &policy(), TunnelLimits::default()).await
}

/// What `open` failed with.
pub async fn refusal(hops: Vec<Hop>, target: SocketAddr) -> (usize, TunnelStep) {
    let TunnelError { hop, step } = open(hops, target).await.err().expect("no tunnel");
    (hop, step)
}

/// Sends everything back, upper case.
pub async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    buffer[..length].make_ascii_uppercase();
                    if stream.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Sends a line and reads what comes back.
pub async fn answers(stream: &mut TunnelStream) {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HELLO");
}
