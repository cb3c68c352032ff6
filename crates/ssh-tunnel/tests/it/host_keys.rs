//! Which server it is, before anything is said to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outbound::AddressPolicy;
use ssh_tunnel::{Route, TunnelError, TunnelLimits, TunnelStep, host_key_of};
use test_support::SshServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{answers, echo, ed25519, hop, localhost, open, policy, refusal};

/// What a server logs as soon as it is told a name.
const NAMED: &str = "userauth-request";

fn fingerprint(server: &SshServer) -> TunnelStep {
    TunnelStep::HostKey { presented: server.host_key().fingerprint.parse().unwrap() }
}

/// The server has seen a connection, and nothing on it that says who we are.
fn assert_nothing_was_said(server: &SshServer) {
    server.wait_for_log("[preauth]");
    let log = server.log();
    assert!(!log.contains(NAMED) && !log.contains(&SshServer::user()), "{log}");
}

#[tokio::test]
async fn d16_every_type_of_host_key_can_be_pinned() {
    let target = echo().await;
    for arguments in [
        &["-t", "ed25519"][..],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "3072"],
    ] {
        let server = SshServer::with_host_keys(&[arguments], &[]);
        let asked = host_key_of(&localhost(), server.port(), None, &policy(), TunnelLimits::default()).await;
        assert_eq!(asked.unwrap().to_string(), server.host_key().fingerprint, "{arguments:?}");
        answers(&mut open(vec![hop(&server, &ed25519())], target).await.unwrap()).await;
        // What the absence of means something elsewhere.
        assert!(server.log().contains(NAMED), "{}", server.log());
    }
}

#[tokio::test]
async fn d16_unknown_host_key_nothing_sent() {
    let server = SshServer::start(&[]);
    let mut hop = hop(&server, &ed25519());
    hop.host_key = ed25519().fingerprint.parse().unwrap();
    assert_eq!(refusal(vec![hop], echo().await).await, (0, fingerprint(&server)));
    assert_nothing_was_said(&server);
}

#[tokio::test]
async fn d16_changed_host_key_blocks_until_it_is_confirmed() {
    let mut server = SshServer::start(&[]);
    let target = echo().await;
    let mut hop = hop(&server, &ed25519());
    answers(&mut open(vec![hop.clone()], target).await.unwrap()).await;
    server.change_host_key();
    let changed = server.log().len();
    assert_eq!(refusal(vec![hop.clone()], target).await, (0, fingerprint(&server)));
    assert!(!server.log()[changed..].contains(NAMED), "{}", server.log());
    hop.host_key = server.host_key().fingerprint.parse().unwrap();
    answers(&mut open(vec![hop], target).await.unwrap()).await;
}

#[tokio::test]
async fn d16_a_server_in_the_middle_with_a_key_of_its_own_learns_nothing() {
    let genuine = SshServer::start(&[]);
    let middle = SshServer::start(&[]);
    let jump = SshServer::start(&[]);
    let key = ed25519();
    let target = echo().await;
    // It sits where the genuine server is expected, and would let the user in.
    let mut diverted = hop(&middle, &key);
    diverted.host_key = genuine.host_key().fingerprint.parse().unwrap();
    assert_eq!(refusal(vec![diverted.clone()], target).await, (0, fingerprint(&middle)));
    // And behind an honest server.
    assert_eq!(refusal(vec![hop(&jump, &key), diverted], target).await, (1, fingerprint(&middle)));
    assert_nothing_was_said(&middle);
}

#[tokio::test]
async fn d16_a_wire_in_the_middle_that_changes_a_byte_learns_nothing() {
    let server = SshServer::start(&[]);
    let honest = hop(&server, &ed25519());
    let target = echo().await;
    let limits = TunnelLimits { key_exchange: Duration::from_secs(3), ..TunnelLimits::default() };
    let recorded = Arc::default();
    let (host, port) = (localhost(), wire(server.port(), None, &recorded).await);
    host_key_of(&host, port, None, &policy(), limits).await.unwrap();
    let positions = meaningful(&recorded.lock().unwrap());
    for position in positions.iter().copied().skip(8).step_by(47).chain(positions.last().copied()) {
        let mut hop = honest.clone();
        hop.port = wire(server.port(), Some(position), &Arc::default()).await;
        let route = Route::new(vec![hop]).unwrap();
        let opened = ssh_tunnel::open(&route, &localhost(), target.port(), &policy(), limits).await;
        let TunnelError { step, .. } =
            opened.err().unwrap_or_else(|| panic!("byte {position} did not matter"));
        assert!(matches!(step, TunnelStep::Ssh | TunnelStep::Timeout | TunnelStep::HostKey { .. }), "{step}");
    }
    assert!(!server.log().contains(NAMED), "{}", server.log());
}

/// Where the bytes are that the key exchange is about: a greeting, a packet with algorithms and one with the signature,
/// in clear text and without their padding (RFC 4253, sections 4.2 and 6).
fn meaningful(said: &[u8]) -> Vec<usize> {
    let mut end = said.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut positions: Vec<usize> = (0..end).collect();
    for _ in 0..2 {
        let length: [u8; 4] = said[end..end + 4].try_into().unwrap();
        let padding = usize::from(said[end + 4]);
        let start = end;
        end += 4 + u32::from_be_bytes(length) as usize;
        positions.extend(start..end - padding);
    }
    positions
}

/// The port of a wire to a server that writes down what the server says, and flips a bit of one byte of it.
async fn wire(port: u16, position: Option<usize>, recorded: &Arc<Mutex<Vec<u8>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own_port = listener.local_addr().unwrap().port();
    let recorded = Arc::clone(recorded);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move {
            let _ = copy(&mut from_client, &mut to_server).await;
        });
        let mut buffer = [0; 4_096];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let seen = recorded.lock().unwrap().len();
            recorded.lock().unwrap().extend_from_slice(&buffer[..length]);
            let at = position.and_then(|position| position.checked_sub(seen));
            if let Some(byte) = at.and_then(|at| buffer[..length].get_mut(at)) {
                *byte ^= 1;
            }
            if to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    });
    own_port
}

#[tokio::test]
async fn d16_asking_for_a_host_key_says_no_name() {
    let jump = SshServer::start(&[]);
    let asked = SshServer::start(&[]);
    let limits = TunnelLimits::default();
    let direct = host_key_of(&localhost(), asked.port(), None, &policy(), limits).await.unwrap();
    let route = Route::new(vec![hop(&jump, &ed25519())]).unwrap();
    let behind = host_key_of(&localhost(), asked.port(), Some(&route), &policy(), limits).await.unwrap();
    assert_eq!(direct.to_string(), asked.host_key().fingerprint);
    assert_eq!(behind, direct);
    assert_nothing_was_said(&asked);
}

#[tokio::test]
async fn asking_for_a_host_key_says_which_server_is_not_there() {
    let mut jump = SshServer::start(&[]);
    let mut dead = SshServer::start(&[]);
    let route = Route::new(vec![hop(&jump, &ed25519())]).unwrap();
    dead.kill();
    let ask = async |via| {
        let asked = host_key_of(&localhost(), dead.port(), via, &policy(), TunnelLimits::default()).await;
        asked.unwrap_err()
    };
    assert_eq!(ask(None).await, TunnelError { hop: 0, step: TunnelStep::Tcp });
    assert_eq!(ask(Some(&route)).await, TunnelError { hop: 1, step: TunnelStep::Tcp });
    jump.kill();
    assert_eq!(ask(Some(&route)).await, TunnelError { hop: 0, step: TunnelStep::Tcp });
}

#[tokio::test]
async fn d17_an_ssh_server_at_an_address_that_is_not_permitted_is_not_connected_to() {
    let server = SshServer::start(&[]);
    let connections = server.connections();
    let closed = AddressPolicy::default();
    let own = policy().refusing(vec![SocketAddr::new("0.0.0.0".parse().unwrap(), server.port())]);
    let route = Route::new(vec![hop(&server, &ed25519())]).unwrap();
    for policy in [closed, own] {
        let opened = ssh_tunnel::open(&route, &localhost(), 5432, &policy, TunnelLimits::default())
            .await
            .err()
            .unwrap();
        assert!(matches!(opened, TunnelError { hop: 0, step: TunnelStep::Address(_) }), "{opened}");
        let asked = host_key_of(&localhost(), server.port(), None, &policy, TunnelLimits::default()).await;
        assert_eq!(asked, Err(opened));
    }
    assert_eq!(server.connections(), connections);
}
