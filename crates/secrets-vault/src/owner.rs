//! What a value belongs to.

use std::fmt;

use ids::{AppId, OrganizationId, UserId};

use crate::Holder;

/// What a value belongs to, and with what it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The platform itself.
    Platform,
    /// The whole organization.
    Organization(OrganizationId),
    /// One app of an organization.
    App(OrganizationId, AppId),
    /// One member of an organization.
    Member(OrganizationId, UserId),
}

impl Owner {
    /// Whose key seals it.
    #[must_use]
    pub const fn holder(self) -> Holder {
        match self {
            Self::Platform => Holder::Platform,
            Self::Organization(organization) | Self::App(organization, _) | Self::Member(organization, _) => {
                Holder::Organization(organization)
            }
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => formatter.write_str("platform"),
            Self::Organization(id) => id.fmt(formatter),
            Self::App(_, id) => id.fmt(formatter),
            Self::Member(_, id) => id.fmt(formatter),
        }
    }
}
