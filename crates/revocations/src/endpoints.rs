//! A receipt on the wire.

use endpoint::Instant;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::{Receipt, WITHIN};

/// What a revocation did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptAnswer {
    /// How many sessions in browsers ended.
    sessions_ended: u64,
    /// How many API tokens ended.
    api_tokens_ended: u64,
    /// How many WebSockets, event streams and other lasting answers of apps were cut.
    streams_cut: u64,
    /// How many are not cut yet because the browser reads nothing. Nothing goes out on them.
    streams_stalled: u64,
    user_tokens: UserTokensAnswer,
    /// How many processes have followed; null if the store did not say.
    replicas: Option<ReplicasAnswer>,
    /// After how many seconds no process serves anybody by what was revoked, whatever happened to it.
    within_seconds: u64,
}

/// User tokens that apps have, and that are good for whoever checks the signature and nothing else. The platform
/// takes none of them any more.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UserTokensAnswer {
    /// How many apps have one.
    apps: usize,
    /// When the last that is known of ends.
    until: Option<Instant>,
    /// None ends later than this, known of or not.
    none_after: Instant,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReplicasAnswer {
    /// How many have followed, and have said what they cut.
    reached: usize,
    /// How many there are.
    of: usize,
}

impl ReceiptAnswer {
    /// The answer to a revocation that ended this many sessions in browsers and API tokens.
    #[must_use]
    pub fn new(receipt: &Receipt, sessions_ended: u64, api_tokens_ended: u64) -> Self {
        let until = receipt.effect.until.and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok());
        Self {
            sessions_ended,
            api_tokens_ended,
            streams_cut: receipt.effect.streams_cut,
            streams_stalled: receipt.effect.streams_stalled,
            user_tokens: UserTokensAnswer {
                apps: receipt.effect.apps.len(),
                until: until.map(Instant::from),
                none_after: receipt.none_after.into(),
            },
            replicas: receipt
                .replicas
                .map(|replicas| ReplicasAnswer { reached: replicas.reached, of: replicas.of }),
            within_seconds: WITHIN.as_secs(),
        }
    }
}
