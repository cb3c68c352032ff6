//! What has to be done now and then: forgetting what lapsed, and new signing keys.

use std::sync::Arc;
use std::time::Duration;

use apps::ServerSecrets;
use audit::{Announcements, Journal};
use data_gateway::{OpenDatabases, QueryRecords};
use decisions::{Decisions, Retention};
use identity::{HandOff, IdentityError, Sessions, SignIns, SigningKeys};
use integrations::{ConnectAttempts, ServiceCalls};
use replicas::Replicas;
use time::OffsetDateTime;
use tokio::time::{Interval, MissedTickBehavior};

/// How often lapsed rows are deleted.
const PERIOD: Duration = Duration::from_secs(300);
/// How often signing keys and server secrets are looked at. Far less than the ten minutes from a key's publication to
/// its first signature, so that every process knows in time what another one, or the command line, has made.
const KEYS_PERIOD: Duration = Duration::from_secs(60);
/// How often sessions with databases that nobody uses are closed.
const SESSIONS_PERIOD: Duration = Duration::from_secs(30);

/// How often it is tried how long an announcement takes.
const PROBES_PERIOD: Duration = Duration::from_secs(5);

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
    pub(crate) journal: Journal,
    /// Whether there can be other processes.
    pub(crate) shared: bool,
    /// How old a signing key may become before the next one takes over.
    pub(crate) signing_key_age: time::Duration,
}

impl Housekeeping {
    /// What every process does for itself, until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut keys = ticks(KEYS_PERIOD);
        let mut sessions = ticks(SESSIONS_PERIOD);
        loop {
            tokio::select! {
                _ = sessions.tick() => self.open_databases.close_idle().await,
                _ = keys.tick() => {
                    said("the keys that sign user tokens", self.signing_keys.reload().await);
                    said("the last uses of server secrets", self.server_secrets.write_uses().await);
                }
            }
        }
    }

    /// What one process does for all, until it is dropped.
    pub(crate) async fn run_for_all(self: Arc<Self>) {
        let mut rounds = ticks(PERIOD);
        let mut keys = ticks(KEYS_PERIOD);
        let mut probes = ticks(PROBES_PERIOD);
        loop {
            tokio::select! {
                _ = probes.tick() => {
                    if self.shared {
                        said("how long announcements take", self.journal.announce_nothing().await);
                    }
                }
                _ = keys.tick() => {
                    let now = clock::now();
                    said("the next key that signs user tokens", self.keys(now).await);
                    said("server secrets that have ended", self.server_secrets.delete_ended(now).await);
                }
                _ = rounds.tick() => self.round(clock::now()).await,
            }
        }
    }

    async fn round(&self, now: OffsetDateTime) {
        said("sessions that lapsed", self.sessions.sweep(now).await);
        said("sign-ins that nobody finished", self.sign_ins.sweep(now).await);
        said("hand-offs that nobody finished", self.hand_off.sweep(now).await);
        said("old records of queries", self.query_records.sweep(now).await);
        said("old records of calls", self.service_calls.sweep(now).await);
        said(
            "attempts to connect accounts that nobody came back for",
            self.connect_attempts.sweep(now).await,
        );
        said("old decisions", self.decisions.sweep(self.retention, now).await);
        if self.shared {
            let announcements = Announcements::new(self.journal.database().clone());
            said("old announcements", announcements.sweep().await);
            said("processes that are gone", Replicas::new(self.journal.clone()).sweep().await);
        }
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

fn ticks(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What was not done is done in the next round.
fn said<T, E: std::error::Error + 'static>(what: &str, done: Result<T, E>) {
    if let Err(error) = done {
        tracing::warn!(error = &error as &dyn std::error::Error, "{what}: this waits for the next round");
    }
}
