//! Each way to fail has an error of its own, by which somebody can tell what to do.

use std::sync::Arc;

use cryptography::SecretBytes;
use ssh_tunnel::TunnelError;
use test_support::{SshKey, SshServer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::fixture::{echo, ed25519, hop, open, secret};

#[tokio::test]
async fn every_failure_has_a_message_of_its_own_that_gives_no_secret_away() {
    let server = SshServer::start(&[]);
    let mut dead = SshServer::start(&[]);
    let target = echo().await;
    let good = hop(&server, &ed25519());
    let dead_hop = hop(&dead, &ed25519());
    dead.kill();
    let mut changed = good.clone();
    changed.host_key = ed25519().fingerprint.parse().unwrap();
    let mut stranger = good.clone();
    stranger.private_key = Arc::new(SecretBytes::copy_of(ed25519().private.as_bytes()));
    let mut locked = hop(&server, &SshKey::generate(&["-t", "ed25519", "-a", "2"], "right"));
    locked.passphrase = secret("canary-passphrase");
    let mut broken = good.clone();
    broken.private_key = Arc::new(SecretBytes::copy_of(b"canary-key"));
    let mut unresolved = good.clone();
    unresolved.host = "no-such-host.invalid".parse().unwrap();
    let mut internal = good.clone();
    internal.host = "169.254.169.254".parse().unwrap();
    let mut other_protocol = good.clone();
    other_protocol.port = web_server().await;

    let nothing = "127.0.0.1:1".parse().unwrap();
    let mut messages = Vec::new();
    for (hops, target) in [
        (vec![dead_hop.clone()], target),
        (vec![good.clone(), dead_hop], target),
        (vec![changed], target),
        (vec![stranger], target),
        (vec![locked], target),
        (vec![broken], target),
        (vec![unresolved], target),
        (vec![internal], target),
        (vec![other_protocol], target),
        (vec![good], nothing),
    ] {
        let error: TunnelError = open(hops, target).await.err().unwrap();
        messages.push(error.to_string());
    }
    for message in &messages {
        assert!(message.starts_with("SSH server "), "{message}");
        for secret in ["127.0.0.1", "169.254", "canary", "no-such-host", &SshServer::user()] {
            assert!(!message.contains(secret), "{message}");
        }
    }
    let mut different = messages.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), messages.len(), "{messages:#?}");
}

/// What answers at the wrong port.
async fn web_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        }
    });
    port
}
