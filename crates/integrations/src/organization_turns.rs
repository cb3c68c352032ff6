//! How much of what keeps connections to others open for seconds is done at once in each organization.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::OrganizationId;

/// Turns of each organization.
#[derive(Clone, Debug)]
pub(crate) struct OrganizationTurns {
    most: usize,
    running: Arc<Mutex<HashMap<OrganizationId, usize>>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct OrganizationTurn {
    running: Arc<Mutex<HashMap<OrganizationId, usize>>>,
    organization: OrganizationId,
}

impl OrganizationTurns {
    /// So many at once in each organization.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, running: Arc::default() }
    }

    /// A turn, unless too many have one.
    pub(crate) fn take(&self, organization: OrganizationId) -> Option<OrganizationTurn> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(organization).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(OrganizationTurn { running: Arc::clone(&self.running), organization })
    }
}

impl Drop for OrganizationTurn {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.organization) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 16;

    #[test]
    fn each_organization_has_so_many_and_gets_them_back() {
        let (turns, one, other) =
            (OrganizationTurns::new(MOST), OrganizationId::generate(), OrganizationId::generate());
        let mut taken: Vec<OrganizationTurn> = (0..MOST).map(|_| turns.take(one).unwrap()).collect();
        assert!(turns.take(one).is_none());
        assert!(turns.take(other).is_some());
        taken.pop();
        assert!(turns.take(one).is_some());
        taken.clear();
        assert!(turns.running.lock().unwrap().is_empty());
    }
}
