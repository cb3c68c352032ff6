//! What somebody changed in the tables is told, once for each thing and process.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use audit::{Actor, Event, Journal, Target};
use ids::OrganizationId;
use serde_json::json;

/// Tells the operator and the audit trail of rows that are not what was sealed.
#[derive(Clone, Debug)]
pub(crate) struct Alarms {
    journal: Journal,
    /// What was told already, so that one broken row does not fill the trail.
    told: Arc<Mutex<HashSet<String>>>,
}

impl Alarms {
    pub(crate) fn new(journal: Journal) -> Self {
        Self { journal, told: Arc::default() }
    }

    /// Tells that `target`, of this organization and identifier, differs in these members from what was sealed.
    pub(crate) fn raise(
        &self,
        action: &'static str,
        target: Target,
        id: &impl ToString,
        organization: OrganizationId,
        differs: &[&'static str],
    ) {
        let id = id.to_string();
        if !self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return;
        }
        tracing::error!(id, ?differs, action, "a row was changed outside of the platform");
        let event = Event::refused(Actor::System, action, target)
            .of(organization)
            .with(json!({ "differs": differs }));
        let journal = self.journal.clone();
        // Beside the request: on SQLite the caller may hold the only transaction.
        tokio::spawn(async move {
            if let Err(error) = journal.record(&event).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the alarm is missing from the audit trail"
                );
            }
        });
    }

    /// What is found wrong from now on is news again.
    pub(crate) fn forget(&self, id: &impl ToString) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&id.to_string());
    }
}
