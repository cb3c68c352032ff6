//! Through one server.

use test_support::SshServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{answers, echo, ed25519, hop, open};

#[tokio::test]
async fn a_stream_carries_bytes_both_ways_and_ends_cleanly() {
    let server = SshServer::start(&[]);
    let mut stream = open(vec![hop(&server, &ed25519())], echo().await).await.unwrap();
    answers(&mut stream).await;
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
}
