//! The tables of this crate. The only room that knows them.

pub(crate) mod groups;
pub(crate) mod invitations;
pub(crate) mod members;
pub(crate) mod organizations;
mod records;
pub(crate) mod retired_slugs;
pub(crate) mod set_up;
mod tables;

use std::str::FromStr;

use access_control::{Action, InOrganization, Permit, Refusal};
use audit::{Change, Journal};
use ids::OrganizationId;
use sea_orm::{DatabaseConnection, DatabaseTransaction};

use crate::OrganizationError;

pub use records::{load, load_all};

/// Where organizations are kept: reads go to the database, changes through the journal.
#[derive(Clone, Debug)]
pub struct Store {
    journal: Journal,
    database: DatabaseConnection,
}

impl Store {
    /// A store on this database, whose journal is `journal`.
    #[must_use]
    pub fn new(journal: Journal, database: DatabaseConnection) -> Self {
        Self { journal, database }
    }

    pub(crate) fn database(&self) -> &DatabaseConnection {
        &self.database
    }

    pub(crate) async fn begin(&self) -> Result<Change, OrganizationError> {
        Ok(self.journal.begin().await?)
    }

    /// Begins a change of an organization that no other change of it can interleave with.
    ///
    /// The permit was decided on facts of a moment ago. Now that nobody else can change the
    /// organization, the actor's role is read again: two people who demote each other at once do not
    /// both succeed.
    pub(crate) async fn begin_locked<A: Action<Scope = InOrganization>>(
        &self,
        permit: &Permit<A>,
    ) -> Result<Change, OrganizationError> {
        let change = self.begin().await?;
        lock(&change, permit).await?;
        Ok(change)
    }
}

/// What [`Store::begin_locked`] does, in a change that has begun.
pub(crate) async fn lock<A: Action<Scope = InOrganization>>(
    change: &Change,
    permit: &Permit<A>,
) -> Result<(), OrganizationError> {
    lock_organization(change, permit.organization()).await?;
    confirm(change.transaction(), permit).await
}

/// Waits until no other change of this organization, its members or its groups is under way, and keeps
/// others waiting until this one ends.
///
/// # Errors
/// There is no such organization, or the store is not available.
pub async fn lock_organization(change: &Change, id: OrganizationId) -> Result<(), OrganizationError> {
    organizations::lock(change.transaction(), id).await
}

/// Reads the actor's role again, inside a change that has locked the organization.
pub(crate) async fn confirm<A: Action<Scope = InOrganization>>(
    transaction: &DatabaseTransaction,
    permit: &Permit<A>,
) -> Result<(), OrganizationError> {
    let role = members::role(transaction, permit.organization(), permit.user())
        .await?
        .ok_or(OrganizationError::Refused(Refusal::NotFound))?;
    if A::RULE.contains(&role) { Ok(()) } else { Err(OrganizationError::Refused(Refusal::Forbidden)) }
}

/// Reads a text of a table as what it was written from.
fn read<T: FromStr>(table: &'static str, text: &str) -> Result<T, OrganizationError> {
    text.parse().map_err(|_| OrganizationError::Unreadable(table))
}

/// A uniqueness constraint becomes `conflict`; anything else is the store's failure.
fn unless_unique(error: sea_orm::DbErr, conflict: OrganizationError) -> OrganizationError {
    match error.sql_err() {
        Some(sea_orm::SqlErr::UniqueConstraintViolation(_)) => conflict,
        _ => OrganizationError::Store(error),
    }
}
