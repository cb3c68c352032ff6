//! A way through SSH servers, and what lies behind them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cryptography::SecretBytes;
use outbound::{AddressPolicy, Host};
use ssh_tunnel::{Hop, Route, TunnelError, TunnelLimits, TunnelStep, TunnelStream};
use test_support::{SshKey, SshServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

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
    hop_to(server.port(), &server.host_key().fingerprint, key)
}

/// A hop through whatever is at this port and has this host key.
pub fn hop_to(port: u16, host_key: &str, key: &SshKey) -> Hop {
    Hop {
        host: localhost(),
        port,
        user: SshServer::user(),
        private_key: Arc::new(SecretBytes::copy_of(key.private.as_bytes())),
        passphrase: None,
        host_key: host_key.parse().unwrap(),
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

/// Sends without end to everybody who connects.
pub async fn torrent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[7; 65_536]).await.is_ok() {} });
        }
    });
    address
}

/// Bytes that are different at every position for a long time.
pub fn pattern(position: usize, length: usize) -> Vec<u8> {
    (position..position + length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Sends so many bytes of the pattern to the one who connects, and then expects as many; says how many came, or after
/// how many one was different.
pub async fn patterned(amount: usize) -> (SocketAddr, JoinHandle<Result<usize, usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut position = 0;
        while position < amount {
            let length = (amount - position).min(100_000);
            stream.write_all(&pattern(position, length)).await.unwrap();
            position += length;
        }
        let mut received = 0;
        let mut piece = vec![0; 100_000];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            if piece[..length] != pattern(received, length) {
                return Err(received);
            }
            received += length;
        }
        Ok(received)
    });
    (address, serving)
}

/// What must happen, and on a busy machine takes its time.
pub async fn eventually<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it never happens")
}

/// Waits until nobody has a session with the server any more.
pub async fn gone(server: &SshServer) {
    eventually(async {
        while server.sessions() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Sends a line and reads what comes back.
pub async fn answers(stream: &mut TunnelStream) {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HELLO");
}
