//! How a tunnel ends, and what it does to others.

use std::time::Duration;

use ssh_tunnel::{Route, TunnelLimits, TunnelStep};
use test_support::SshServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::fixture::{answers, echo, ed25519, eventually, gone, hop, localhost, open, policy, torrent};

#[tokio::test]
async fn a_killed_server_ends_its_streams_with_an_error_and_a_new_one_works_when_it_is_back() {
    let mut servers = [SshServer::start(&[]), SshServer::start(&[])];
    let target = echo().await;
    let hops: Vec<_> = servers.iter().map(|server| hop(server, &ed25519())).collect();
    for server in &mut servers {
        let mut stream = open(hops.clone(), target).await.unwrap();
        answers(&mut stream).await;
        server.kill();
        // Not the end of what the target has to say.
        let read = eventually(stream.read(&mut [0; 16])).await;
        assert!(read.is_err(), "{read:?}");
        let written = eventually(async { while stream.write_all(&[0; 4_096]).await.is_ok() {} });
        written.await;
        server.resume();
        answers(&mut open(hops.clone(), target).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_writer_who_waits_for_room_learns_that_the_server_was_killed() {
    let mut server = SshServer::start(&[]);
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = open(vec![hop(&server, &ed25519())], deaf.local_addr().unwrap()).await.unwrap();
    let piece = vec![0; 1 << 20];
    while tokio::time::timeout(Duration::from_secs(2), stream.write_all(&piece)).await.is_ok() {}
    server.kill();
    let written = eventually(stream.write_all(&piece)).await;
    assert!(written.is_err());
}

#[tokio::test]
async fn a_server_that_falls_silent_ends_its_streams_with_an_error() {
    let server = SshServer::start(&[]);
    let route = Route::new(vec![hop(&server, &ed25519())]).unwrap();
    let limits = TunnelLimits { silence: Duration::from_millis(300), ..TunnelLimits::default() };
    let target = echo().await;
    let mut stream = ssh_tunnel::open(&route, &localhost(), target.port(), &policy(), limits).await.unwrap();
    // Silence of those behind it is none of its own.
    assert!(tokio::time::timeout(Duration::from_secs(2), stream.read(&mut [0; 16])).await.is_err());
    answers(&mut stream).await;
    server.freeze();
    let read = eventually(stream.read(&mut [0; 16])).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn a_dropped_stream_leaves_no_session_and_no_task() {
    let servers = [SshServer::start(&[]), SshServer::start(&[])];
    let hops: Vec<_> = servers.iter().map(|server| hop(server, &ed25519())).collect();
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for busy in [false, true] {
        let mut stream = open(hops.clone(), target.local_addr().unwrap()).await.unwrap();
        let (mut accepted, _) = target.accept().await.unwrap();
        stream.write_all(b"last words").await.unwrap();
        if busy {
            // Somebody writes more than anybody reads.
            let piece = vec![0; 1 << 20];
            while tokio::time::timeout(Duration::from_secs(2), stream.write_all(&piece)).await.is_ok() {}
        }
        drop(stream);
        for server in &servers {
            gone(server).await;
        }
        eventually(async {
            while tasks() > before {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
        })
        .await;
        let mut heard = Vec::new();
        let _ = eventually(accepted.read_to_end(&mut heard)).await;
        assert!(heard.starts_with(b"last words"));
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_and_disconnected() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = SshServer::start(&[]);
    let mut first = hop(&server, &ed25519());
    first.port = silent.local_addr().unwrap().port();
    let limits = TunnelLimits { key_exchange: Duration::from_millis(500), ..TunnelLimits::default() };
    for greeting in ["", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let route = Route::new(vec![first.clone()]).unwrap();
        let host = localhost();
        let policy = policy();
        let opening = ssh_tunnel::open(&route, &host, 5432, &policy, limits);
        let serving = async {
            let (mut stream, _) = silent.accept().await.unwrap();
            stream.write_all(greeting.as_bytes()).await.unwrap();
            let mut heard = Vec::new();
            let _ = eventually(stream.read_to_end(&mut heard)).await;
        };
        let (opened, ()) = tokio::join!(opening, serving);
        assert_eq!(opened.err().unwrap().step, TunnelStep::Timeout);
    }
}

#[tokio::test]
async fn an_opening_that_nobody_waits_for_any_more_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = SshServer::start(&[]);
    let mut hop = hop(&server, &ed25519());
    hop.port = silent.local_addr().unwrap().port();
    let route = Route::new(vec![hop]).unwrap();
    let opening = tokio::spawn(async move {
        ssh_tunnel::open(&route, &localhost(), 5432, &policy(), TunnelLimits::default()).await.is_ok()
    });
    let (mut stream, _) = silent.accept().await.unwrap();
    stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
    let mut first = [0; 512];
    stream.read_exact(&mut first).await.unwrap();
    opening.abort();
    let _ = eventually(stream.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_up_nobody_else() {
    let servers = [SshServer::start(&[]), SshServer::start(&[])];
    let hops: Vec<_> = servers.iter().map(|server| hop(server, &ed25519())).collect();
    let torrent = torrent().await;
    let mut stalled = open(hops.clone(), torrent).await.unwrap();
    stalled.read_exact(&mut [0; 1_000]).await.unwrap();
    // The session of the stalled one is full to the brim while the others are used.
    let mut quick = open(hops.clone(), echo().await).await.unwrap();
    let mut bulk = open(hops, torrent).await.unwrap();
    for _ in 0..200 {
        eventually(answers(&mut quick)).await;
    }
    let mut piece = vec![0; 1 << 20];
    for _ in 0..32 {
        eventually(bulk.read_exact(&mut piece)).await.unwrap();
    }
    for _ in 0..200 {
        eventually(answers(&mut quick)).await;
    }
    // And whoever starts to read again gets what waited.
    for _ in 0..32 {
        eventually(stalled.read_exact(&mut piece)).await.unwrap();
    }
}
