//! The secrets of single people.

use access_control::{ListOwnSecrets, ManageOwnSecrets, Permit};
use ids::SecretId;

use crate::named_secrets::{Author, NamedSecrets};
use crate::{NewSecret, NewSecretValue, Occasion, Owner, Secret, SecretError, Store, Vault};

/// The secrets that people have for themselves in an organization. Nobody else sees or uses them, no deployment
/// gets them, and they end with the membership.
#[derive(Clone)]
pub struct OwnSecrets {
    named: NamedSecrets,
}

impl OwnSecrets {
    /// Secrets in this vault.
    #[must_use]
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { named: NamedSecrets { store, vault } }
    }

    /// One's own secrets in the order in which they were made, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListOwnSecrets>,
        after: Option<SecretId>,
        most: usize,
    ) -> Result<Vec<Secret>, SecretError> {
        self.named.list(Owner::Member(permit.organization(), permit.user()), after, most).await
    }

    /// One of them.
    ///
    /// # Errors
    /// One has no such secret, or the store is not available.
    pub async fn find(&self, permit: &Permit<ListOwnSecrets>, id: SecretId) -> Result<Secret, SecretError> {
        self.named.find(Owner::Member(permit.organization(), permit.user()), id).await
    }

    /// Keeps a new secret.
    ///
    /// # Errors
    /// Kind, name, environment or value are not acceptable; the name is taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageOwnSecrets>,
        new: NewSecret,
        occasion: Occasion,
    ) -> Result<Secret, SecretError> {
        self.named.create(author(permit, occasion), new).await
    }

    /// Puts another value in the place of one. Nothing else changes.
    ///
    /// # Errors
    /// There is no such secret; the value is not acceptable; somebody else replaced it first.
    pub async fn replace(
        &self,
        permit: &Permit<ManageOwnSecrets>,
        id: SecretId,
        new: NewSecretValue,
        occasion: Occasion,
    ) -> Result<Secret, SecretError> {
        self.named.replace(author(permit, occasion), id, new).await
    }

    /// Deletes one with its value.
    ///
    /// # Errors
    /// There is no such secret, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageOwnSecrets>,
        id: SecretId,
        occasion: Occasion,
    ) -> Result<(), SecretError> {
        self.named.delete(author(permit, occasion), id).await
    }
}

fn author(permit: &Permit<ManageOwnSecrets>, occasion: Occasion) -> Author {
    Author::of::<ManageOwnSecrets>(
        permit.user(),
        Owner::Member(permit.organization(), permit.user()),
        occasion,
    )
}
