//! The secrets of organizations.

use std::sync::Arc;

use access_control::{
    Facts, FactsUnavailable, ListSecrets, ManageSecrets, Permit, Principal, ReadApp, Refusal, authorize,
};
use ids::SecretId;

use crate::named_secrets::{Author, NamedSecrets};
use crate::store::secret_uses;
use crate::{NewSecret, NewSecretValue, Occasion, Owner, Secret, SecretError, SecretUse, Store, Vault};

/// The secrets of all organizations. Those of their apps and members are none of these.
#[derive(Clone)]
pub struct Secrets {
    named: NamedSecrets,
    facts: Arc<dyn Facts>,
}

impl Secrets {
    /// Secrets in this vault.
    #[must_use]
    pub fn new(store: Store, vault: Vault, facts: Arc<dyn Facts>) -> Self {
        Self { named: NamedSecrets { store, vault }, facts }
    }

    /// The organization's secrets in the order in which they were made, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListSecrets>,
        after: Option<SecretId>,
        most: usize,
    ) -> Result<Vec<Secret>, SecretError> {
        self.named.list(Owner::Organization(permit.organization()), after, most).await
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such secret of the organization itself, or the store is not available.
    pub async fn find(&self, permit: &Permit<ListSecrets>, id: SecretId) -> Result<Secret, SecretError> {
        self.named.find(Owner::Organization(permit.organization()), id).await
    }

    /// Which apps got it, the latest first; without those that the person may not see.
    ///
    /// # Errors
    /// As [`Secrets::find`].
    pub async fn uses(
        &self,
        permit: &Permit<ListSecrets>,
        id: SecretId,
        occasion: Occasion,
    ) -> Result<Vec<SecretUse>, SecretError> {
        self.find(permit, id).await?;
        let person = Principal::User(permit.actor().clone());
        let mut visible = Vec::new();
        for used in secret_uses::list(self.named.store.database(), id).await? {
            match authorize::<ReadApp>(Some(&person), used.app, &*self.facts, occasion.now) {
                Ok(_) => visible.push(used),
                Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => {}
                Err(Refusal::Unavailable(FactsUnavailable)) => return Err(FactsUnavailable.into()),
            }
        }
        Ok(visible)
    }

    /// Keeps a new secret.
    ///
    /// # Errors
    /// Kind, name, environment or value are not acceptable; the name is taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageSecrets>,
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
        permit: &Permit<ManageSecrets>,
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
        permit: &Permit<ManageSecrets>,
        id: SecretId,
        occasion: Occasion,
    ) -> Result<(), SecretError> {
        self.named.delete(author(permit, occasion), id).await
    }
}

fn author(permit: &Permit<ManageSecrets>, occasion: Occasion) -> Author {
    Author::of::<ManageSecrets>(permit.user(), Owner::Organization(permit.organization()), occasion)
}
