//! Named secrets: what people keep in the vault, by name, and what is shown of them.

use access_control::Environment;
use cryptography::SecretBytes;
use ids::{AppId, Name, SecretId, UserId};
use time::OffsetDateTime;

use crate::value::{fields, mask};
use crate::{GivenValue, Kind, Owner, SecretError, variable};

/// Where a secret belongs, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretScope {
    /// The whole organization.
    Organization,
    /// One app.
    App,
    /// One person in one organization.
    Personal,
}

impl SecretScope {
    /// The word used on the wire and in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::App => "app",
            Self::Personal => "personal",
        }
    }

    /// Whether secrets of this kind belong here.
    #[must_use]
    pub const fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::EnvironmentVariable | Kind::ConnectionString | Kind::SshPrivateKey => {
                !matches!(self, Self::Personal)
            }
            Kind::ApiKey | Kind::BearerToken | Kind::BasicCredentials => true,
            Kind::OauthTokenSet => !matches!(self, Self::App),
            // Only the crates that make them keep these.
            Kind::DatabaseCredentials
            | Kind::AccountCredentials
            | Kind::OauthClientSecret
            | Kind::CustomApiCredentials
            | Kind::ServerSecret
            | Kind::UserTokenKey
            | Kind::RootKey => false,
        }
    }

    /// Whether secrets of this kind become variables of apps.
    #[must_use]
    pub const fn injects(self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (
                Self::Organization | Self::App,
                Kind::EnvironmentVariable | Kind::ApiKey | Kind::BearerToken | Kind::BasicCredentials
            )
        )
    }

    /// The scope of an owner; none of the platform.
    #[must_use]
    pub const fn of(owner: Owner) -> Option<Self> {
        match owner {
            Owner::Platform => None,
            Owner::Organization(_) => Some(Self::Organization),
            Owner::App(..) => Some(Self::App),
            Owner::Member(..) => Some(Self::Personal),
        }
    }
}

/// What is known about a secret without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its identifier.
    pub id: SecretId,
    /// What it belongs to.
    pub owner: Owner,
    /// What it is.
    pub kind: Kind,
    /// Its name, once among those of its owner.
    pub name: String,
    /// Which deployments get it; none, if it is not injected.
    pub environment: Option<Environment>,
    /// The variable that it becomes, if it is injected.
    pub variable: Option<String>,
    /// The end of the value, where it may be shown.
    pub tail: Option<String>,
    /// How often it was written.
    pub version: i64,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Who wrote its value last.
    pub updated_by: UserId,
    /// When its value was written last.
    pub updated_at: OffsetDateTime,
    /// When an app got it last.
    pub last_injected_at: Option<OffsetDateTime>,
}

impl Secret {
    /// What is shown in place of the value.
    #[must_use]
    pub fn mask(&self) -> String {
        mask(self.tail.as_deref())
    }

    /// What is sealed: the value, and before it what it is for. This row says that, too, but whoever writes to the
    /// database writes this row.
    pub(crate) fn bound(&self, value: &SecretBytes) -> SecretBytes {
        fields::join(&[self.purpose().as_bytes(), value.reveal()])
    }

    /// The value, if it was sealed for what this row says.
    pub(crate) fn unbound(&self, opened: &SecretBytes) -> Option<SecretBytes> {
        let [purpose, value] = fields::split(opened)?;
        (purpose == self.purpose().as_bytes()).then(|| SecretBytes::copy_of(value))
    }

    fn purpose(&self) -> String {
        format!("{}/{}", self.environment.map(Environment::as_str).unwrap_or_default(), self.name)
    }
}

/// A secret to keep.
pub struct NewSecret {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Which deployments get it.
    pub environment: Option<Environment>,
    /// The value.
    pub value: GivenValue,
}

/// Another value for a secret.
pub struct NewSecretValue {
    /// The value.
    pub value: GivenValue,
    /// The version that it takes the place of; any, if nobody says.
    pub expected_version: Option<i64>,
}

/// That an app got a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// The app.
    pub app: AppId,
    /// Which version it got last.
    pub version: i64,
    /// Who deployed it.
    pub injected_by: UserId,
    /// When.
    pub injected_at: OffsetDateTime,
}

/// A name that fits its kind, and what it excludes.
pub(crate) struct Naming {
    pub(crate) name: String,
    pub(crate) variable: Option<String>,
    /// No two secrets of one owner have the same.
    pub(crate) slot: String,
}

impl Naming {
    /// Checks that such a secret may belong here under this name.
    pub(crate) fn check(
        scope: SecretScope,
        kind: Kind,
        name: &str,
        environment: Option<Environment>,
    ) -> Result<Self, SecretError> {
        if !scope.takes(kind) {
            return Err(SecretError::Scope(scope, kind));
        }
        if !scope.injects(kind) {
            if environment.is_some() {
                return Err(SecretError::EnvironmentUnexpected);
            }
            let name = name.parse::<Name>().map_err(SecretError::Name)?.to_string();
            let slot = format!("{}/{}", kind.as_str(), name.to_lowercase());
            return Ok(Self { name, variable: None, slot });
        }
        let environment = environment.ok_or(SecretError::EnvironmentMissing)?;
        let name = if kind == Kind::EnvironmentVariable {
            name.to_owned()
        } else {
            name.parse::<Name>().map_err(SecretError::Name)?.to_string()
        };
        let key = variable::key_of(kind, &name).map_err(SecretError::Variable)?;
        let key = key.ok_or(SecretError::EnvironmentUnexpected)?;
        let slot = format!("{}/{key}", environment.as_str());
        let visible = variable::visible_name(kind, &name, &key);
        Ok(Self { name, variable: Some(visible), slot })
    }
}
