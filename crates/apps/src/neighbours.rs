//! What this crate needs of those who know people and organizations. They are wired together in the
//! control plane, so that none imports another.

use std::collections::HashMap;

use access_control::{FactsUnavailable, Role};
use async_trait::async_trait;
use audit::Change;
use ids::{EmailAddress, OrganizationId, OrganizationSlug, UserId};

/// Why a neighbour did not answer. It is logged, never shown.
pub type NeighbourError = Box<dyn std::error::Error + Send + Sync>;

/// A person as an app of theirs may know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName {
    /// The verified e-mail address.
    pub email: EmailAddress,
    /// The name.
    pub name: String,
}

/// Whoever knows people.
#[async_trait]
pub trait People: Send + Sync {
    /// The person, unless there is none.
    ///
    /// # Errors
    /// The store is not available.
    async fn person(&self, user: UserId) -> Result<Option<PersonName>, NeighbourError>;
}

/// Whoever knows what organizations are called.
pub trait OrganizationSlugs: Send + Sync {
    /// The organization's slug, unless there is no such organization. It never changes.
    ///
    /// # Errors
    /// It is not known at the moment.
    fn slug(&self, organization: OrganizationId) -> Result<Option<OrganizationSlug>, FactsUnavailable>;
}

/// Whoever knows who belongs to an organization.
#[async_trait]
pub trait Memberships: Send + Sync {
    /// The members with their roles, none when there is no such organization, as they stay until the change
    /// ends.
    ///
    /// # Errors
    /// The store is not available.
    async fn locked(
        &self,
        change: &Change,
        organization: OrganizationId,
    ) -> Result<HashMap<UserId, Role>, NeighbourError>;
}
