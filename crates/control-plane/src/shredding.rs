//! What the database file still holds of a deleted organization is overwritten, and its keys leave the memory.

use std::time::Duration;

use access_control::{Action, DeleteOrganization};
use async_trait::async_trait;
use audit::{Announcement, Event, Follower, News};
use sea_orm::DatabaseConnection;
use secrets_vault::Vault;

/// How long to wait for readers of what was there before, and how often.
const PAUSE: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 600;

/// Follows deletions of organizations.
pub(crate) struct Shredding {
    pub(crate) database: DatabaseConnection,
    pub(crate) vault: Vault,
}

#[async_trait]
impl Follower for Shredding {
    async fn committed(&self, event: &Event) {
        if event.action != DeleteOrganization::NAME {
            return;
        }
        self.forget_keys();
        if !emptied(&self.database).await {
            tokio::spawn(wait(self.database.clone()));
        }
    }

    async fn announced(&self, news: News<'_>) {
        let deleted = |change: &Announcement| change.action == DeleteOrganization::NAME;
        if news.changes().is_none_or(|changes| changes.iter().any(deleted)) {
            self.forget_keys();
        }
    }
}

impl Shredding {
    /// Whoever opened a value while the deletion was under way may have unwrapped a key again.
    fn forget_keys(&self) {
        self.vault.keyring().forget_unused(Duration::ZERO);
    }
}

async fn wait(database: DatabaseConnection) {
    for _ in 0..ATTEMPTS {
        tokio::time::sleep(PAUSE).await;
        if emptied(&database).await {
            return;
        }
    }
    tracing::error!("the database's journal still holds what was deleted: it could not be emptied");
}

async fn emptied(database: &DatabaseConnection) -> bool {
    migrations::empty_journal(database).await.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the database's journal was not emptied");
        false
    })
}
