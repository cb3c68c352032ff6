//! Through more than one server.

use ssh_tunnel::TunnelStep;
use test_support::SshServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{answers, echo, ed25519, gone, hop, open, refusal};

#[tokio::test]
async fn a_stream_carries_bytes_both_ways_through_one_two_and_three_servers_and_ends_cleanly() {
    let servers = [SshServer::start(&[]), SshServer::start(&[]), SshServer::start(&[])];
    let target = echo().await;
    for length in 1..=3 {
        let hops = servers[..length].iter().map(|server| hop(server, &ed25519())).collect();
        let mut stream = open(hops, target).await.unwrap();
        answers(&mut stream).await;
        for server in &servers[..length] {
            assert_eq!(server.sessions(), 1);
        }
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        drop(stream);
        for server in &servers[..length] {
            gone(server).await;
        }
    }
}

#[tokio::test]
async fn which_server_of_a_chain_is_dead_is_said() {
    let mut first = SshServer::start(&[]);
    let mut second = SshServer::start(&[]);
    let target = echo().await;
    let hops = vec![hop(&first, &ed25519()), hop(&second, &ed25519())];
    second.kill();
    assert_eq!(refusal(hops.clone(), target).await, (1, TunnelStep::Tcp));
    second.resume();
    first.kill();
    assert_eq!(refusal(hops.clone(), target).await, (0, TunnelStep::Tcp));
    first.resume();
    answers(&mut open(hops, target).await.unwrap()).await;
}

#[tokio::test]
async fn a_server_that_does_not_forward_is_told_from_one_that_reaches_nothing() {
    let open_server = SshServer::start(&["ForceCommand /bin/false"]);
    let closed = SshServer::start(&["AllowTcpForwarding no"]);
    let elsewhere = SshServer::start(&["PermitOpen 127.0.0.1:1"]);
    let target = echo().await;
    let [open_hop, closed, elsewhere] =
        [&open_server, &closed, &elsewhere].map(|server| hop(server, &ed25519()));
    assert_eq!(refusal(vec![closed.clone()], target).await, (0, TunnelStep::Forward));
    assert_eq!(refusal(vec![elsewhere], target).await, (0, TunnelStep::Forward));
    assert_eq!(refusal(vec![open_hop.clone(), closed], target).await, (1, TunnelStep::Forward));
    let nothing = "127.0.0.1:1".parse().unwrap();
    assert_eq!(refusal(vec![open_hop.clone()], nothing).await, (0, TunnelStep::Behind));
    answers(&mut open(vec![open_hop], target).await.unwrap()).await;
}
