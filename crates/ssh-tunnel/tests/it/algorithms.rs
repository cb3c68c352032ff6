//! What we agree to.

use ssh_tunnel::{TunnelLimits, TunnelStep, host_key_of};
use test_support::SshServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::fixture::{answers, echo, ed25519, hop, localhost, open, policy, refusal};

#[tokio::test]
async fn d16_only_strong_algorithms_are_offered_and_strict_key_exchange_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(
        async move { host_key_of(&localhost(), port, None, &policy(), TunnelLimits::default()).await },
    );
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"SSH-2.0-test\r\n").await.unwrap();
    let mut greeting = Vec::new();
    while greeting.last() != Some(&b'\n') {
        greeting.push(stream.read_u8().await.unwrap());
    }
    assert_eq!(greeting, b"SSH-2.0-vybe\r\n");
    let length = stream.read_u32().await.unwrap() as usize;
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await.unwrap();

    // Length of the padding, number of the message, 16 random bytes, ten lists of names (RFC 4253, section 7.1).
    let mut rest = &packet[18..];
    let lists: [Vec<String>; 8] = std::array::from_fn(|_| {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let (names, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        rest = after;
        std::str::from_utf8(names).unwrap().split(',').map(str::to_owned).collect()
    });
    let [exchanges, host_keys, to_server, to_client, codes, codes_back, compression, compression_back] =
        lists;
    assert!(exchanges.contains(&"kex-strict-c-v00@openssh.com".to_owned()), "{exchanges:?}");
    for list in [&exchanges, &host_keys, &to_server, &to_client, &codes, &codes_back] {
        for name in list {
            let weak =
                ["sha1", "cbc", "none", "md5", "group1-", "ssh-rsa", "ssh-dss", "cert", "arcfour", "3des"];
            assert!(!weak.iter().any(|weak| name.contains(weak)), "{name}");
        }
    }
    assert_eq!(to_server, to_client);
    assert_eq!(to_server[..2], ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"]);
    assert_eq!(compression, ["none"]);
    assert_eq!(compression_back, ["none"]);
}

#[tokio::test]
async fn every_strong_algorithm_works_with_openssh() {
    let target = echo().await;
    for settings in [
        &["Ciphers aes128-gcm@openssh.com"][..],
        &["Ciphers chacha20-poly1305@openssh.com"],
        &["Ciphers aes256-ctr", "MACs hmac-sha2-512-etm@openssh.com"],
        &["Ciphers aes192-ctr", "MACs hmac-sha2-256-etm@openssh.com"],
        &["Ciphers aes128-ctr", "MACs hmac-sha2-256"],
        &["KexAlgorithms curve25519-sha256@libssh.org"],
        &["KexAlgorithms ecdh-sha2-nistp256"],
        &["KexAlgorithms ecdh-sha2-nistp521"],
        &["KexAlgorithms diffie-hellman-group14-sha256"],
    ] {
        let server = SshServer::start(settings);
        let opened = open(vec![hop(&server, &ed25519())], target).await;
        answers(&mut opened.unwrap_or_else(|error| panic!("{settings:?}: {error}"))).await;
    }
}

#[tokio::test]
async fn aes_gcm_is_what_is_agreed_on_when_the_server_leaves_the_choice() {
    let server = SshServer::start(&[]);
    answers(&mut open(vec![hop(&server, &ed25519())], echo().await).await.unwrap()).await;
    for direction in ["client->server", "server->client"] {
        server.wait_for_log(&format!("kex: {direction} cipher: aes256-gcm@openssh.com"));
    }
}

#[tokio::test]
async fn d16_a_server_that_knows_only_weak_algorithms_is_refused() {
    let target = echo().await;
    let rsa = &[&["-t", "rsa", "-b", "3072"][..]];
    let ed25519_only = &[&["-t", "ed25519"][..]];
    for (host_keys, settings) in [
        (&rsa[..], &["HostKeyAlgorithms ssh-rsa"][..]),
        (ed25519_only, &["KexAlgorithms diffie-hellman-group14-sha1"]),
        (ed25519_only, &["Ciphers aes256-cbc"]),
        (ed25519_only, &["Ciphers aes256-ctr", "MACs hmac-sha1"]),
    ] {
        let server = SshServer::with_host_keys(host_keys, settings);
        let hop = hop(&server, &ed25519());
        assert_eq!(refusal(vec![hop], target).await, (0, TunnelStep::Ssh), "{settings:?}");
        assert!(!server.log().contains("userauth-request"), "{}", server.log());
    }
}
