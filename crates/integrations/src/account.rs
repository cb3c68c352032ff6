//! Accounts at services, without what proves them.

use std::collections::BTreeSet;

use access_control::UsableBy;
use catalogue::{ServiceKey, Values};
use ids::{AccountId, Name, OrganizationId, SecretId, UserId};
use secrets_vault::{Kind, NewValue, Owner};
use time::OffsetDateTime;

use crate::ReconnectCause;

/// An account at a service, connected for an organization or for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its identifier; it stays when the account is connected again.
    pub id: AccountId,
    /// In which organization it may be used.
    pub organization: OrganizationId,
    /// At which service.
    pub service: ServiceKey,
    /// Whose it is.
    pub holder: AccountHolder,
    /// What people call it.
    pub name: Name,
    /// The values that the entry asked for, or that the service said.
    pub values: Values,
    /// The scopes that the service was asked for.
    pub asked_scopes: BTreeSet<String>,
    /// The scopes that the service granted, as far as it says.
    pub scopes: BTreeSet<String>,
    /// Which apps may use it.
    pub usable_by: UsableBy,
    /// Whether pages of these apps may use it, too, and not only their servers.
    pub from_pages: bool,
    /// Whether it works.
    pub state: AccountState,
    /// How often it was written by people.
    pub version: i64,
    /// What proves it, in the vault.
    pub credentials: SecretId,
    /// How often its tokens were replaced.
    pub generation: i64,
    /// When the access token ends, by the store's clock, in milliseconds since 1970; none if nobody said.
    pub expires_at: Option<i64>,
    /// Why the last refresh failed, if no new tokens came since then: a stable name, and after it the service's word.
    pub failure: Option<String>,
    /// When a person consented last.
    pub consented_at: OffsetDateTime,
    /// Who connected it.
    pub created_by: UserId,
    /// When it was first connected.
    pub created_at: OffsetDateTime,
    /// Who changed it last.
    pub updated_by: UserId,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// Whose an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountHolder {
    /// Everybody's in the organization, as far as their apps may use it.
    Shared,
    /// One person's: only calls on behalf of that person use it.
    Personal(UserId),
}

/// Whether an account works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// As far as is known.
    Active,
    /// A person has to connect it again.
    NeedsReconnect(ReconnectCause),
}

impl Account {
    /// What its credentials belong to.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        match self.holder {
            AccountHolder::Shared => Owner::Organization(self.organization),
            AccountHolder::Personal(user) => Owner::Member(self.organization, user),
        }
    }

    /// Where its credentials are in the vault.
    #[must_use]
    pub const fn place(&self) -> NewValue {
        NewValue { id: self.credentials, owner: self.owner(), kind: Kind::AccountCredentials }
    }
}

impl AccountHolder {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Personal(_) => "personal",
        }
    }

    /// The person.
    #[must_use]
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::Shared => None,
            Self::Personal(user) => Some(user),
        }
    }
}

impl AccountState {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NeedsReconnect(_) => "needs_reconnect",
        }
    }

    /// Why a person has to connect it again.
    #[must_use]
    pub const fn cause(self) -> Option<ReconnectCause> {
        match self {
            Self::Active => None,
            Self::NeedsReconnect(cause) => Some(cause),
        }
    }
}
