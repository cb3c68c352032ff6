//! Turns in writing: a change of an organization waits for every other one of it, and here it waits without a connection
//! to the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::OrganizationId;
use tokio::sync::OwnedMutexGuard;

/// More than this many are looked through for those that nobody waits for.
const MANY: usize = 1_000;

/// Whose turn it is in each organization.
#[derive(Debug, Default)]
pub(super) struct Turns {
    organizations: Mutex<HashMap<OrganizationId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits for a turn. It ends when the guard is dropped.
    pub(super) async fn take(&self, organization: OrganizationId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut organizations = self.organizations.lock().unwrap_or_else(PoisonError::into_inner);
            if organizations.len() > MANY {
                organizations.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(organizations.entry(organization).or_default())
        };
        turn.lock_owned().await
    }
}
