//! Rotating the server secrets of all apps of an organization: each environment gets a new one, which reaches its
//! app at the next deployment, and the older ones end after a grace.
//!
//! Only the instants are kept. What is left to do follows from the secrets themselves, so that a rotation goes on
//! after a kill, in whatever process.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_control::{Action, Environment, ManageServerSecrets, Permit, RotateServerSecrets};
use audit::{Actor, Event, Occasion, Target};
use ids::{AppId, KeyRotationId};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;

use crate::server_secret_rotation::{
    ServerSecretRotation, ServerSecretRotationProgress, ServerSecretRotationState,
};
use crate::store::{server_secret_rotations, server_secrets};
use crate::{AppError, Grace, NewServerSecret, ServerSecret, ServerSecrets, Store};

/// How often rotations of other processes, and those whose grace has ended, are looked for.
const PERIOD: std::time::Duration = std::time::Duration::from_secs(5);

/// The rotations of all organizations.
#[derive(Clone)]
pub struct ServerSecretRotations {
    store: Store,
    secrets: ServerSecrets,
    begun: Arc<Notify>,
}

impl std::fmt::Debug for ServerSecretRotations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServerSecretRotations").finish_non_exhaustive()
    }
}

impl ServerSecretRotations {
    /// Rotations of these secrets.
    #[must_use]
    pub fn new(store: Store, secrets: ServerSecrets) -> Self {
        Self { store, secrets, begun: Arc::default() }
    }

    /// Begins to rotate the secrets of all apps of the organization, also those that the person cannot see: no value
    /// is answered. [`ServerSecretRotations::run`] does the work.
    ///
    /// # Errors
    /// Another rotation is under way, and this one would leave older secrets a grace.
    pub async fn begin(
        &self,
        permit: &Permit<RotateServerSecrets>,
        grace: Grace,
        occasion: Occasion,
    ) -> Result<ServerSecretRotationProgress, AppError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let change = self.store.begin().await?;
        let before = server_secret_rotations::lock(change.transaction(), organization).await?;
        // Without a grace nothing older stays, so that the secrets of an environment do not pile up.
        if before.is_some_and(|before| before.finished_at.is_none()) && grace != Grace::NONE {
            return Err(AppError::RotationUnderWay);
        }
        let secrets = server_secrets::list_of(change.transaction(), organization).await?;
        let live = |(_, secret): &&(AppId, ServerSecret)| secret.is_live(now);
        let environments: BTreeSet<_> =
            secrets.iter().filter(live).map(|(app, secret)| (*app, secret.environment)).collect();
        let record = ServerSecretRotation {
            id: KeyRotationId::generate(),
            organization,
            requested_by: permit.user(),
            total: environments.len() as u64,
            started_at: now,
            ends_at: grace.end(now),
            finished_at: None,
            checked: None,
        };
        server_secret_rotations::put(change.transaction(), &record).await?;
        let detail = json!({
            "after": { "environments": record.total, "olderEndAt": record.ends_at.unix_timestamp() },
        });
        let event = event(Actor::Person(permit.user()), &record).during(occasion).with(detail);
        change.commit(event).await?;
        self.begun.notify_one();
        Ok(progress(&record, &secrets, now))
    }

    /// The organization's latest rotation, if there was one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn read(
        &self,
        permit: &Permit<RotateServerSecrets>,
        now: OffsetDateTime,
    ) -> Result<Option<ServerSecretRotationProgress>, AppError> {
        let database = self.store.database();
        let Some(record) = server_secret_rotations::find(database, permit.organization()).await? else {
            return Ok(None);
        };
        let secrets = server_secrets::list_of(database, record.organization).await?;
        Ok(Some(progress(&record, &secrets, now)))
    }

    /// Works on every rotation until it is dropped.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.work(clock::now()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "rotations of server secrets wait for the next round"
                );
            }
            // A rotation that began meanwhile has left its mark: nothing is missed.
            let _ = tokio::time::timeout(PERIOD, self.begun.notified()).await;
        }
    }

    /// Does everything that can be done at this instant.
    ///
    /// # Errors
    /// The store or the vault is not available. What was done stays done, and no organization waits for another.
    pub async fn work(&self, now: OffsetDateTime) -> Result<(), AppError> {
        let mut failed = Ok(());
        for record in server_secret_rotations::unfinished(self.store.database()).await? {
            let worked = self.work_on(&record, now).await;
            failed = failed.and(worked);
        }
        failed
    }

    async fn work_on(&self, record: &ServerSecretRotation, now: OffsetDateTime) -> Result<(), AppError> {
        let secrets = server_secrets::list_of(self.store.database(), record.organization).await?;
        for (app, environment) in pending(record, &secrets, now) {
            match self.replace(record, app, environment, now).await {
                // Deleted since.
                Ok(()) | Err(AppError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        if record.ends_at <= now {
            self.finish(record, now).await?;
        }
        Ok(())
    }

    /// Issues the new secret of one environment, unless it has one, and says when the older ones end.
    async fn replace(
        &self,
        record: &ServerSecretRotation,
        app: AppId,
        environment: Environment,
        now: OffsetDateTime,
    ) -> Result<(), AppError> {
        self.secrets.prepare(record.organization).await?;
        let (change, app) = self.store.begin_locked(app).await?;
        let secrets = server_secrets::list(change.transaction(), app.id).await?;
        let secrets: Vec<_> = secrets.into_iter().map(|secret| (app.id, secret)).collect();
        if !pending(record, &secrets, now).contains(&(app.id, environment)) {
            return Ok(());
        }
        let younger = secrets.iter().rfind(|(_, secret)| {
            secret.environment == environment && secret.created_at >= record.started_at && secret.is_live(now)
        });
        let (id, ended) = if let Some((_, younger)) = younger {
            // Somebody issued one meanwhile; the older ones still have to end.
            let mut ended = Vec::new();
            for (_, older) in secrets.iter().filter(|(_, secret)| secret.environment == environment) {
                if older.created_at < record.started_at
                    && self.secrets.end(&change, older, record.ends_at, now).await?
                {
                    ended.push(older.id);
                }
            }
            (younger.id, ended)
        } else {
            let new =
                NewServerSecret { environment, expires_at: None, previous_expires_at: Some(record.ends_at) };
            let written = self.secrets.write(&change, &app, record.requested_by, new, now).await?;
            (written.issued.secret.id, written.ended)
        };
        let event = Event::done(Actor::System, ManageServerSecrets::NAME, Target::ServerSecret(app.id, id))
            .of(app.organization)
            .with(json!({
                "after": { "environment": environment },
                "ended": ended,
                "rotation": record.id,
            }));
        Ok(change.commit(event).await?)
    }

    /// The closing check. What was found older and live is left to the next round.
    async fn finish(&self, record: &ServerSecretRotation, now: OffsetDateTime) -> Result<(), AppError> {
        let change = self.store.begin().await?;
        let current = server_secret_rotations::lock(change.transaction(), record.organization).await?;
        if current.is_none_or(|current| current.id != record.id || current.finished_at.is_some()) {
            return Ok(());
        }
        let mut secrets = server_secrets::list_of(change.transaction(), record.organization).await?;
        secrets.retain(|(_, secret)| secret.is_live(now));
        if secrets.iter().any(|(_, secret)| secret.created_at < record.started_at) {
            return Ok(());
        }
        let checked = secrets.len() as u64;
        let finished = ServerSecretRotation { finished_at: Some(now), checked: Some(checked), ..*record };
        server_secret_rotations::put(change.transaction(), &finished).await?;
        let detail = json!({ "finished": { "checked": checked, "olderThatCount": 0 } });
        Ok(change.commit(event(Actor::System, record).with(detail)).await?)
    }
}

fn event(actor: Actor, record: &ServerSecretRotation) -> Event {
    Event::done(actor, RotateServerSecrets::NAME, Target::KeyRotation(record.id)).of(record.organization)
}

/// The environments whose older secrets have no live successor yet, or count beyond the grace.
fn pending(
    record: &ServerSecretRotation,
    secrets: &[(AppId, ServerSecret)],
    now: OffsetDateTime,
) -> BTreeSet<(AppId, Environment)> {
    let live = || secrets.iter().filter(|(_, secret)| secret.is_live(now));
    let is_older = |secret: &ServerSecret| secret.created_at < record.started_at;
    let renewed: BTreeSet<_> = live()
        .filter(|(_, secret)| !is_older(secret))
        .map(|(app, secret)| (*app, secret.environment))
        .collect();
    live()
        .filter(|(_, secret)| is_older(secret))
        .filter(|(app, secret)| {
            !renewed.contains(&(*app, secret.environment))
                || secret.expires_at.is_none_or(|end| end > record.ends_at)
        })
        .map(|(app, secret)| (*app, secret.environment))
        .collect()
}

fn progress(
    record: &ServerSecretRotation,
    secrets: &[(AppId, ServerSecret)],
    now: OffsetDateTime,
) -> ServerSecretRotationProgress {
    let left = if record.finished_at.is_some() { 0 } else { pending(record, secrets, now).len() as u64 };
    let total = record.total.max(left);
    let done = total - left;
    let until_the_end = (record.ends_at - now).max(Duration::ZERO);
    let (state, remaining) = if record.finished_at.is_some() {
        (ServerSecretRotationState::Finished, Some(Duration::ZERO))
    } else if left == 0 {
        (ServerSecretRotationState::Grace, Some(until_the_end))
    } else {
        let pace = (done > 0).then(|| (now - record.started_at) / u32::try_from(done).unwrap_or(u32::MAX));
        let rest = pace.map(|pace| (pace * u32::try_from(left).unwrap_or(u32::MAX)).max(until_the_end));
        (ServerSecretRotationState::Running, rest)
    };
    ServerSecretRotationProgress {
        id: record.id,
        state,
        total,
        done,
        started_at: record.started_at,
        ends_at: record.ends_at,
        finished_at: record.finished_at,
        remaining,
        checked: record.checked,
    }
}
