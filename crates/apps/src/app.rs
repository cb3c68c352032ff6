//! An app as it is managed.

use access_control::AppLevel;
use ids::{AppId, AppSlug, HostLabel, Name, OrganizationId, UserId};
use time::OffsetDateTime;

use crate::UpstreamUrl;

/// What a new app is made from.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// Its slug, unique in the organization.
    pub slug: AppSlug,
    /// Its name.
    pub name: Name,
}

/// An app.
#[derive(Clone, Debug)]
pub struct App {
    /// Its identifier.
    pub id: AppId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// Its slug.
    pub slug: AppSlug,
    /// Its name.
    pub name: Name,
    /// The first label of its host.
    pub label: HostLabel,
    /// Who it is for.
    pub level: AppLevel,
    /// Who made it.
    pub creator: UserId,
    /// Where it runs, if that was said.
    pub upstream: Option<UpstreamUrl>,
    /// The app opted out of judging a Server Action under every rule.
    pub server_actions_judged_by_page: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}
