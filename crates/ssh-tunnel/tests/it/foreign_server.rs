//! Servers that are not OpenSSH, and do what it would not.

use std::borrow::Cow;
use std::sync::Arc;

use russh::keys::{HashAlg, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, Error, MethodKind, MethodSet, Preferred, cipher, kex};
use ssh_tunnel::{Hop, TunnelStep};
use test_support::SshKey;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::fixture::{ed25519, eventually, hop_to, open, refusal};

/// Lets everybody in, says who came, and hands out its side of the session once a channel is open.
#[derive(Clone)]
struct Server {
    named: mpsc::UnboundedSender<String>,
    sessions: mpsc::UnboundedSender<Handle>,
}

impl Handler for Server {
    type Error = Error;

    async fn auth_publickey(&mut self, user: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        self.named.send(user.to_owned()).unwrap();
        Ok(Auth::Accept)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Error> {
        reply.accept().await;
        let _ = self.sessions.send(session.handle());
        Ok(())
    }
}

struct Running {
    hop: Hop,
    named: mpsc::UnboundedReceiver<String>,
    sessions: mpsc::UnboundedReceiver<Handle>,
}

async fn start(preferred: Preferred) -> Running {
    let host_key = PrivateKey::from_openssh(SshKey::generate(&["-t", "ed25519"], "").private).unwrap();
    let fingerprint = host_key.fingerprint(HashAlg::Sha256).to_string();
    let config = Arc::new(Config {
        keys: vec![host_key],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        preferred,
        ..Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hop = hop_to(listener.local_addr().unwrap().port(), &fingerprint, &ed25519());
    let (named, names) = mpsc::unbounded_channel();
    let (handles, sessions) = mpsc::unbounded_channel();
    let server = Server { named, sessions: handles };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (config, server) = (Arc::clone(&config), server.clone());
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, stream, server).await {
                    let _ = session.await;
                }
            });
        }
    });
    Running { hop, named: names, sessions }
}

#[tokio::test]
async fn d16_without_strict_key_exchange_only_aes_gcm_will_do() {
    let target = "127.0.0.1:1".parse().unwrap();
    const STRICT: &[kex::Name] = &[kex::CURVE25519, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER];
    const LAX: &[kex::Name] = &[kex::CURVE25519];
    for (exchanges, cipher, will_do) in [
        (STRICT, cipher::CHACHA20_POLY1305, true),
        (STRICT, cipher::AES_256_CTR, true),
        (STRICT, cipher::AES_256_GCM, true),
        (LAX, cipher::AES_256_GCM, true),
        (LAX, cipher::AES_128_GCM, true),
        (LAX, cipher::CHACHA20_POLY1305, false),
        (LAX, cipher::AES_256_CTR, false),
    ] {
        let preferred = Preferred {
            kex: Cow::Borrowed(exchanges),
            cipher: Cow::Owned(vec![cipher]),
            ..Preferred::default()
        };
        let mut server = start(preferred).await;
        if will_do {
            assert!(open(vec![server.hop], target).await.is_ok(), "{cipher:?}");
            assert!(server.named.recv().await.is_some());
        } else {
            assert_eq!(refusal(vec![server.hop], target).await, (0, TunnelStep::Ssh), "{cipher:?}");
            assert!(server.named.try_recv().is_err());
        }
    }
}

#[tokio::test]
async fn d16_a_server_gets_no_agent_and_no_other_channel_from_us() {
    let mut server = start(Preferred::default()).await;
    let stream = open(vec![server.hop], "127.0.0.1:1".parse().unwrap()).await.unwrap();
    let session = server.sessions.recv().await.unwrap();
    let refused = |opened: Result<Channel<Msg>, Error>| matches!(opened, Err(Error::ChannelOpenFailure(_)));
    assert!(refused(eventually(session.channel_open_agent()).await));
    assert!(refused(eventually(session.channel_open_session()).await));
    assert!(refused(eventually(session.channel_open_x11("127.0.0.1", 6000)).await));
    assert!(refused(eventually(session.channel_open_direct_tcpip("127.0.0.1", 5432, "127.0.0.1", 1)).await));
    assert!(refused(eventually(session.channel_open_direct_streamlocal("/run/agent")).await));
    assert!(refused(
        eventually(session.channel_open_forwarded_tcpip("127.0.0.1", 5432, "127.0.0.1", 1)).await
    ));
    assert!(refused(eventually(session.channel_open_forwarded_streamlocal("/run/agent")).await));
    drop(stream);
}
