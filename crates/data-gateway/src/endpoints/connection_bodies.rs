//! What comes in about connections. Passwords and keys come in and never go out.

use access_control::UsableBy;
use databases::{Engine, Limits};
use endpoint::Problem;
use ids::AppId;
use schemars::JsonSchema;
use secrets_vault::SecretText;
use serde::{Deserialize, Serialize};

use crate::{ConnectionKind, GivenConnection, GivenDestination, GivenHop, TlsMode};

/// The port that SSH servers usually have.
const SSH_PORT: u16 = 22;

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$own_doc:meta])* $own:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Deserialize, JsonSchema)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub struct $name {
                $($(#[$own_doc])* $own: $type,)*
                /// Once among the connections of its kind; apps name it so. Case makes no difference.
                name: String,
                engine: EngineBody,
                /// A domain name or an address; behind SSH servers, as the last of them sees it.
                host: String,
                /// 5432, 3306 or 5439 by its engine, if it is left out.
                port: Option<u16>,
                database: String,
                user: String,
                /// Never answered again. Left out, the stored one stays: only when neither host, port, database, user, TLS
                /// nor SSH servers change.
                password: Option<SecretText>,
                /// `verify-full` with the authorities of the public internet, if it is left out.
                tls: Option<TlsBody>,
                /// The SSH servers on the way, one behind the other; at most four.
                #[serde(default)]
                hops: Vec<HopBody>,
                /// Whether nothing may be written.
                read_only: bool,
                limits: Option<LimitsBody>,
                /// The apps that may use it; every app of the organization, if it is left out.
                apps: Option<Vec<AppId>>,
            }

            impl From<$name> for GivenConnection {
                fn from(body: $name) -> Self {
                    let engine = Engine::from(body.engine);
                    Self {
                        name: body.name,
                        destination: GivenDestination {
                            engine,
                            host: body.host,
                            port: body.port.unwrap_or(engine.usual_port()),
                            database: body.database,
                            user: body.user,
                            tls: body.tls.map_or(TlsMode::VerifyFull { authorities: None }, TlsMode::from),
                            hops: body.hops.into_iter().map(GivenHop::from).collect(),
                        },
                        password: body.password.map(SecretText::into_bytes),
                        read_only: body.read_only,
                        limits: body.limits.map(Limits::from).unwrap_or_default(),
                        usable_by: body
                            .apps
                            .map_or(UsableBy::EveryApp, |apps| UsableBy::Apps(apps.into_iter().collect())),
                    }
                }
            }
        )*
    };
}

bodies! {
    /// A new connection.
    NewBody {
        kind: KindBody,
        /// The app whose database it is: for `internal`, and only there.
        app_id: Option<AppId>,
    }
    /// Another definition for a connection.
    ReplaceBody {
        /// The version that it takes the place of: 409 if it is another one by now. Any, if left out.
        expected_version: Option<i64>,
    }
    /// A connection to try.
    GivenBody {}
}

impl NewBody {
    /// Which kind of connection, and what it is.
    pub fn given(self) -> Result<(ConnectionKind, GivenConnection), Problem> {
        let kind = match (self.kind, self.app_id) {
            (KindBody::External, None) => ConnectionKind::External,
            (KindBody::Organization, None) => ConnectionKind::Organization,
            (KindBody::Internal, Some(app)) => ConnectionKind::Internal { app },
            (KindBody::Internal, None) => {
                return Err(Problem::invalid(
                    "invalid_connection",
                    "appId: say of which app the database is.",
                ));
            }
            (_, Some(_)) => {
                return Err(Problem::invalid(
                    "invalid_connection",
                    "appId: only for connections of the kind internal.",
                ));
            }
        };
        Ok((kind, self.into()))
    }
}

impl ReplaceBody {
    /// What it is, and the version that it takes the place of.
    pub fn given(self) -> (GivenConnection, Option<i64>) {
        let expected_version = self.expected_version;
        (self.into(), expected_version)
    }
}

/// The kinds of connections.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ConnectionKind")]
pub enum KindBody {
    /// A customer's database.
    External,
    /// A database of the whole organization.
    Organization,
    /// The database of one app.
    Internal,
}

/// The kinds of databases.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DatabaseEngine")]
pub enum EngineBody {
    Postgresql,
    Mysql,
    Redshift,
}

impl From<EngineBody> for Engine {
    fn from(body: EngineBody) -> Self {
        match body {
            EngineBody::Postgresql => Self::Postgresql,
            EngineBody::Mysql => Self::Mysql,
            EngineBody::Redshift => Self::Redshift,
        }
    }
}

/// How the conversation with the database is protected. The audit trail keeps the reason for less than `verify-full`.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "DatabaseTls")]
pub enum TlsBody {
    /// The certificate is of a known authority and names the host.
    VerifyFull {
        /// Authorities in PEM; those of the public internet, if it is left out.
        authorities: Option<String>,
    },
    /// The certificate is of this authority, whatever name it has.
    VerifyCa {
        /// Authorities in PEM.
        authorities: String,
        /// 10 to 500 characters.
        reason: String,
    },
    /// Encrypted for whoever answers.
    Require {
        /// 10 to 500 characters.
        reason: String,
    },
    /// In clear text.
    Off {
        /// 10 to 500 characters.
        reason: String,
    },
}

impl From<TlsBody> for TlsMode {
    fn from(body: TlsBody) -> Self {
        match body {
            TlsBody::VerifyFull { authorities } => Self::VerifyFull { authorities },
            TlsBody::VerifyCa { authorities, reason } => Self::VerifyCa { authorities, reason },
            TlsBody::Require { reason } => Self::Require { reason },
            TlsBody::Off { reason } => Self::Off { reason },
        }
    }
}

impl From<TlsMode> for TlsBody {
    fn from(mode: TlsMode) -> Self {
        match mode {
            TlsMode::VerifyFull { authorities } => Self::VerifyFull { authorities },
            TlsMode::VerifyCa { authorities, reason } => Self::VerifyCa { authorities, reason },
            TlsMode::Require { reason } => Self::Require { reason },
            TlsMode::Off { reason } => Self::Off { reason },
        }
    }
}

/// An SSH server on the way.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SshServer")]
pub struct HopBody {
    host: String,
    /// 22, if it is left out.
    port: Option<u16>,
    user: String,
    /// The fingerprint of its host key: `SHA256:` and 43 characters.
    host_key: String,
    /// In OpenSSH's format; never answered again. Left out, the stored one stays, as with the password.
    private_key: Option<SecretText>,
    /// Of the private key, if it is encrypted.
    passphrase: Option<SecretText>,
}

impl From<HopBody> for GivenHop {
    fn from(body: HopBody) -> Self {
        Self {
            host: body.host,
            port: body.port.unwrap_or(SSH_PORT),
            user: body.user,
            host_key: body.host_key,
            private_key: body.private_key.map(SecretText::into_bytes),
            passphrase: body.passphrase.map(SecretText::into_bytes),
        }
    }
}

/// How much a connection gives at once.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DatabaseLimits")]
pub struct LimitsBody {
    /// The most rows of one answer: 1 to 100,000,000.
    most_rows: u64,
    /// The most bytes of one answer: 1,024 to 1,099,511,627,776.
    most_bytes: u64,
    /// The longest a statement may run: 100 to 720,000.
    most_milliseconds: u32,
    /// The most sessions with the database: 1 to 200.
    most_sessions: u16,
}

impl From<LimitsBody> for Limits {
    fn from(body: LimitsBody) -> Self {
        let LimitsBody { most_rows, most_bytes, most_milliseconds, most_sessions } = body;
        Self { most_rows, most_bytes, most_milliseconds, most_sessions }
    }
}

impl From<Limits> for LimitsBody {
    fn from(limits: Limits) -> Self {
        let Limits { most_rows, most_bytes, most_milliseconds, most_sessions } = limits;
        Self { most_rows, most_bytes, most_milliseconds, most_sessions }
    }
}

/// Which SSH server's host key is wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostKeyBody {
    pub host: String,
    /// 22, if it is left out.
    pub port: Option<u16>,
    /// The SSH servers before it, with private keys.
    #[serde(default)]
    pub via: Vec<HopBody>,
}

/// Which host key is right.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmBody {
    /// Of which SSH server, counted from 0.
    pub hop: usize,
    /// The one that was seen, to pin it; or the one that is pinned, to go on with it.
    pub host_key: String,
}
