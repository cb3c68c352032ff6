//! One rotation of an organization's server secrets: what is kept of it, and how far it is.

use ids::{KeyRotationId, OrganizationId, UserId};
use time::{Duration, OffsetDateTime};

/// A rotation as it was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerSecretRotation {
    pub(crate) id: KeyRotationId,
    pub(crate) organization: OrganizationId,
    pub(crate) requested_by: UserId,
    /// How many environments of apps had a live secret.
    pub(crate) total: u64,
    /// What is older than this gets a successor.
    pub(crate) started_at: OffsetDateTime,
    /// When what is older ends.
    pub(crate) ends_at: OffsetDateTime,
    pub(crate) finished_at: Option<OffsetDateTime>,
    /// How many secrets the closing check looked at.
    pub(crate) checked: Option<u64>,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerSecretRotationState {
    /// New secrets are being issued.
    Running,
    /// Every environment has its new secret; older ones count until the grace ends.
    Grace,
    /// No secret that is older than the rotation counts any more.
    Finished,
}

impl ServerSecretRotationState {
    /// The word used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Grace => "grace",
            Self::Finished => "finished",
        }
    }
}

/// A rotation and what is left of it.
#[derive(Clone, Copy, Debug)]
pub struct ServerSecretRotationProgress {
    /// Its identifier.
    pub id: KeyRotationId,
    /// How far it is.
    pub state: ServerSecretRotationState,
    /// How many environments of apps get a new secret.
    pub total: u64,
    /// How many have it.
    pub done: u64,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When secrets older than it stop counting.
    pub ends_at: OffsetDateTime,
    /// When the closing check found none of them.
    pub finished_at: Option<OffsetDateTime>,
    /// How long it will still take, at the pace so far.
    pub remaining: Option<Duration>,
    /// What the closing check looked at: so many live secrets, none of them older than the rotation.
    pub checked: Option<u64>,
}
