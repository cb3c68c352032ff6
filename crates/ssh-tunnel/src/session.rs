//! One SSH session, from the first byte to the channel that leads on.

use std::sync::Arc;
use std::time::Duration;

use outbound::Host;
use russh::client::{AuthResult, Handle, connect_stream};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{ChannelOpenFailure, Error};
use tokio::time::timeout;

use crate::algorithms::config;
use crate::host_key::{HostKeyCheck, SessionError};
use crate::transport::{Ended, Hold, Line, Transport};
use crate::{Fingerprint, TunnelLimits, TunnelStep, TunnelStream};

/// A session with a server whose host key is the pinned one.
pub(crate) struct Session {
    handle: Handle<HostKeyCheck>,
    hold: Hold,
    ended: Ended,
}

/// Why a session leads nowhere.
pub(crate) enum NoForward {
    /// The server could not connect to it.
    Unreachable,
    /// Something else.
    Step(TunnelStep),
}

impl Session {
    /// Agrees on keys. Nothing that says who we are is sent.
    pub(crate) async fn begin(
        line: Line,
        host_key: Fingerprint,
        limits: TunnelLimits,
    ) -> Result<Self, TunnelStep> {
        match Self::negotiate(line, HostKeyCheck::Pinned(host_key), limits).await? {
            Ok(session) => Ok(session),
            Err(presented) => Err(TunnelStep::HostKey { presented }),
        }
    }

    /// The server's host key, which it has proven to have.
    pub(crate) async fn host_key(line: Line, limits: TunnelLimits) -> Result<Fingerprint, TunnelStep> {
        match Self::negotiate(line, HostKeyCheck::Ask, limits).await? {
            Ok(_) => Err(TunnelStep::Ssh),
            Err(presented) => Ok(presented),
        }
    }

    async fn negotiate(
        line: Line,
        check: HostKeyCheck,
        limits: TunnelLimits,
    ) -> Result<Result<Self, Fingerprint>, TunnelStep> {
        let (transport, hold, ended) = Transport::new(line);
        let config = Arc::new(config(limits.silence));
        match timeout(limits.key_exchange, connect_stream(config, transport, check)).await {
            Ok(Ok(handle)) => Ok(Ok(Self { handle, hold, ended })),
            Ok(Err(SessionError::HostKey(presented))) => Ok(Err(presented)),
            Ok(Err(SessionError::Ssh)) => Err(TunnelStep::Ssh),
            Err(_) => {
                hold.cut();
                Err(TunnelStep::Timeout)
            }
        }
    }

    /// Proves who we are.
    pub(crate) async fn sign_in(
        &mut self,
        user: &str,
        key: Arc<PrivateKey>,
        within: Duration,
    ) -> Result<(), TunnelStep> {
        let signing_in = async {
            for hash in self.hashes(&key).await? {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
                match self.handle.authenticate_publickey(user, key).await {
                    Ok(AuthResult::Success) => return Ok(()),
                    Ok(AuthResult::Failure { .. }) if !self.handle.is_closed() => {}
                    Ok(AuthResult::Failure { .. }) | Err(_) => return Err(TunnelStep::Ssh),
                }
            }
            Err(TunnelStep::Login)
        };
        timeout(within, signing_in).await.unwrap_or(Err(TunnelStep::Timeout))
    }

    /// What the key signs with, in the order of trying. What a server says that it knows is not always what it takes;
    /// SHA-1 is not an answer.
    async fn hashes(&self, key: &PrivateKey) -> Result<Vec<Option<HashAlg>>, TunnelStep> {
        if !key.algorithm().is_rsa() {
            return Ok(vec![None]);
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(Some(HashAlg::Sha256))) => Ok(vec![Some(HashAlg::Sha256)]),
            Ok(Some(Some(_)) | None) => Ok(vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)]),
            Ok(Some(None)) => Ok(vec![]),
            Err(_) => Err(TunnelStep::Ssh),
        }
    }

    /// A stream to a host behind the server.
    pub(crate) async fn forward(
        self,
        host: &Host,
        port: u16,
        within: Duration,
    ) -> Result<TunnelStream, NoForward> {
        let opening =
            self.handle.channel_open_direct_tcpip(host.to_string(), u32::from(port), "127.0.0.1", 0_u32);
        match timeout(within, opening).await {
            Ok(Ok(channel)) => Ok(TunnelStream::new(channel, self.handle, self.ended, self.hold)),
            Ok(Err(Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed))) => {
                Err(NoForward::Unreachable)
            }
            Ok(Err(Error::ChannelOpenFailure(_))) => Err(NoForward::Step(TunnelStep::Forward)),
            Ok(Err(_)) => Err(NoForward::Step(TunnelStep::Ssh)),
            Err(_) => {
                self.hold.cut();
                Err(NoForward::Step(TunnelStep::Timeout))
            }
        }
    }
}
