//! Large amounts, through changes of keys.

use test_support::SshServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{ed25519, hop, open, pattern, patterned};

const AMOUNT: usize = 200_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_megabytes_arrive_intact_each_way_while_the_keys_change() {
    let server = SshServer::start(&["RekeyLimit 16M"]);
    let (target, received) = patterned(AMOUNT).await;
    let mut stream = open(vec![hop(&server, &ed25519())], target).await.unwrap();
    let mut piece = vec![0; 100_000];
    let mut position = 0;
    while position < AMOUNT {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "the end after {position}");
        assert!(piece[..length] == pattern(position, length), "different after {position}");
        position += length;
    }
    let mut position = 0;
    while position < AMOUNT {
        let length = (AMOUNT - position).min(100_000);
        stream.write_all(&pattern(position, length)).await.unwrap();
        position += length;
    }
    stream.shutdown().await.unwrap();
    assert_eq!(received.await.unwrap(), Ok(AMOUNT));
    assert_eq!(stream.read(&mut piece).await.unwrap(), 0);
    // Every 16 MB or so, where nothing is counted that goes the other way.
    let changes = server.log().matches("SSH2_MSG_NEWKEYS received").count();
    assert!(changes > 16, "{changes} changes of keys");
}
