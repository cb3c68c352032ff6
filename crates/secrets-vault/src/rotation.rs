//! The replacement of a key by its successor: whose key, how far, and what shows that it is done.

use std::fmt;
use std::str::FromStr;

use ids::{IdentifierError, KeyRotationId};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::Holder;

const MASTER: &str = "master";

/// Whose key is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The holder's data key: every value is sealed again.
    KeyOf(Holder),
    /// The master key: every data key is wrapped again, no value is touched.
    MasterKey,
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyOf(holder) => holder.fmt(formatter),
            Self::MasterKey => formatter.write_str(MASTER),
        }
    }
}

impl FromStr for Subject {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == MASTER { Ok(Self::MasterKey) } else { text.parse().map(Self::KeyOf) }
    }
}

/// How a rotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationState {
    /// The successor seals; what the former key sealed is being sealed again, or looked at a last time.
    Running,
    /// Nothing opens with the former key any more, and it was destroyed.
    Finished(Proof),
    /// Something opens with neither key. Nothing was destroyed.
    Failed(Broken),
}

impl RotationState {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished(_) => "finished",
            Self::Failed(_) => "failed",
        }
    }
}

/// What the closing scan found: it opened everything with the successor, and tried every former key on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What opened with the successor: values, or data keys under a new master key.
    pub opened: u64,
    /// How often a former key was tried on one of them.
    pub tried_with_former: u64,
    /// How often it opened: zero, or the rotation is not finished.
    pub opened_with_former: u64,
    /// What still names a former key: zero, or the rotation is not finished.
    pub left_with_former: u64,
    /// The keys that are no longer needed. Former data keys are destroyed.
    pub former: Vec<String>,
}

/// What opens with no key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// How many values or data keys.
    pub number: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Broken {
    /// How many are named.
    const MOST_NAMED: usize = 100;

    pub(crate) fn add(&mut self, id: &impl ToString) {
        self.number += 1;
        if self.first.len() < Self::MOST_NAMED {
            self.first.push(id.to_string());
        }
    }
}

/// A rotation.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Its identifier.
    pub id: KeyRotationId,
    /// Whose key is replaced.
    pub subject: Subject,
    /// How it stands.
    pub state: RotationState,
    /// The key that takes over: a data key, or a master key as its provider names it.
    pub successor: String,
    /// What had to be sealed or wrapped again at the start.
    pub total: u64,
    /// How much of it was, by the rotation.
    pub done: u64,
    /// Since when.
    pub started_at: OffsetDateTime,
    /// When it ended, either way.
    pub finished_at: Option<OffsetDateTime>,
    /// Until when one process has it to itself.
    pub(crate) leased_until: OffsetDateTime,
}

impl Rotation {
    /// What is left at the rate since the start, pauses and interruptions included. `None` when it has ended, and
    /// when nothing is known yet.
    #[must_use]
    pub fn remaining(&self, now: OffsetDateTime) -> Option<Duration> {
        if self.state != RotationState::Running || (self.done == 0 && self.total > 0) {
            return None;
        }
        let left = i128::from(self.total.saturating_sub(self.done));
        let elapsed = (now - self.started_at).whole_milliseconds().max(0);
        let milliseconds = elapsed * left / i128::from(self.done.max(1));
        Some(Duration::milliseconds(i64::try_from(milliseconds).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(done: u64, total: u64) -> Rotation {
        Rotation {
            id: KeyRotationId::generate(),
            subject: Subject::MasterKey,
            state: RotationState::Running,
            successor: String::new(),
            total,
            done,
            started_at: OffsetDateTime::UNIX_EPOCH,
            finished_at: None,
            leased_until: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_remains_follows_the_rate() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::seconds(10);
        assert_eq!(rotation(250, 1000).remaining(now), Some(Duration::seconds(30)));
        assert_eq!(rotation(1000, 1000).remaining(now), Some(Duration::ZERO));
        // Writers have replaced more than there was.
        assert_eq!(rotation(1001, 1000).remaining(now), Some(Duration::ZERO));
        assert_eq!(rotation(0, 1000).remaining(now), None);
        assert_eq!(rotation(0, 0).remaining(now), Some(Duration::ZERO));
        let ended = Rotation { state: RotationState::Failed(Broken::default()), ..rotation(1, 2) };
        assert_eq!(ended.remaining(now), None);
    }

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let organization = Holder::Organization(ids::OrganizationId::generate());
        for subject in [Subject::MasterKey, Subject::KeyOf(Holder::Platform), Subject::KeyOf(organization)] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        assert!("masters".parse::<Subject>().is_err());
    }
}
