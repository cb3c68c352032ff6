//! What became of every account of a service that was revoked, as it is signed.

use audit::SignedAttestation;
use catalogue::ServiceKey;
use ids::{AccountId, ServiceRevocationId, UserId};
use serde::{Deserialize, Serialize};

use crate::{RevocationCounts, RevocationOutcome, RevokedAccount, ServiceRevocation};

/// What such an attestation attests.
pub const ATTESTS_REVOCATION: &str = "revocation of a service";

/// A report with its signature.
pub type SignedRevocationReport = SignedAttestation<RevocationReport>;

/// What became of every account of a service. The order of the fields is part of the signed format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationReport {
    /// The revocation.
    pub revocation: ServiceRevocationId,
    /// The service.
    pub service: ServiceKey,
    /// Who asked for it.
    pub requested_by: UserId,
    /// When, in milliseconds since 1970. From then on no app used the accounts.
    pub started_at: i64,
    /// When the last account was done, in milliseconds since 1970.
    pub finished_at: i64,
    /// The most requests per minute that were sent.
    pub most_per_minute: u32,
    /// How often the service asked to wait.
    pub waits: u64,
    /// How many accounts there were.
    pub accounts: u64,
    /// How many are revoked at the service.
    pub revoked: u64,
    /// How many cannot be revoked by a program.
    pub not_revocable: u64,
    /// How many the service did not revoke.
    pub failed: u64,
    /// How many somebody disconnected meanwhile.
    pub gone: u64,
    /// Each of them.
    pub each: Vec<ReportedAccount>,
}

/// What became of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportedAccount {
    /// The account.
    pub account: AccountId,
    /// Its name, if it is shared. What people call their own is theirs.
    pub name: Option<String>,
    /// Whose it is; none if it is shared.
    pub user: Option<UserId>,
    /// `revoked`, `not_revocable`, `failed` or `gone`.
    pub outcome: String,
    /// Why it is not revoked.
    pub reason: Option<String>,
    /// How often the service was asked.
    pub attempts: u32,
    /// When it was done, in milliseconds since 1970.
    pub at: i64,
}

impl RevocationReport {
    /// The report of a revocation that has ended.
    pub(crate) fn new(
        revocation: &ServiceRevocation,
        finished_at: time::OffsetDateTime,
        most_per_minute: u32,
        accounts: &[RevokedAccount],
    ) -> Self {
        let mut counts = RevocationCounts::default();
        for account in accounts {
            counts.add(account.outcome, 1);
        }
        Self {
            revocation: revocation.id,
            service: revocation.service.clone(),
            requested_by: revocation.requested_by,
            started_at: milliseconds(revocation.started_at),
            finished_at: milliseconds(finished_at),
            most_per_minute,
            waits: revocation.waits,
            accounts: counts.total(),
            revoked: counts.revoked,
            not_revocable: counts.not_revocable,
            failed: counts.failed,
            gone: counts.gone,
            each: accounts.iter().map(ReportedAccount::new).collect(),
        }
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub const fn took(&self) -> i64 {
        self.finished_at.saturating_sub(self.started_at)
    }
}

impl ReportedAccount {
    fn new(account: &RevokedAccount) -> Self {
        Self {
            account: account.id,
            name: account.user.is_none().then(|| account.name.clone()),
            user: account.user,
            outcome: account.outcome.map_or("pending", RevocationOutcome::as_str).to_owned(),
            reason: account.outcome.and_then(RevocationOutcome::reason).map(str::to_owned),
            attempts: account.attempts,
            at: account.at.map_or(0, milliseconds),
        }
    }

    /// What people should know and do about it.
    #[must_use]
    pub fn outcome(&self) -> Option<RevocationOutcome> {
        RevocationOutcome::ALL
            .into_iter()
            .find(|known| known.as_str() == self.outcome && known.reason() == self.reason.as_deref())
    }
}

fn milliseconds(instant: time::OffsetDateTime) -> i64 {
    i64::try_from(instant.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
