//! What is kept of what happened.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Period, Secret};

/// `[decisions]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionsSection {
    /// Which decisions about requests for apps are kept: "all", or "refused" for those that refused only.
    pub record: RecordedDecisions,
    /// How long. All of a busy platform's decisions take about 1 KB each.
    pub keep: Period,
}

impl Default for DecisionsSection {
    fn default() -> Self {
        Self { record: RecordedDecisions::All, keep: Period::days(30) }
    }
}

/// Which decisions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
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

/// `[audit]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// How often the ends of the audit trail's chains are signed; at least 1s. Signatures are made at every stop and
    /// every export, too. Checked with `vybe audit verify` and the key that `vybe audit public-key` prints.
    pub heads_every: Period,
    /// The file that signed heads are appended to, best on another machine's disk: with it, a database that was
    /// rolled back or rewritten is noticed at the next signature (metric vybe_audit_broken) and by every verification
    /// that is given the file. Heads are only kept in the database when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/var/lib/vybe/audit-heads.jsonl")]
    pub heads_file: Option<PathBuf>,
    /// Every record of the trail is passed on to a syslog server (RFC 5424): tls://host:port or tcp://host:port, with
    /// octet counting (RFC 6587), or udp://host:port, which loses what is lost on the way. A record is sent again
    /// until the server has read the connection to its end, so that it may come twice. Not passed on when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tls://logs.example.com:6514")]
    pub syslog: Option<String>,
    /// Every record is passed on to an HTTP endpoint, signed (Standard Webhooks), in batches, and again until the
    /// endpoint answers 2xx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSection>,
}

impl Default for AuditSection {
    fn default() -> Self {
        Self { heads_every: Period::seconds(300), heads_file: None, syslog: None, webhook: None }
    }
}

/// `[audit.webhook]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// https:// only, or http:// on this machine. Redirects are not followed. A secret, since such addresses often
    /// hold one.
    #[schemars(example = Secret::environment("VYBE_AUDIT_WEBHOOK_URL"))]
    pub url: Secret,
    /// `whsec_` and 24 to 64 random bytes in base64 (`echo whsec_$(openssl rand -base64 32)`).
    #[schemars(example = Secret::environment("VYBE_AUDIT_WEBHOOK_SECRET"))]
    pub secret: Secret,
}
