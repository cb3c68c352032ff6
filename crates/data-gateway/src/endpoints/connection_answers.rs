//! What goes out about connections: nothing that opens one.

use access_control::UsableBy;
use databases::{ConnectError, Schema};
use endpoint::{Instant, sentence};
use ids::{AppId, ConnectionId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use ssh_tunnel::{Fingerprint, TunnelError, TunnelStep};

use super::connection_bodies::{LimitsBody, TlsBody};
use crate::{ChangedHostKey, Connection, HopAddress, SignedReadOnlyReport, Trial, failed_at};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAnswer {
    id: ConnectionId,
    /// external, organization or internal.
    kind: &'static str,
    /// The app whose database it is; null but for `internal`.
    app_id: Option<AppId>,
    name: String,
    /// postgresql, mysql or redshift.
    engine: &'static str,
    host: String,
    port: u16,
    database: String,
    user: String,
    tls: TlsBody,
    hops: Vec<HopAnswer>,
    read_only: bool,
    limits: LimitsBody,
    /// The apps that may use it, without those that you may not see; null for every app of the organization.
    apps: Option<Vec<AppId>>,
    /// How often it was written.
    version: i64,
    /// The host key that blocks the connection; null if none does.
    changed_host_key: Option<ChangedHostKeyAnswer>,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HopAnswer {
    host: String,
    port: u16,
    user: String,
    /// The fingerprint of the one host key that it may have.
    host_key: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChangedHostKeyAnswer {
    /// Which SSH server has it, counted from 0.
    hop: usize,
    /// Its fingerprint.
    presented: String,
    seen_at: Instant,
}

impl From<Connection> for ConnectionAnswer {
    fn from(connection: Connection) -> Self {
        let definition = connection.definition;
        let destination = definition.destination;
        Self {
            id: connection.id,
            kind: definition.kind.as_str(),
            app_id: definition.kind.app(),
            name: definition.name.to_string(),
            engine: destination.engine.as_str(),
            host: destination.host.to_string(),
            port: destination.port,
            database: destination.database,
            user: destination.user,
            tls: destination.tls.into(),
            hops: destination.hops.into_iter().map(HopAnswer::from).collect(),
            read_only: definition.read_only,
            limits: definition.limits.into(),
            apps: match definition.usable_by {
                UsableBy::EveryApp => None,
                UsableBy::Apps(apps) => Some(apps.into_iter().collect()),
            },
            version: connection.version,
            changed_host_key: connection.changed_host_key.map(ChangedHostKeyAnswer::from),
            created_by: connection.created_by,
            created_at: connection.created_at.into(),
            updated_by: connection.updated_by,
            updated_at: connection.updated_at.into(),
        }
    }
}

impl From<HopAddress> for HopAnswer {
    fn from(hop: HopAddress) -> Self {
        let HopAddress { host, port, user, host_key } = hop;
        Self { host: host.to_string(), port, user, host_key: host_key.to_string() }
    }
}

impl From<ChangedHostKey> for ChangedHostKeyAnswer {
    fn from(changed: ChangedHostKey) -> Self {
        let ChangedHostKey { hop, presented, seen_at } = changed;
        Self { hop, presented: presented.to_string(), seen_at: seen_at.into() }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionsAnswer {
    pub connections: Vec<ConnectionAnswer>,
    pub next_cursor: Option<String>,
}

/// Where the way to a database ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureAnswer {
    /// dns, tcp, ssh, host_key, ssh_login, tls, login or database.
    step: &'static str,
    code: &'static str,
    /// A sentence for people.
    message: String,
    /// The SSH server where that was, counted from 0; null if it was at the database.
    hop: Option<usize>,
    /// The host key that this server has, where that is the reason.
    host_key: Option<String>,
}

impl From<ConnectError> for FailureAnswer {
    fn from(error: ConnectError) -> Self {
        let (step, hop) = failed_at(&error);
        let host_key = match &error {
            ConnectError::Tunnel(TunnelError { step: TunnelStep::HostKey { presented }, .. }) => {
                Some(presented.to_string())
            }
            _ => None,
        };
        Self { step: step.as_str(), code: error.code(), message: sentence(&error), hop, host_key }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialAnswer {
    /// Whether a session was opened.
    ok: bool,
    #[serde(flatten)]
    failure: Option<FailureAnswer>,
}

impl From<Trial> for TrialAnswer {
    fn from(trial: Trial) -> Self {
        let failure = trial.err().map(FailureAnswer::from);
        Self { ok: failure.is_none(), failure }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostKeyAnswer {
    ok: bool,
    /// SHA-256 of its host key, as `ssh-keygen -lf` prints it. Compare it with what the server's operator says, then make the
    /// connection with it.
    fingerprint: Option<String>,
    #[serde(flatten)]
    failure: Option<FailureAnswer>,
}

impl From<Result<Fingerprint, TunnelError>> for HostKeyAnswer {
    fn from(found: Result<Fingerprint, TunnelError>) -> Self {
        match found {
            Ok(fingerprint) => Self { ok: true, fingerprint: Some(fingerprint.to_string()), failure: None },
            Err(error) => {
                Self { ok: false, fingerprint: None, failure: Some(ConnectError::Tunnel(error).into()) }
            }
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaAnswer {
    ok: bool,
    /// `tables` in the order of their names, each with `schema`, `name`, `kind`, `columns`, `primaryKey` and `foreignKeys`;
    /// `truncated`, if there are more. Null if there is no session.
    schema: Option<serde_json::Value>,
    #[serde(flatten)]
    failure: Option<FailureAnswer>,
}

impl SchemaAnswer {
    pub fn read(schema: &Schema) -> Self {
        Self { ok: true, schema: serde_json::to_value(schema).ok(), failure: None }
    }

    pub fn failed(error: ConnectError) -> Self {
        Self { ok: false, schema: None, failure: Some(error.into()) }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExaminationAnswer {
    ok: bool,
    /// `server`, `locks` with `lock`, `holds` and `evidence`, `privileges` of the role, and the `attempts` to write, each with
    /// whether the server was `sent` it and what stopped it. Null if there is no session.
    examination: Option<serde_json::Value>,
    /// The same as an `attestation` with its `signature`, for `vybe audit verify-read-only`. Null if there is no session.
    signed: Option<serde_json::Value>,
    #[serde(flatten)]
    failure: Option<FailureAnswer>,
}

impl ExaminationAnswer {
    pub fn made(signed: &SignedReadOnlyReport) -> Self {
        let examination = serde_json::to_value(&signed.attestation.found.examination).ok();
        Self { ok: true, examination, signed: serde_json::to_value(signed).ok(), failure: None }
    }

    pub fn failed(error: ConnectError) -> Self {
        Self { ok: false, examination: None, signed: None, failure: Some(error.into()) }
    }
}
