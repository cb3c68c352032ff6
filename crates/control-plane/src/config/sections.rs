//! The sections of the configuration, with their defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Period, Secret};

/// `[platform]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformSection {
    /// The host of the platform itself.
    pub host: String,
    /// Apps are reached at `<app>-<organization>.<base_domain>`.
    pub base_domain: String,
    /// The port in the addresses that people use.
    #[serde(default = "https_port")]
    pub public_port: u16,
}

/// `[listen]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSection {
    /// HTTPS for the platform and the apps.
    pub https: SocketAddr,
    /// Plain HTTP that only answers with a redirect to HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<SocketAddr>,
    /// Health, readiness and metrics; plain HTTP on an operator's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
}

/// `[certificate]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSection {
    /// The certificate and those above it (PEM). Read again when it changes.
    pub chain: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSection {
    /// `sqlite:<path>` or `postgres://…`. A secret, since it may hold a password.
    pub url: Secret,
}

/// `[secrets]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsSection {
    /// 32 bytes in base64, which wrap every data key. There is one unless a key in `transit` wraps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<Secret>,
    /// Those that were the master key before: they only unwrap.
    pub former_master_keys: Vec<Secret>,
    /// The master key in a key management service, instead of `master_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transit: Option<TransitSection>,
    /// One that was the master key before: it only unwraps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_transit: Option<TransitSection>,
    /// How old the key of an organization, or of the platform itself, becomes before a successor takes over.
    pub rotate_organization_keys: Period,
}

impl SecretsSection {
    /// Names the variable that holds the master key when nothing else is said.
    pub(super) fn fill(&mut self) {
        if self.transit.is_none() && self.master_key.is_none() {
            self.master_key = Some(Secret::Env("VYBE_MASTER_KEY".to_owned()));
        }
    }
}

/// `[secrets.transit]` and `[secrets.former_transit]`: a key of the transit engine of HashiCorp Vault or OpenBao.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransitSection {
    /// `https://host:port`.
    pub address: String,
    /// What the key is called there.
    pub key: String,
    /// At which path the engine is mounted.
    #[serde(default = "transit_mount")]
    pub mount: String,
    /// In which namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The token, read again when the service refuses it.
    pub token: Secret,
    /// How long one question may take.
    #[serde(default = "transit_timeout")]
    pub timeout: Period,
}

fn transit_mount() -> String {
    "transit".to_owned()
}

fn transit_timeout() -> Period {
    Period::seconds(10)
}

/// `[sign_in]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInSection {
    /// Sign-in with Google.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleSection>,
    /// Sign-in with any other OpenID provider, by a name of one's own.
    pub provider: BTreeMap<String, ProviderSection>,
    /// More authorities to trust when talking to providers, apps and the mail server (PEM), besides Mozilla's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_authorities: Option<PathBuf>,
}

impl SignInSection {
    /// Whether anybody can sign in.
    #[must_use]
    pub fn has_provider(&self) -> bool {
        self.google.is_some() || !self.provider.is_empty()
    }
}

/// `[sign_in.google]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleSection {
    /// The OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// When not empty, only people with one of these hosted domains (the claim `hd`) get in.
    #[serde(default)]
    pub hosted_domains: Vec<String>,
    /// What shows that a person has just signed in again there.
    #[serde(default = "by_prompt")]
    pub reauthentication: Reauthentication,
}

fn by_prompt() -> Reauthentication {
    Reauthentication::Prompt
}

/// `[sign_in.provider.<id>]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSection {
    /// The words on the button.
    pub name: String,
    /// The issuer; its discovery document is below it.
    pub issuer: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// When not empty, only people with one of these hosted domains (the claim `hd`) get in.
    #[serde(default)]
    pub hosted_domains: Vec<String>,
    /// What shows that a person has just signed in again there.
    #[serde(default)]
    pub reauthentication: Reauthentication,
}

/// What shows that a person has just signed in again, for pages that ask for a recent sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reauthentication {
    /// The signed claim `auth_time`.
    #[default]
    AuthTime,
    /// That the provider was asked to show its page: for providers that leave `auth_time` out.
    Prompt,
}

impl From<Reauthentication> for identity::Reauthentication {
    fn from(configured: Reauthentication) -> Self {
        match configured {
            Reauthentication::AuthTime => Self::AuthTime,
            Reauthentication::Prompt => Self::Prompt,
        }
    }
}

/// `[sessions]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsSection {
    /// A session ends when it was not used for so long.
    pub idle: Period,
    /// A session ends so long after sign-in, used or not.
    pub absolute: Period,
}

/// `[user_tokens]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserTokensSection {
    /// One session's requests to one app share a token for so long.
    pub reuse: Period,
    /// The key that signs them is replaced when it is so old.
    pub rotate: Period,
}

/// `[organizations]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrganizationsSection {
    /// Whoever signs in and belongs to no organization gets one of their own.
    pub personal: bool,
}

/// `[decisions]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionsSection {
    /// Which decisions about requests for apps are kept.
    pub record: RecordedDecisions,
    /// For how long.
    pub keep: Period,
}

/// Which decisions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum RecordedDecisions {
    /// All of them.
    All,
    /// Those that refused.
    Refused,
}

impl From<RecordedDecisions> for decisions::Recording {
    fn from(recorded: RecordedDecisions) -> Self {
        match recorded {
            RecordedDecisions::All => Self::All,
            RecordedDecisions::Refused => Self::Refused,
        }
    }
}

/// `[mail]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSection {
    /// `smtp://host[:port]` or `smtps://host[:port]`.
    pub server: String,
    /// The sender of every letter.
    pub from: String,
    /// The user name at the server, if it asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Whether letters may leave without TLS.
    #[serde(default)]
    pub tls: MailTls,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// By TLS, or nothing is sent.
    #[default]
    Required,
    /// Not at all: for a server on this machine.
    None,
}

/// `[audit]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// How often the ends of the chains that have grown are signed.
    pub heads_every: Period,
    /// The file, outside of the database, that signed heads are appended to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads_file: Option<PathBuf>,
    /// The syslog server that gets every record: `udp://`, `tcp://` or `tls://host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<String>,
    /// The HTTP endpoint that gets every record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSection>,
}

/// `[audit.webhook]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// Where. A secret, since such addresses often hold one.
    pub url: Secret,
    /// The secret that signs.
    pub secret: Secret,
}

/// `[upstreams]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamsSection {
    /// Networks of private addresses that apps may run on, such as `10.20.0.0/16`.
    pub allowed_networks: Vec<String>,
    /// How long connecting may take.
    pub connect_timeout: Period,
    /// How long the head of an answer may take.
    pub answer_timeout: Period,
    /// How long a WebSocket may be silent in both directions.
    pub idle_timeout: Period,
}

/// `[database_connections]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConnectionsSection {
    /// Networks of private addresses that databases and their SSH servers may have, such as `10.20.0.0/16`.
    pub allowed_networks: Vec<String>,
}

/// `[services]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServicesSection {
    /// Networks of private addresses that services may have, such as `10.20.0.0/16`.
    pub allowed_networks: Vec<String>,
    /// A PEM file of authorities that services may have certificates of, besides those of the public internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_authorities: Option<PathBuf>,
    /// How long a call of an app may take, to the last byte of its answer.
    pub answer_timeout: Period,
    /// The largest answer to a call of an app, in bytes.
    pub largest_answer: u64,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    /// Threads that serve requests; one per core when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroUsize>,
    /// Connections open at a time, per worker.
    pub connections_per_worker: NonZeroUsize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Period,
    /// How long the head of a request may take.
    pub head_timeout: Period,
    /// How long a body for the platform itself may take. Bodies for apps have no such bound.
    pub body_timeout: Period,
    /// How long a client may accept nothing of what is sent to it.
    pub write_timeout: Period,
    /// How long an idle connection stays open.
    pub keep_alive: Period,
    /// How long requests under way may take after the signal to stop.
    pub drain: Period,
    /// Whether the process's memory, which holds keys, may be written to a core dump or read by a debugger.
    pub core_dumps: bool,
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,middleware=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

const fn https_port() -> u16 {
    443
}

impl Default for SecretsSection {
    fn default() -> Self {
        Self {
            master_key: None,
            former_master_keys: Vec::new(),
            transit: None,
            former_transit: None,
            rotate_organization_keys: Period::days(365),
        }
    }
}

impl Default for SessionsSection {
    fn default() -> Self {
        Self { idle: Period::days(7), absolute: Period::days(30) }
    }
}

impl Default for UserTokensSection {
    fn default() -> Self {
        Self { reuse: Period::seconds(30), rotate: Period::days(30) }
    }
}

impl Default for OrganizationsSection {
    fn default() -> Self {
        Self { personal: true }
    }
}

impl Default for DecisionsSection {
    fn default() -> Self {
        Self { record: RecordedDecisions::All, keep: Period::days(30) }
    }
}

impl Default for AuditSection {
    fn default() -> Self {
        Self { heads_every: Period::seconds(300), heads_file: None, syslog: None, webhook: None }
    }
}

impl Default for UpstreamsSection {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            connect_timeout: Period::seconds(5),
            answer_timeout: Period::seconds(780),
            idle_timeout: Period::seconds(3600),
        }
    }
}

impl Default for ServicesSection {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            extra_authorities: None,
            answer_timeout: Period::seconds(60),
            largest_answer: 64 << 20,
        }
    }
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            workers: None,
            connections_per_worker: NonZeroUsize::new(25_000).unwrap_or(NonZeroUsize::MIN),
            handshake_timeout: Period::seconds(10),
            head_timeout: Period::seconds(10),
            body_timeout: Period::seconds(20),
            write_timeout: Period::seconds(60),
            keep_alive: Period::seconds(75),
            drain: Period::seconds(20),
            core_dumps: false,
        }
    }
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".to_owned() }
    }
}
