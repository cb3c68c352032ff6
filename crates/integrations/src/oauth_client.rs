//! What an organization is registered as at a service, without the secret.

use std::collections::BTreeSet;

use catalogue::ServiceKey;
use ids::{OauthClientId, OrganizationId, SecretId, UserId};
use secrets_vault::{Kind, NewValue, Owner};
use time::OffsetDateTime;

/// What an organization is registered as at a service (RFC 6749, 2.2). There is one for each service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthClient {
    /// Its identifier here.
    pub id: OauthClientId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// At which service.
    pub service: ServiceKey,
    /// Its identifier there; of OAuth 1.0a, the consumer key.
    pub client_id: String,
    /// The scopes that are asked for, if whoever connects does not choose; empty for those of the entry.
    pub scopes: BTreeSet<String>,
    /// How often it was written.
    pub version: i64,
    /// Its secret, in the vault.
    pub secret: SecretId,
    /// Who registered it here.
    pub created_by: UserId,
    /// When.
    pub created_at: OffsetDateTime,
    /// Who changed it last.
    pub updated_by: UserId,
    /// When.
    pub updated_at: OffsetDateTime,
}

impl OauthClient {
    /// What its secret belongs to.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        Owner::Organization(self.organization)
    }

    /// Where its secret is in the vault.
    #[must_use]
    pub const fn place(&self) -> NewValue {
        NewValue { id: self.secret, owner: self.owner(), kind: Kind::OauthClientSecret }
    }
}
