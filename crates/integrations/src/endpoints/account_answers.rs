//! What goes out about accounts: nothing that proves one.

use std::collections::BTreeSet;

use access_control::UsableBy;
use catalogue::Values;
use endpoint::Instant;
use ids::{AccountId, AppId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::{Account, BegunAttempt, Disconnected, ReconnectCause, Trial};

/// An account at a service.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountAnswer {
    id: AccountId,
    service: String,
    /// shared or personal.
    holder: &'static str,
    name: String,
    /// What the service's entry asked for, or the service said.
    values: Values,
    /// The scopes that the service was asked for.
    asked_scopes: BTreeSet<String>,
    /// The scopes that it granted, as far as it says.
    scopes: BTreeSet<String>,
    /// The apps that may use it, without those that you may not see; null for every app of the organization.
    apps: Option<Vec<AppId>>,
    /// Whether pages of these apps may use it, too.
    from_pages: bool,
    /// active or needs_reconnect.
    state: &'static str,
    /// Why a person has to connect it again; null if nobody has to.
    cause: Option<&'static str>,
    /// The same as a sentence.
    cause_sentence: Option<&'static str>,
    /// Why the last refresh failed, if no new tokens came since then: a stable name, and after it the service's word.
    last_failure: Option<String>,
    /// How often people wrote it.
    version: i64,
    /// When its access token ends; null if it does not, or nobody says.
    expires_at: Option<Instant>,
    /// When a person consented last.
    consented_at: Instant,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountsAnswer {
    pub accounts: Vec<AccountAnswer>,
    pub next_cursor: Option<String>,
}

/// What came of trying an account.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialAnswer {
    /// works, answered, no_answer or untried.
    outcome: &'static str,
    /// For `answered`: what the service answered instead.
    status: Option<u16>,
    /// For `no_answer`: why.
    code: Option<&'static str>,
}

/// An account that was connected, and what came of trying it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectedAnswer {
    #[serde(flatten)]
    pub account: AccountAnswer,
    pub test: TrialAnswer,
}

/// Where to consent.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptAnswer {
    /// The service's page, for the browser that is signed in here.
    url: String,
    /// Until when the browser has to be back.
    expires_at: Instant,
}

/// What became of an account that was disconnected.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisconnectedAnswer {
    /// revoked, not_revocable or forgotten.
    revocation: &'static str,
    /// For `forgotten`: why the service did not revoke it.
    reason: Option<String>,
}

impl From<Account> for AccountAnswer {
    fn from(account: Account) -> Self {
        let cause = account.state.cause();
        let milliseconds =
            |at: i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok();
        Self {
            id: account.id,
            service: account.service.to_string(),
            holder: account.holder.as_str(),
            name: account.name.to_string(),
            values: account.values,
            asked_scopes: account.asked_scopes,
            scopes: account.scopes,
            apps: match account.usable_by {
                UsableBy::EveryApp => None,
                UsableBy::Apps(apps) => Some(apps.into_iter().collect()),
            },
            from_pages: account.from_pages,
            state: account.state.as_str(),
            cause: cause.map(ReconnectCause::as_str),
            cause_sentence: cause.map(ReconnectCause::sentence),
            last_failure: account.failure,
            version: account.version,
            expires_at: account.expires_at.and_then(milliseconds).map(Instant::from),
            consented_at: account.consented_at.into(),
            created_by: account.created_by,
            created_at: account.created_at.into(),
            updated_by: account.updated_by,
            updated_at: account.updated_at.into(),
        }
    }
}

impl From<Trial> for TrialAnswer {
    fn from(trial: Trial) -> Self {
        let (outcome, status, code) = match trial {
            Trial::Works => ("works", None, None),
            Trial::Answered(status) => ("answered", Some(status), None),
            Trial::NoAnswer(code) => ("no_answer", None, Some(code)),
            Trial::Untried => ("untried", None, None),
        };
        Self { outcome, status, code }
    }
}

impl From<BegunAttempt> for AttemptAnswer {
    fn from(begun: BegunAttempt) -> Self {
        Self { url: begun.url.into(), expires_at: begun.expires_at.into() }
    }
}

impl From<Disconnected> for DisconnectedAnswer {
    fn from(disconnected: Disconnected) -> Self {
        Self { revocation: disconnected.as_str(), reason: disconnected.reason().map(str::to_owned) }
    }
}
