//! What was taken from whom.

use audit::{Announcement, Target};
use ids::{AppId, OrganizationId, SessionId, UserId};

/// What was taken from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// One session, or the API token that is one.
    Session(SessionId),
    /// All sessions of a person.
    SessionsOf(UserId),
    /// A person's membership.
    Member(OrganizationId, UserId),
    /// A person's grant on an app, or a part of it.
    Grant(AppId, UserId),
}

impl Revoked {
    /// What a change took away, if it is one of these.
    #[must_use]
    pub fn by(change: &Announcement) -> Option<Self> {
        match change.target {
            Target::Session(session) | Target::ApiToken(session) => Some(Self::Session(session)),
            Target::SessionsOf(user) => Some(Self::SessionsOf(user)),
            Target::Member(user) => Some(Self::Member(change.organization?, user)),
            Target::Grant(app, user) => Some(Self::Grant(app, user)),
            _ => None,
        }
    }

    /// Whether somebody's use of an app rested on it, whether or not on other things, too.
    pub(crate) fn concerns(
        &self,
        user: UserId,
        session: SessionId,
        app: AppId,
        belongs_to: impl FnOnce(OrganizationId) -> bool,
    ) -> bool {
        match *self {
            Self::Session(ended) => session == ended,
            Self::SessionsOf(person) => user == person,
            Self::Member(organization, person) => user == person && belongs_to(organization),
            Self::Grant(granted, person) => user == person && app == granted,
        }
    }
}
