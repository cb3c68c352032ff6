//! A grant: one person's access to one restricted app.

use access_control::AppRole;
use ids::UserId;
use time::OffsetDateTime;

/// What a grant is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewGrant {
    /// Whose it is.
    pub user: UserId,
    /// What it gives, before it is capped by the organization role.
    pub role: AppRole,
    /// The first instant at which it no longer holds.
    pub expires_at: Option<OffsetDateTime>,
}

/// A grant as it stands. Kept, unused, while the app's level is not Restricted.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// Whose it is.
    pub user: UserId,
    /// What it gives, before it is capped by the organization role.
    pub role: AppRole,
    /// Who gave it.
    pub granted_by: UserId,
    /// When it was given or last changed.
    pub created_at: OffsetDateTime,
    /// The first instant at which it no longer holds.
    pub expires_at: Option<OffsetDateTime>,
}
