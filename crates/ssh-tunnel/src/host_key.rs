//! What we answer a server: only whether its host key will do, and no to everything that it asks for.

use russh::client::{ChannelOpenHandle, Handler, Msg, Session};
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use russh::{Channel, Names};

use crate::Fingerprint;
use crate::algorithms::{is_complete, is_host_key_type};

/// What a server's host key is compared with.
pub(crate) enum HostKeyCheck {
    /// The one that it must have.
    Pinned(Fingerprint),
    /// None: the session ends as soon as the key is known.
    Ask,
}

/// Why a session ended before it began.
#[derive(Debug)]
pub(crate) enum SessionError {
    /// The host key is another one, or all that we wanted to know.
    HostKey(Fingerprint),
    /// The protocol.
    Ssh,
}

impl From<russh::Error> for SessionError {
    fn from(error: russh::Error) -> Self {
        tracing::debug!(%error, "an SSH session ended");
        Self::Ssh
    }
}

impl Handler for HostKeyCheck {
    type Error = SessionError;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, SessionError> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = presented else { return Err(SessionError::Ssh) };
        if !is_host_key_type(&key.algorithm()) {
            return Err(SessionError::Ssh);
        }
        let presented: Fingerprint =
            key.fingerprint(HashAlg::Sha256).to_string().parse().map_err(|_| SessionError::Ssh)?;
        match self {
            Self::Pinned(pinned) if *pinned == presented => Ok(true),
            Self::Pinned(_) | Self::Ask => Err(SessionError::HostKey(presented)),
        }
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &Names,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        if is_complete(names) { Ok(()) } else { Err(SessionError::Ssh) }
    }

    // A handle that is dropped refuses. The library's own answer to most of these is yes.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), SessionError> {
        Ok(())
    }
}
