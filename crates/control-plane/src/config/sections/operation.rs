//! Sizes, patience and the log.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Period;

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    /// Threads that serve requests; one per core when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 4)]
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
    /// How long everybody is still served after the signal to stop (SIGTERM, SIGINT) while /readyz says 503 and each
    /// answer ends its connection, so that a load balancer and its clients have found another server before this one
    /// closes: longer than the balancer takes to notice. A second signal ends the wait. None when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = Period::seconds(5))]
    pub notice: Option<Period>,
    /// How long requests under way may take after that.
    pub drain: Period,
    /// Whether the process's memory, which holds keys, may be written to a core dump or read by a debugger.
    pub core_dumps: bool,
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
            notice: None,
            drain: Period::seconds(20),
            core_dumps: false,
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// "json", one object a line, or "text" for people.
    pub format: LogFormat,
    /// error, warn, info, debug, trace, or directives such as "info,middleware=debug".
    pub level: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".to_owned() }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}
