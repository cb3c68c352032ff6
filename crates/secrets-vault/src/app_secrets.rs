//! The secrets of single apps.

use access_control::{ListAppSecrets, ManageAppSecrets, Permit};
use ids::SecretId;

use crate::named_secrets::{Author, NamedSecrets};
use crate::store::secret_uses;
use crate::{NewSecret, NewSecretValue, Occasion, Owner, Secret, SecretError, SecretUse, Store, Vault};

/// The secrets of all apps. Whoever may not see an app has no permit for it.
#[derive(Clone)]
pub struct AppSecrets {
    named: NamedSecrets,
}

impl AppSecrets {
    /// Secrets in this vault.
    #[must_use]
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { named: NamedSecrets { store, vault } }
    }

    /// The app's secrets in the order in which they were made, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListAppSecrets>,
        after: Option<SecretId>,
        most: usize,
    ) -> Result<Vec<Secret>, SecretError> {
        self.named.list(Owner::App(permit.organization(), permit.app()), after, most).await
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such secret of this app, or the store is not available.
    pub async fn find(&self, permit: &Permit<ListAppSecrets>, id: SecretId) -> Result<Secret, SecretError> {
        self.named.find(Owner::App(permit.organization(), permit.app()), id).await
    }

    /// When the app got it last, if ever.
    ///
    /// # Errors
    /// As [`AppSecrets::find`].
    pub async fn uses(
        &self,
        permit: &Permit<ListAppSecrets>,
        id: SecretId,
    ) -> Result<Vec<SecretUse>, SecretError> {
        self.find(permit, id).await?;
        Ok(secret_uses::list(self.named.store.database(), id).await?)
    }

    /// Keeps a new secret.
    ///
    /// # Errors
    /// Kind, name, environment or value are not acceptable; the name is taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageAppSecrets>,
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
        permit: &Permit<ManageAppSecrets>,
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
        permit: &Permit<ManageAppSecrets>,
        id: SecretId,
        occasion: Occasion,
    ) -> Result<(), SecretError> {
        self.named.delete(author(permit, occasion), id).await
    }
}

fn author(permit: &Permit<ManageAppSecrets>, occasion: Occasion) -> Author {
    Author::of::<ManageAppSecrets>(permit.user(), Owner::App(permit.organization(), permit.app()), occasion)
}
