//! Why there is no session with a database.

use ssh_tunnel::{TunnelError, TunnelStep};

/// Which step failed, and why. No text of a server is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The name of the database's host does not resolve.
    #[error("the name of the database's host does not resolve")]
    Name,
    /// The address may not be connected to.
    #[error("the database's host has an address that may not be connected to: {0}")]
    Address(outbound::Refused),
    /// Nothing answers at the database's address.
    #[error("nothing answers at the database's address and port")]
    Tcp,
    /// The tunnel.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// The server does not speak TLS.
    #[error("the database server does not offer TLS")]
    NoTls,
    /// The certificate does not hold.
    #[error("the database server's certificate is refused: {0}")]
    Certificate(&'static str),
    /// The server does not accept user and password.
    #[error("the database server does not accept the user and password")]
    Login,
    /// The server takes the password over TLS only.
    #[error("the database server takes this user's password over TLS only")]
    LoginNeedsTls,
    /// There is no such database, or the user may not open it.
    #[error("there is no such database, or the user may not open it")]
    Database,
    /// The server takes no more sessions.
    #[error("the database server takes no more sessions")]
    Full,
    /// What answers does not speak the database's protocol as it should.
    #[error("what answers there does not speak the protocol of this kind of database")]
    Protocol,
    /// The session could not be made read-only.
    #[error("the session could not be made read-only")]
    ReadOnly,
    /// It took too long.
    #[error("the database server took too long to answer")]
    Timeout,
}

/// The steps to a session, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Names become addresses, and these are judged.
    Dns,
    /// A connection.
    Tcp,
    /// SSH is spoken.
    Ssh,
    /// The SSH server is the right one.
    HostKey,
    /// The SSH server lets us in.
    SshLogin,
    /// TLS is spoken, and the certificate holds.
    Tls,
    /// The database server lets us in.
    Login,
    /// The database opens.
    Database,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Dns,
        Self::Tcp,
        Self::Ssh,
        Self::HostKey,
        Self::SshLogin,
        Self::Tls,
        Self::Login,
        Self::Database,
    ];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Ssh => "ssh",
            Self::HostKey => "host_key",
            Self::SshLogin => "ssh_login",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Database => "database",
        }
    }
}

impl ConnectError {
    /// The step that failed.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Name | Self::Address(_) => Step::Dns,
            Self::Tcp | Self::Timeout => Step::Tcp,
            Self::Tunnel(TunnelError { step, .. }) => match step {
                TunnelStep::Name | TunnelStep::Address(_) => Step::Dns,
                TunnelStep::Tcp | TunnelStep::Timeout | TunnelStep::Forward | TunnelStep::Behind => Step::Tcp,
                TunnelStep::Ssh => Step::Ssh,
                TunnelStep::HostKey { .. } => Step::HostKey,
                TunnelStep::Key | TunnelStep::Passphrase | TunnelStep::Login => Step::SshLogin,
            },
            Self::NoTls | Self::Certificate(_) => Step::Tls,
            Self::Login | Self::LoginNeedsTls | Self::Full | Self::Protocol => Step::Login,
            Self::Database | Self::ReadOnly => Step::Database,
        }
    }

    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name => "database_name_unresolved",
            Self::Address(_) => "database_address_refused",
            Self::Tcp => "database_unreachable",
            Self::Tunnel(TunnelError { step, .. }) => match step {
                TunnelStep::Name => "ssh_name_unresolved",
                TunnelStep::Address(_) => "ssh_address_refused",
                TunnelStep::Tcp => "ssh_unreachable",
                TunnelStep::Ssh => "ssh_protocol",
                TunnelStep::HostKey { .. } => "ssh_host_key_changed",
                TunnelStep::Key => "ssh_private_key",
                TunnelStep::Passphrase => "ssh_passphrase",
                TunnelStep::Login => "ssh_login",
                TunnelStep::Forward => "ssh_forward",
                TunnelStep::Behind => "database_unreachable",
                TunnelStep::Timeout => "ssh_timeout",
            },
            Self::NoTls => "database_without_tls",
            Self::Certificate(_) => "database_certificate",
            Self::Login => "database_login",
            Self::LoginNeedsTls => "database_login_needs_tls",
            Self::Database => "database_missing",
            Self::Full => "database_full",
            Self::Protocol => "database_protocol",
            Self::ReadOnly => "database_not_read_only",
            Self::Timeout => "database_timeout",
        }
    }
}
