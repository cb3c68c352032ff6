//! How many people try accounts at once: everybody may, and each try keeps a connection to a service open for seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::OrganizationId;

/// The most at once in one organization.
const MOST: usize = 16;

/// How many accounts are tried in each organization.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrialTurns {
    running: Arc<Mutex<HashMap<OrganizationId, usize>>>,
}

/// The right to try one, until it is dropped.
#[derive(Debug)]
pub(crate) struct TrialTurn {
    running: Arc<Mutex<HashMap<OrganizationId, usize>>>,
    organization: OrganizationId,
}

impl TrialTurns {
    /// A turn, unless too many have one.
    pub(crate) fn take(&self, organization: OrganizationId) -> Option<TrialTurn> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(organization).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(TrialTurn { running: Arc::clone(&self.running), organization })
    }
}

impl Drop for TrialTurn {
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

    #[test]
    fn each_organization_has_so_many_and_gets_them_back() {
        let (turns, one, other) =
            (TrialTurns::default(), OrganizationId::generate(), OrganizationId::generate());
        let mut taken: Vec<TrialTurn> = (0..MOST).map(|_| turns.take(one).unwrap()).collect();
        assert!(turns.take(one).is_none());
        assert!(turns.take(other).is_some());
        taken.pop();
        assert!(turns.take(one).is_some());
        taken.clear();
        assert!(turns.running.lock().unwrap().is_empty());
    }
}
