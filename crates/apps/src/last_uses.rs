//! When server secrets were last used: kept in memory, since requests must not wait for the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ids::ServerSecretId;
use time::OffsetDateTime;

/// What was used since it was last written down.
#[derive(Default)]
pub(crate) struct LastUses {
    noted: Mutex<HashMap<ServerSecretId, OffsetDateTime>>,
}

impl LastUses {
    /// An app has proved itself with this secret.
    pub(crate) fn note(&self, secret: ServerSecretId, now: OffsetDateTime) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).insert(secret, now);
    }

    /// The latest use that is known, here or in the store.
    pub(crate) fn latest(
        &self,
        secret: ServerSecretId,
        stored: Option<OffsetDateTime>,
    ) -> Option<OffsetDateTime> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner).get(&secret).copied();
        noted.max(stored)
    }

    /// What has to be written down, which is then forgotten here.
    pub(crate) fn take(&self) -> HashMap<ServerSecretId, OffsetDateTime> {
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
