//! What this crate needs of those who know people and those who know apps. They are wired together in
//! the control plane, so that neither imports the other.

use std::collections::HashMap;

use async_trait::async_trait;
use audit::Change;
use ids::{DataKeyId, EmailAddress, OrganizationId, UserId};
use time::OffsetDateTime;

/// Why a neighbour did not answer. It is logged, never shown.
pub type NeighbourError = Box<dyn std::error::Error + Send + Sync>;

/// A person as shown to fellow members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName {
    /// The verified e-mail address.
    pub email: EmailAddress,
    /// The name.
    pub name: String,
    /// The address of a picture.
    pub picture: Option<String>,
}

/// Whoever knows people.
#[async_trait]
pub trait People: Send + Sync {
    /// Those of these people who exist.
    ///
    /// # Errors
    /// The store is not available.
    async fn people(&self, users: &[UserId]) -> Result<HashMap<UserId, PersonName>, NeighbourError>;

    /// The person with this verified e-mail address.
    ///
    /// # Errors
    /// The store is not available.
    async fn with_email(&self, email: &EmailAddress) -> Result<Option<UserId>, NeighbourError>;
}

/// What went with an organization.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    /// How many apps.
    pub apps: u64,
    /// The data keys that were destroyed.
    pub data_keys: Vec<DataKeyId>,
    /// How many sealed values.
    pub values: u64,
}

/// Whoever keeps something that must end with a membership or an organization, such as grants and apps: a
/// person who is invited again starts from nothing.
#[async_trait]
pub trait Departures: Send + Sync {
    /// Forgets what this organization gave this person, within the change that ends the membership.
    ///
    /// # Errors
    /// The store is not available; the membership then stays.
    async fn forget_member(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), NeighbourError>;

    /// Forgets everything of this organization, within the change that deletes it, and destroys its keys.
    ///
    /// # Errors
    /// The store is not available; the organization then stays.
    async fn forget_organization(
        &self,
        change: &Change,
        organization: OrganizationId,
        now: OffsetDateTime,
    ) -> Result<Gone, NeighbourError>;
}
