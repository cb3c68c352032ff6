//! Where a tunnel ended before it began.

use crate::Fingerprint;

/// Why there is no tunnel. No text of a server is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SSH server {}: {step}", hop + 1)]
pub struct TunnelError {
    /// Which SSH server, counted from 0.
    pub hop: usize,
    /// How far it came.
    pub step: TunnelStep,
}

/// How far a tunnel came, and what stopped it there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TunnelStep {
    /// The name does not resolve.
    #[error("its name does not resolve")]
    Name,
    /// The address may not be connected to.
    #[error("{0}")]
    Address(outbound::Refused),
    /// No connection.
    #[error("it does not answer")]
    Tcp,
    /// What answers does not speak SSH as it should.
    #[error("what answers there does not agree on SSH with us")]
    Ssh,
    /// The host key is not the pinned one. Nothing was sent.
    #[error("its host key is {presented}, not the one that was confirmed")]
    HostKey {
        /// The key that it has now.
        presented: Fingerprint,
    },
    /// The private key is none that we use: broken, not in OpenSSH's format, of an old type, too short, too costly.
    #[error(
        "its private key is not one that can be used: expected Ed25519, ECDSA or RSA in OpenSSH's format"
    )]
    Key,
    /// The private key does not open with this passphrase, or without one.
    #[error("its private key does not open with this passphrase")]
    Passphrase,
    /// The server does not accept user and key.
    #[error("it does not accept the user and key")]
    Login,
    /// The server does not forward to the next place.
    #[error("it does not forward to what lies behind it")]
    Forward,
    /// The server forwards, but nothing answers it there.
    #[error("it reaches nothing at the address and port behind it")]
    Behind,
    /// It took too long.
    #[error("it took too long")]
    Timeout,
}
