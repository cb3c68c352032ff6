//! The revocation of a whole service: what becomes of each of its accounts, without I/O.

use std::str::FromStr;

use catalogue::{Authentication, Service, ServiceKey};
use ids::{AccountId, OrganizationId, ServiceRevocationId, UserId};
use time::OffsetDateTime;

use crate::SignedRevocationReport;

/// The most requests per minute, where the entry of a service says none.
const USUAL_MOST_PER_MINUTE: u32 = 600;

/// The revocation of every account of a service in an organization, under way or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRevocation {
    /// Its identifier.
    pub id: ServiceRevocationId,
    /// Whose accounts.
    pub organization: OrganizationId,
    /// Of which service.
    pub service: ServiceKey,
    /// Who asked for it.
    pub requested_by: UserId,
    /// When. From then on no app uses the accounts.
    pub started_at: OffsetDateTime,
    /// When the last account was done.
    pub finished_at: Option<OffsetDateTime>,
    /// How often the service asked to wait.
    pub waits: u64,
    /// What became of how many accounts.
    pub counts: RevocationCounts,
}

/// A revocation, and the report if it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedRevocation {
    /// The revocation.
    pub revocation: ServiceRevocation,
    /// What became of each account, signed.
    pub report: Option<SignedRevocationReport>,
}

/// What became of how many accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevocationCounts {
    /// Not done yet.
    pub pending: u64,
    /// Revoked at the service.
    pub revoked: u64,
    /// Forgotten here; the service offers no revocation.
    pub not_revocable: u64,
    /// The service did not revoke it.
    pub failed: u64,
    /// Disconnected by somebody meanwhile.
    pub gone: u64,
}

/// An account in a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedAccount {
    /// The account.
    pub id: AccountId,
    /// What people called it.
    pub name: String,
    /// Whose it was; none if it was shared.
    pub user: Option<UserId>,
    /// What became of it; none while it waits.
    pub outcome: Option<RevocationOutcome>,
    /// How often the service was asked.
    pub attempts: u32,
    /// When it was done.
    pub at: Option<OffsetDateTime>,
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationOutcome {
    /// The service says that it is revoked. What proved it is destroyed here, too.
    Revoked,
    /// What proved it is destroyed here; at the service somebody has to end it by hand.
    NotRevocable(NotRevocable),
    /// It is not revoked at the service. What proves it is kept for the next attempt, and nothing uses it.
    Failed(RevocationFailure),
    /// Somebody disconnected it meanwhile, which asks the service, too.
    Gone,
}

/// Why an account cannot be revoked by a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotRevocable {
    /// Keys and passwords are ended where they were made.
    MadeByHand,
    /// The service's documentation knows no revocation.
    NoEndpoint,
    /// Nothing is kept that could be revoked, such as after an earlier revocation.
    NothingKept,
}

/// Why an account was not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationFailure {
    /// The service refused.
    Refused,
    /// The service did not answer, or asked to wait, to the last attempt.
    Unavailable,
    /// The organization's client at the service is gone, without which the service takes no revocation.
    NoClient,
    /// What is kept of the account does not open, or is not what was sealed.
    Unreadable,
    /// A refresh of it did not end.
    InUse,
}

impl RevocationOutcome {
    /// Every outcome.
    pub const ALL: [Self; 10] = [
        Self::Revoked,
        Self::NotRevocable(NotRevocable::MadeByHand),
        Self::NotRevocable(NotRevocable::NoEndpoint),
        Self::NotRevocable(NotRevocable::NothingKept),
        Self::Failed(RevocationFailure::Refused),
        Self::Failed(RevocationFailure::Unavailable),
        Self::Failed(RevocationFailure::NoClient),
        Self::Failed(RevocationFailure::Unreadable),
        Self::Failed(RevocationFailure::InUse),
        Self::Gone,
    ];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::NotRevocable(_) => "not_revocable",
            Self::Failed(_) => "failed",
            Self::Gone => "gone",
        }
    }

    /// The name of the reason; none if it is revoked or gone.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Revoked | Self::Gone => None,
            Self::NotRevocable(reason) => Some(match reason {
                NotRevocable::MadeByHand => "made_by_hand",
                NotRevocable::NoEndpoint => "no_endpoint",
                NotRevocable::NothingKept => "nothing_kept",
            }),
            Self::Failed(reason) => Some(match reason {
                RevocationFailure::Refused => "refused",
                RevocationFailure::Unavailable => "unavailable",
                RevocationFailure::NoClient => "no_client",
                RevocationFailure::Unreadable => "unreadable",
                RevocationFailure::InUse => "in_use",
            }),
        }
    }

    /// The same for people, as a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Revoked => "Revoked at the service.",
            Self::NotRevocable(NotRevocable::MadeByHand) => {
                "Forgotten here. It was made by hand: delete it at the service."
            }
            Self::NotRevocable(NotRevocable::NoEndpoint) => {
                "Forgotten here. The service knows no revocation: take the permission back there."
            }
            Self::NotRevocable(NotRevocable::NothingKept) => "There was nothing left to revoke.",
            Self::Failed(RevocationFailure::Refused) => {
                "The service refused. Take the permission back there."
            }
            Self::Failed(RevocationFailure::Unavailable) => {
                "The service did not answer. Revoke the service again later."
            }
            Self::Failed(RevocationFailure::NoClient) => {
                "The organization's client at the service is gone. Take the permission back there."
            }
            Self::Failed(RevocationFailure::Unreadable) => {
                "What is kept of it does not open. Take the permission back at the service."
            }
            Self::Failed(RevocationFailure::InUse) => {
                "A refresh of it did not end. Revoke the service again later."
            }
            Self::Gone => "Somebody disconnected it meanwhile.",
        }
    }

    /// Whether what proves the account is destroyed here.
    #[must_use]
    pub const fn destroys(self) -> bool {
        matches!(self, Self::Revoked | Self::NotRevocable(_))
    }
}

/// Texts that name no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an outcome of a revocation")]
pub struct RevocationOutcomeError;

/// Outcome and reason, with a colon between them.
impl FromStr for RevocationOutcome {
    type Err = RevocationOutcomeError;

    fn from_str(text: &str) -> Result<Self, RevocationOutcomeError> {
        let (outcome, reason) = match text.split_once(':') {
            Some((outcome, reason)) => (outcome, Some(reason)),
            None => (text, None),
        };
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == outcome && known.reason() == reason)
            .ok_or(RevocationOutcomeError)
    }
}

impl RevocationCounts {
    /// All accounts.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.pending + self.revoked + self.not_revocable + self.failed + self.gone
    }

    /// Counts accounts of one outcome; none of those that wait.
    pub const fn add(&mut self, outcome: Option<RevocationOutcome>, number: u64) {
        match outcome {
            None => self.pending += number,
            Some(RevocationOutcome::Revoked) => self.revoked += number,
            Some(RevocationOutcome::NotRevocable(_)) => self.not_revocable += number,
            Some(RevocationOutcome::Failed(_)) => self.failed += number,
            Some(RevocationOutcome::Gone) => self.gone += number,
        }
    }
}

/// How often at most a service is asked to revoke.
#[must_use]
pub(crate) fn most_per_minute(service: &Service) -> u32 {
    let stated = match &service.authentication {
        Authentication::Oauth2Code(oauth2) => {
            oauth2.revocation.as_ref().and_then(|revocation| revocation.most_per_minute)
        }
        _ => None,
    };
    stated.unwrap_or(USUAL_MOST_PER_MINUTE).max(1)
}

/// Why no account of this service can be revoked by a program; none if they can.
#[must_use]
pub(crate) fn not_revocable(service: &Service) -> Option<NotRevocable> {
    match &service.authentication {
        Authentication::Oauth2Code(oauth2) if oauth2.revocation.is_some() => None,
        Authentication::Oauth2Code(_) => Some(NotRevocable::NoEndpoint),
        _ => Some(NotRevocable::MadeByHand),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_read_as_it_is_written() {
        for outcome in RevocationOutcome::ALL {
            let text = match outcome.reason() {
                Some(reason) => format!("{}:{reason}", outcome.as_str()),
                None => outcome.as_str().to_owned(),
            };
            assert_eq!(text.parse(), Ok(outcome));
            assert!(outcome.sentence().ends_with('.'));
        }
        for nonsense in ["", "revoked:", "failed", "failed:made_by_hand", "gone:gone"] {
            assert_eq!(nonsense.parse::<RevocationOutcome>(), Err(RevocationOutcomeError), "{nonsense}");
        }
    }

    #[test]
    fn counts_add_up() {
        let mut counts = RevocationCounts::default();
        for outcome in RevocationOutcome::ALL {
            counts.add(Some(outcome), 2);
        }
        counts.add(None, 5);
        assert_eq!(
            counts,
            RevocationCounts { pending: 5, revoked: 2, not_revocable: 6, failed: 10, gone: 2 }
        );
        assert_eq!(counts.total(), 25);
    }
}
