//! The one-time code that makes the first organization's Owner.

use access_control::{Action, CompleteSetUp, Permit};
use cryptography::Token;
use ids::{Name, OrganizationSlug, RequestId};
use time::OffsetDateTime;

use crate::organizations::establish;
use crate::{Organization, OrganizationError, Store, store};

/// The set-up of a platform that has no organization yet.
#[derive(Clone, Debug)]
pub struct SetUp {
    store: Store,
}

impl SetUp {
    /// The set-up of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// A new code to print, as long as there is no organization. A code printed before stops holding,
    /// so that an old log is worth nothing. Not a change of anything that is audited.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn issue_code(&self, now: OffsetDateTime) -> Result<Option<Token>, OrganizationError> {
        let database = self.store.database();
        if store::set_up::is_complete(database).await? || store::organizations::any_exists(database).await? {
            return Ok(None);
        }
        let code = Token::generate().map_err(OrganizationError::Randomness)?;
        store::set_up::replace(database, code.hash(), now).await?;
        Ok(Some(code))
    }

    /// Whether a code was printed and not used yet.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn is_pending(&self) -> Result<bool, OrganizationError> {
        let database = self.store.database();
        Ok(store::set_up::is_pending(database).await? && !store::organizations::any_exists(database).await?)
    }

    /// Creates the first organization; the person who knows the code becomes its Owner.
    ///
    /// # Errors
    /// The code is wrong or used, the slug is taken, or the store is not available.
    pub async fn create_first(
        &self,
        permit: &Permit<CompleteSetUp>,
        request: RequestId,
        code: &str,
        slug: OrganizationSlug,
        name: Name,
    ) -> Result<Organization, OrganizationError> {
        let code = Token::parse(code).ok_or(OrganizationError::SetUpCodeInvalid)?;
        let change = self.store.begin().await?;
        if !store::set_up::complete(change.transaction(), code.hash(), clock::now()).await? {
            return Err(OrganizationError::SetUpCodeInvalid);
        }
        establish(change, CompleteSetUp::NAME, permit.user(), request, slug, name).await
    }
}
