//! What the platform connects to: mail server, apps, databases, services.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Period, Secret};

/// `[mail]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailSection {
    /// smtp://host[:port] (STARTTLS, port 587) or smtps://host[:port] (TLS from the start, port 465).
    #[schemars(example = &"smtp://mail.example.com")]
    pub server: String,
    /// The sender of every letter: name@domain, or a name and then <name@domain>.
    #[schemars(example = &"Vybe <vybe@example.com>")]
    pub from: String,
    /// The user name at the server; with `password`, or neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"vybe")]
    pub user: Option<String>,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = Secret::in_file("/etc/vybe/mail-password"))]
    pub password: Option<Secret>,
    /// "required", or "none" for a server at smtp://127.0.0.1, smtp://[::1] or smtp://localhost only. With "required"
    /// nothing is sent to a server that cannot prove its name with a certificate.
    #[serde(default)]
    pub tls: MailTls,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// By TLS, or nothing is sent.
    #[default]
    Required,
    /// Not at all: for a server on this machine.
    None,
}

/// `[upstreams]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamsSection {
    /// Networks of non-public addresses that apps may run on, such as 10.20.0.0/16. Nothing else but public addresses
    /// is connected to.
    pub allowed_networks: Vec<String>,
    /// How long connecting to an app may take.
    pub connect_timeout: Period,
    /// How long an app may take to begin its answer.
    pub answer_timeout: Period,
    /// How long a WebSocket may be silent in both directions.
    pub idle_timeout: Period,
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

/// `[database_connections]`
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConnectionsSection {
    /// Networks of non-public addresses that databases, and the SSH servers before them, may have. Nothing else but
    /// public addresses is connected to, and never what the platform itself listens on.
    pub allowed_networks: Vec<String>,
}

/// `[services]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServicesSection {
    /// Networks of non-public addresses that services may have, those of custom APIs among them. Nothing else but
    /// public addresses is connected to, and never what the platform itself listens on.
    pub allowed_networks: Vec<String>,
    /// A PEM file of authorities that services may have certificates of, besides those of the public internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/vybe/services-authorities.pem")]
    pub extra_authorities: Option<PathBuf>,
    /// How long a call of an app may take, to the last byte of its answer.
    pub answer_timeout: Period,
    /// The largest answer to a call of an app, in bytes.
    pub largest_answer: u64,
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
