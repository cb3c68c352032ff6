//! What has to be done now and then: forgetting what lapsed, and new signing keys.

use std::sync::Arc;
use std::time::Duration;

use apps::{AppError, ServerSecrets};
use data_gateway::{OpenDatabases, QueryRecords};
use decisions::{Decisions, Retention};
use identity::{HandOff, IdentityError, Sessions, SignIns, SigningKeys};
use integrations::{ConnectAttempts, ServiceCalls};
use time::OffsetDateTime;

/// How often lapsed rows are deleted.
const PERIOD: Duration = Duration::from_secs(300);
/// How often signing keys and server secrets are looked at. Far less than the ten minutes from a key's publication to
/// its first signature, so that every process knows in time what another one, or the command line, has made.
const KEYS_PERIOD: Duration = Duration::from_secs(60);
/// How often sessions with databases that nobody uses are closed.
const SESSIONS_PERIOD: Duration = Duration::from_secs(30);

/// Everything that needs it.
pub(crate) struct Housekeeping {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) sign_ins: Arc<SignIns>,
    pub(crate) hand_off: Arc<HandOff>,
    pub(crate) signing_keys: Arc<SigningKeys>,
    pub(crate) server_secrets: ServerSecrets,
    pub(crate) open_databases: OpenDatabases,
    pub(crate) query_records: QueryRecords,
    pub(crate) service_calls: ServiceCalls,
    pub(crate) connect_attempts: ConnectAttempts,
    pub(crate) decisions: Decisions,
    /// How long decisions are kept.
    pub(crate) retention: Retention,
    /// How old a signing key may become before the next one takes over.
    pub(crate) signing_key_age: time::Duration,
}

impl Housekeeping {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut keys = tokio::time::interval(KEYS_PERIOD);
        keys.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sessions = tokio::time::interval(SESSIONS_PERIOD);
        sessions.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = sessions.tick() => {
                    self.open_databases.close_idle().await;
                    continue;
                }
                _ = ticks.tick() => {}
                _ = keys.tick() => {
                    if let Err(error) = self.keys(OffsetDateTime::now_utc()).await {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the keys that sign user tokens wait for the next round"
                        );
                    }
                    if let Err(error) = self.secrets(OffsetDateTime::now_utc()).await {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "server secrets that have ended wait for the next round"
                        );
                    }
                    continue;
                }
            }
            let now = OffsetDateTime::now_utc();
            if let Err(error) = self.round(now).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "housekeeping waits for the next round"
                );
            }
            if let Err(error) = self.query_records.sweep(now).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old records of queries wait for the next round"
                );
            }
            if let Err(error) = self.service_calls.sweep(now).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old records of calls wait for the next round"
                );
            }
            if let Err(error) = self.connect_attempts.sweep(now).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "attempts to connect accounts that nobody came back for wait for the next round"
                );
            }
            if let Err(error) = self.decisions.sweep(self.retention, now).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old decisions wait for the next round"
                );
            }
        }
    }

    async fn round(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        self.sessions.sweep(now).await?;
        self.sign_ins.sweep(now).await?;
        self.hand_off.sweep(now).await
    }

    async fn secrets(&self, now: OffsetDateTime) -> Result<(), AppError> {
        self.server_secrets.write_uses().await?;
        self.server_secrets.delete_ended(now).await
    }

    async fn keys(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        if let Some(key) = self.signing_keys.rotate_after(self.signing_key_age, now).await? {
            tracing::info!(%key, "a new signing key was made");
        }
        for key in self.signing_keys.delete_ended(now).await? {
            tracing::info!(%key, "a signing key was deleted: its last token has expired");
        }
        Ok(())
    }
}
