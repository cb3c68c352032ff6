//! Which requests apps saw lately, for whoever wants to know what a change of the policy would do to them.

use access_control::{Method, RequestPath};
use ids::{AppId, OrganizationId};
use time::OffsetDateTime;

use crate::seen_paths::day_of;
use crate::store::Scope;
use crate::{DecisionError, Store};

/// Requests that were seen, each once.
#[derive(Clone, Debug)]
pub struct Traffic {
    store: Store,
}

/// One request as an app saw it, whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// The app.
    pub app: AppId,
    /// The method as it is judged.
    pub method: Method,
    /// The paths that it reaches.
    pub paths: Vec<RequestPath<'static>>,
    /// Whether it needs access under every rule.
    pub under_every_rule: bool,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Each request once, ordered by app.
    pub requests: Vec<SeenRequest>,
    /// There may have been more than are listed here.
    pub capped: bool,
}

impl Traffic {
    /// The traffic that this store knows.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What the apps of an organization saw since the day of `since` (UTC): every request of people who may
    /// see the app, whether it was allowed or not. At most `cap` of them.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn seen(
        &self,
        organization: OrganizationId,
        since: OffsetDateTime,
        cap: usize,
    ) -> Result<Seen, DecisionError> {
        self.store.seen(Scope::Organization(organization), day_of(since), cap).await
    }

    /// What one app saw, likewise.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn seen_by_app(
        &self,
        app: AppId,
        since: OffsetDateTime,
        cap: usize,
    ) -> Result<Seen, DecisionError> {
        self.store.seen(Scope::App(app), day_of(since), cap).await
    }
}
