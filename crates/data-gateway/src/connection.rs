//! Connections to databases, without what opens them.

use access_control::UsableBy;
use databases::Limits;
use ids::{AppId, ConnectionId, Name, OrganizationId, SecretId, UserId};
use secrets_vault::Owner;
use serde::{Deserialize, Serialize};
use ssh_tunnel::Fingerprint;
use time::OffsetDateTime;

use crate::Destination;

/// What is known about a connection without opening its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its identifier.
    pub id: ConnectionId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it is.
    pub definition: Definition,
    /// How often it was written.
    pub version: i64,
    /// What opens it, in the vault.
    pub(crate) credentials: SecretId,
    /// The host key that an SSH server has now in place of the confirmed one. Until somebody has looked at it, nothing is
    /// connected to.
    pub changed_host_key: Option<ChangedHostKey>,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Who changed it last.
    pub updated_by: UserId,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// All that makes a connection what it is. It is sealed together with its password: whoever writes to the tables can
/// neither point a password at another host nor widen what the connection gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Definition {
    /// What kind of connection it is.
    pub kind: ConnectionKind,
    /// Its name, once among those of its kind in the organization.
    pub name: Name,
    /// The database.
    pub destination: Destination,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// How much it gives.
    pub limits: Limits,
    /// Who may use it.
    pub usable_by: UsableBy,
}

/// The kinds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConnectionKind {
    /// A customer's database.
    External,
    /// A database of the whole organization.
    Organization,
    /// The database of one app.
    Internal {
        /// The app.
        app: AppId,
    },
}

/// A host key that is not the confirmed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedHostKey {
    /// Which SSH server has it, counted from 0.
    pub hop: usize,
    /// The key.
    pub presented: Fingerprint,
    /// When it was first seen.
    pub seen_at: OffsetDateTime,
}

impl ConnectionKind {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Organization => "organization",
            Self::Internal { .. } => "internal",
        }
    }

    /// The app whose database it is.
    #[must_use]
    pub const fn app(self) -> Option<AppId> {
        match self {
            Self::External | Self::Organization => None,
            Self::Internal { app } => Some(app),
        }
    }
}

impl Definition {
    /// What no two connections of one kind in one organization have alike.
    pub(crate) fn slot(&self) -> String {
        slot(self.name.as_str())
    }

    /// Whose key seals its credentials, and with what they go.
    pub(crate) const fn owner(&self, organization: OrganizationId) -> Owner {
        match self.kind {
            ConnectionKind::External | ConnectionKind::Organization => Owner::Organization(organization),
            ConnectionKind::Internal { app } => Owner::App(organization, app),
        }
    }

    /// Whether more apps may use it than before, or whether it may write what could only be read.
    pub(crate) fn gives_more_than(&self, before: &Self) -> bool {
        self.usable_by.gives_more_than(&before.usable_by) || (before.read_only && !self.read_only)
    }

    /// What of it is not what was sealed, in the words of the API. Apps that are gone since then are no difference.
    pub(crate) fn differences(&self, sealed: &Self) -> Vec<&'static str> {
        let (here, there) = (&self.destination, &sealed.destination);
        [
            ("kind", self.kind == sealed.kind),
            ("name", self.name == sealed.name),
            ("engine", here.engine == there.engine),
            ("host", here.host == there.host),
            ("port", here.port == there.port),
            ("database", here.database == there.database),
            ("user", here.user == there.user),
            ("tls", here.tls == there.tls),
            ("hops", here.hops == there.hops),
            ("readOnly", self.read_only == sealed.read_only),
            ("limits", self.limits == sealed.limits),
            ("apps", self.usable_by.is_or_was(&sealed.usable_by)),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }
}

impl Connection {
    /// Whose key seals its credentials.
    pub(crate) const fn owner(&self) -> Owner {
        self.definition.owner(self.organization)
    }
}

/// A name as it is looked up: case makes no difference.
pub(crate) fn slot(name: &str) -> String {
    name.trim().to_lowercase()
}
