//! The database that is talked to.

use cryptography::SecretBytes;
use outbound::Host;
use ssh_tunnel::Route;

use crate::{Engine, Limits};

/// Where a database is, and under which conditions it is talked to.
#[derive(Clone)]
pub struct Target {
    /// Its kind.
    pub engine: Engine,
    /// Its host; behind a tunnel, as the last SSH server sees it.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The name of the database. Taken as it is: no driver reads options out of it.
    pub database: String,
    /// Who signs in. Taken as it is.
    pub user: String,
    /// How the conversation is protected.
    pub tls: Tls,
    /// The SSH servers on the way, if there are any.
    pub route: Option<Route>,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// How much it gives.
    pub limits: Limits,
}

/// What opens a database.
pub struct Credentials {
    /// The user's password.
    pub password: SecretBytes,
}

/// How a conversation with a database is protected. There is no form that falls back to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The certificate is of a known authority and names the host (PostgreSQL's `verify-full`).
    Full {
        /// Authorities in PEM; those of the public internet, if there are none.
        authorities: Option<String>,
    },
    /// The certificate is of this authority, whatever name it has (`verify-ca`).
    Authority {
        /// Authorities in PEM.
        authorities: String,
    },
    /// Encrypted for whoever answers (`require`).
    Unverified,
    /// In clear text.
    Off,
}
