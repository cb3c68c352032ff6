//! Names, listeners, certificate and store: what nothing works without.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

/// `[platform]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformSection {
    /// The host of the platform itself: sign-in, console, API. A DNS name in lower case.
    #[schemars(example = &"vybe.example.com")]
    pub host: String,
    /// Apps are reached at `<app>-<organization>.<base_domain>`. May be the platform's host, or a domain of its own,
    /// which keeps app code off the platform's site altogether.
    #[schemars(example = &"apps.example.com")]
    pub base_domain: String,
    /// The port in the addresses that people use. Say it wherever that is not 443, also when it is the port of
    /// `listen.https`: a request that names another port is answered 421.
    #[serde(default = "https_port")]
    pub public_port: u16,
}

const fn https_port() -> u16 {
    443
}

/// `[listen]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenSection {
    /// HTTPS for the platform and every app, as address and port. There is no way to serve them over plain HTTP.
    /// A socket that the service manager hands over under the name of one of these keys takes its place
    /// (sd_listen_fds(3); deploy/systemd/vybe.socket).
    #[schemars(example = &"0.0.0.0:443")]
    pub https: SocketAddr,
    /// Plain HTTP that answers every request with a redirect to HTTPS. Not opened when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"0.0.0.0:80")]
    pub redirect: Option<SocketAddr>,
    /// /healthz, /readyz and /metrics over plain HTTP, for an operator's network. Not opened when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"127.0.0.1:9180")]
    pub admin: Option<SocketAddr>,
}

/// `[certificate]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateSection {
    /// The certificate for `platform.host` and `*.<platform.base_domain>`, then those above it (PEM). Read again when
    /// the file changes.
    #[schemars(example = &"/etc/vybe/tls/chain.pem")]
    pub chain: PathBuf,
    /// Its private key (PEM). Read again when the file changes.
    #[schemars(example = &"/etc/vybe/tls/key.pem")]
    pub key: PathBuf,
}

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSection {
    /// `sqlite:/path/to/file.db` or `postgres://user:password@host/database`. A secret, since it may hold a password.
    /// Several `vybe serve` may use one PostgreSQL database; one uses a SQLite file. A PostgreSQL server elsewhere
    /// must prove its name with a certificate (`sslmode=verify-full`, `sslrootcert=/path`).
    #[schemars(example = &"sqlite:/var/lib/vybe/vybe.db")]
    pub url: Secret,
}
