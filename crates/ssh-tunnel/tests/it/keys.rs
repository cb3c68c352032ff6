//! Who signs in, with which key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptography::SecretBytes;
use ssh_tunnel::TunnelStep;
use test_support::{SshKey, SshServer};

use crate::fixture::{answers, echo, ed25519, hop, open, refusal, secret};

#[tokio::test]
async fn every_type_of_key_signs_in() {
    let server = SshServer::start(&[]);
    let target = echo().await;
    for arguments in [
        &["-t", "ed25519"][..],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "4096"],
    ] {
        let key = SshKey::generate(arguments, "");
        let opened = open(vec![hop(&server, &key)], target).await;
        answers(&mut opened.unwrap_or_else(|error| panic!("{arguments:?}: {error}"))).await;
        server.wait_for_log(&format!("Accepted publickey for {}", SshServer::user()));
    }
}

#[tokio::test]
async fn rsa_signs_with_the_kind_of_sha2_that_the_server_takes_and_never_with_sha1() {
    let key = SshKey::generate(&["-t", "rsa", "-b", "2048"], "");
    let target = echo().await;
    for accepted in ["rsa-sha2-512", "rsa-sha2-256"] {
        let server = SshServer::start(&[&format!("PubkeyAcceptedAlgorithms {accepted}")]);
        answers(&mut open(vec![hop(&server, &key)], target).await.unwrap()).await;
    }
    let old = SshServer::start(&["PubkeyAcceptedAlgorithms ssh-rsa"]);
    assert_eq!(refusal(vec![hop(&old, &key)], target).await, (0, TunnelStep::Login));
    assert!(!old.log().contains("pkalg ssh-rsa"), "{}", old.log());
}

#[tokio::test]
async fn an_encrypted_key_opens_with_its_passphrase_and_with_no_other() {
    let server = SshServer::start(&[]);
    let target = echo().await;
    for arguments in [&["-t", "ed25519", "-a", "2"][..], &["-t", "rsa", "-b", "2048", "-a", "2"]] {
        let key = SshKey::generate(arguments, "korrekt & geheim");
        let mut hop = hop(&server, &key);
        let connections = server.connections();
        for wrong in [None, secret("korrekt"), secret(""), secret("korrekt & geheim ")] {
            hop.passphrase = wrong;
            assert_eq!(refusal(vec![hop.clone()], target).await, (0, TunnelStep::Passphrase));
        }
        // Nobody was connected to.
        assert_eq!(server.connections(), connections);
        hop.passphrase = secret("korrekt & geheim");
        answers(&mut open(vec![hop], target).await.unwrap()).await;
    }
}

#[tokio::test]
async fn what_is_no_private_key_is_said_before_anything_is_sent() {
    let server = SshServer::start(&[]);
    let target = echo().await;
    let key = ed25519();
    let costly = SshKey::generate(&["-t", "ed25519", "-a", "101"], "passphrase");
    let small = SshKey::generate(&["-t", "rsa", "-b", "1024"], "");
    let old = SshKey::generate(&["-t", "rsa", "-b", "2048", "-m", "PEM"], "");
    let begun = "-----BEGIN OPENSSH PRIVATE KEY-----";
    for text in [&key.public, "", begun, &costly.private, &small.private, &old.private] {
        let mut hop = hop(&server, &key);
        hop.private_key = Arc::new(SecretBytes::copy_of(text.as_bytes()));
        hop.passphrase = secret("passphrase");
        let good = crate::fixture::hop(&server, &key);
        assert_eq!(refusal(vec![good, hop], target).await, (1, TunnelStep::Key), "{text}");
    }
    assert!(!server.log().contains("userauth-request"), "{}", server.log());
}

#[tokio::test]
async fn a_key_or_user_that_the_server_does_not_know_is_a_refused_login() {
    let server = SshServer::start(&[]);
    let target = echo().await;
    let known = hop(&server, &ed25519());
    let mut other_key = known.clone();
    other_key.private_key = Arc::new(SecretBytes::copy_of(ed25519().private.as_bytes()));
    assert_eq!(refusal(vec![other_key], target).await, (0, TunnelStep::Login));
    let mut other_user = known.clone();
    other_user.user = "nobody-of-this-name".to_owned();
    assert_eq!(refusal(vec![other_user], target).await, (0, TunnelStep::Login));
    answers(&mut open(vec![known], target).await.unwrap()).await;
}

#[tokio::test]
async fn a_key_whose_number_begins_with_zeros_signs_in() {
    let server = SshServer::start(&[]);
    let target = echo().await;
    // Every 256th key: OpenSSH writes its number without the zeros.
    let short = loop {
        let key = SshKey::generate(&["-t", "ecdsa", "-b", "256"], "");
        if number_of_p256(&key.private).len() < 32 {
            break key;
        }
    };
    for passphrase in ["", "korrekt"] {
        let short = short.with_passphrase(passphrase);
        let mut hop = hop(&server, &short);
        hop.passphrase = secret(passphrase).filter(|_| !passphrase.is_empty());
        answers(&mut open(vec![hop.clone()], target).await.unwrap()).await;
        if !passphrase.is_empty() {
            hop.passphrase = secret("falsch");
            assert_eq!(refusal(vec![hop], target).await, (0, TunnelStep::Passphrase));
        }
    }
}

/// The secret number of a key that is not encrypted, as it is written (PROTOCOL.key of OpenSSH).
fn number_of_p256(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = STANDARD.decode(body).unwrap();
    let mut outer = &bytes["openssh-key-v1\0".len()..];
    // Cipher, derivation, its options.
    for _ in 0..3 {
        field(&mut outer);
    }
    // How many keys there are, and the public one.
    outer = &outer[4..];
    field(&mut outer);
    // Two check numbers, type, curve, point.
    let mut private = &field(&mut outer)[8..];
    for _ in 0..3 {
        field(&mut private);
    }
    field(&mut private).to_vec()
}

fn field<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, after) = rest.split_first_chunk::<4>().unwrap();
    let (field, after) = after.split_at(u32::from_be_bytes(*length) as usize);
    *rest = after;
    field
}
