//! What other processes are told of a change.

use std::time::Instant;

use ids::OrganizationId;
use serde::{Deserialize, Serialize};

use crate::{Event, Target};

/// What a follower in another process has to know of an event: what it touched, not what is there now. That it
/// reads itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// What was acted on.
    pub target: Target,
    /// The organization it belongs to, if any.
    pub organization: Option<OrganizationId>,
    /// The action's name.
    pub action: String,
    /// Whether it takes something away, and whoever did it waits to hear what that did.
    #[serde(default)]
    pub withdraws: bool,
}

/// A change that took something away, committed.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// What other processes are told of it.
    pub announcement: Announcement,
    /// The number of that announcement; none in the only process of a store.
    pub sequence: Option<i64>,
    /// An instant before anybody decided by it.
    pub began: Instant,
}

impl From<&Event> for Announcement {
    fn from(event: &Event) -> Self {
        Self {
            target: event.target,
            organization: event.organization,
            action: event.action.to_owned(),
            withdraws: false,
        }
    }
}

/// What other processes did.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// They changed this, in this order.
    Changes(&'a [Announcement]),
    /// Not known: what they said was missed, or comes from a version that says more. Everything that is kept may be
    /// out of date.
    Anything,
}

impl News<'_> {
    /// The changes, if they are known.
    #[must_use]
    pub fn changes(&self) -> Option<&[Announcement]> {
        match self {
            Self::Changes(changes) => Some(changes),
            Self::Anything => None,
        }
    }
}
