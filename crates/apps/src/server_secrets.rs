//! The server secrets of apps: issued once, recognised by a keyed hash, rotated by overlap. Their values stay
//! in the vault, since a deployment injects them again.

use std::fmt;
use std::sync::Arc;

use access_control::{
    Action, AssembleEnvironment, Environment, ListServerSecrets, ManageServerSecrets, Permit,
};
use audit::{Actor, Change, Event, Occasion, Target};
use cryptography::{HashKey, RootKey, SecretBytes};
use ids::{OrganizationId, SecretId, ServerSecretId, UserId};
use secrets_vault::{Kind, NewValue, Owner, Vault, VaultError};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::last_uses::LastUses;
use crate::store::server_secrets;
use crate::{
    App, AppError, Grace, GraceError, NewServerSecret, ServerSecret, ServerSecretText, Store, store,
};

/// The most live secrets of one environment: one in use, and its successor.
const MOST_LIVE: usize = 2;
/// A secret that was used within this time does not end at once, unless one insists.
const IN_USE: Duration = Duration::minutes(15);
/// The audit trail's name for deleting a secret whose end has passed.
const END: &str = "server_secrets.end";

/// The server secrets of all apps.
#[derive(Clone)]
pub struct ServerSecrets {
    store: Store,
    vault: Vault,
    hash_key: Arc<HashKey>,
    last_uses: Arc<LastUses>,
}

/// A secret that was just issued. No answer shows its value again.
pub struct IssuedServerSecret {
    /// What is kept of it.
    pub secret: ServerSecret,
    /// The value, to show once.
    pub text: ServerSecretText,
}

/// A secret on its way into a deployment.
pub struct InjectedServerSecret {
    /// Which one.
    pub id: ServerSecretId,
    /// The value.
    pub value: SecretBytes,
}

/// How the secrets of an environment are replaced by a new one.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// Where the new one will be used.
    pub environment: Environment,
    /// For how long the others still count.
    pub grace: Grace,
    /// Whether they end at once even when one of them was in use just now.
    pub force: bool,
}

/// What was written for a new secret.
pub(crate) struct Written {
    pub(crate) issued: IssuedServerSecret,
    /// The others that end because of it.
    pub(crate) ended: Vec<ServerSecretId>,
}

impl fmt::Debug for ServerSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServerSecrets").finish_non_exhaustive()
    }
}

impl ServerSecrets {
    /// Server secrets in this store, recognised by a key derived from `root_key`; their values are in the vault.
    #[must_use]
    pub fn new(store: Store, root_key: &RootKey, vault: Vault) -> Self {
        let hash_key = Arc::new(root_key.hash_key("server secrets"));
        Self { store, vault, hash_key, last_uses: Arc::default() }
    }

    /// The keyed hash to look a presented secret up by, unless it cannot be one.
    #[must_use]
    pub fn recognise(&self, presented: &str) -> Option<[u8; 32]> {
        Some(self.hash(&ServerSecretText::parse(presented)?))
    }

    /// Notes that an app has proved itself with this secret. Does not wait for the store.
    pub fn note_use(&self, id: ServerSecretId, now: OffsetDateTime) {
        self.last_uses.note(id, now);
    }

    /// Writes down what was noted. What cannot be written is lost: it is bookkeeping.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn write_uses(&self) -> Result<(), AppError> {
        for (id, at) in self.last_uses.take() {
            server_secrets::set_last_used(self.store.database(), id, at).await?;
        }
        Ok(())
    }

    fn hash(&self, text: &ServerSecretText) -> [u8; 32] {
        self.hash_key.hash(text.reveal().as_bytes())
    }

    /// The app's secrets that count now, without their values, oldest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListServerSecrets>,
        occasion: Occasion,
    ) -> Result<Vec<ServerSecret>, AppError> {
        let mut secrets = server_secrets::list(self.store.database(), permit.app()).await?;
        secrets.retain(|secret| secret.is_live(occasion.now));
        for secret in &mut secrets {
            secret.last_used_at = self.last_uses.latest(secret.id, secret.last_used_at);
        }
        Ok(secrets)
    }

    /// Issues a secret beside the one in use, or says at once when the others stop counting.
    ///
    /// # Errors
    /// The environment has two live ones already; the others would end at once and one was in use just now, or they would
    /// count for longer than [`Grace::LONGEST`].
    pub async fn issue(
        &self,
        permit: &Permit<ManageServerSecrets>,
        new: NewServerSecret,
        occasion: Occasion,
    ) -> Result<IssuedServerSecret, AppError> {
        if new.expires_at.is_some_and(|end| end <= occasion.now) {
            return Err(AppError::EndPassed);
        }
        if new.previous_expires_at.is_some_and(|end| end > Grace::LONGEST.end(occasion.now)) {
            return Err(AppError::Grace(GraceError));
        }
        self.prepare(permit.organization()).await?;
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        if new.previous_expires_at.is_some_and(|end| end <= occasion.now) {
            self.check_unused(&change, &app, new.environment, occasion.now).await?;
        }
        self.finish_issue(change, &app, permit, new, occasion).await
    }

    /// Issues a secret in the place of the environment's others.
    ///
    /// # Errors
    /// One of the others was in use just now and would end at once, or two of them stay live.
    pub async fn rotate(
        &self,
        permit: &Permit<ManageServerSecrets>,
        rotation: Rotation,
        occasion: Occasion,
    ) -> Result<IssuedServerSecret, AppError> {
        self.prepare(permit.organization()).await?;
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        if rotation.grace == Grace::NONE && !rotation.force {
            self.check_unused(&change, &app, rotation.environment, occasion.now).await?;
        }
        let new = NewServerSecret {
            environment: rotation.environment,
            expires_at: None,
            previous_expires_at: Some(rotation.grace.end(occasion.now)),
        };
        self.finish_issue(change, &app, permit, new, occasion).await
    }

    /// The newest live secret of the environment, for a deployment; the first deployment issues it.
    ///
    /// # Errors
    /// The app is gone, or the store or the vault is not available.
    pub async fn to_inject(
        &self,
        permit: &Permit<AssembleEnvironment>,
        environment: Environment,
        occasion: Occasion,
    ) -> Result<InjectedServerSecret, AppError> {
        self.prepare(permit.organization()).await?;
        // Locked, so that two first deployments at once inject the same one.
        let (change, app) = self.store.begin_locked(permit.deployed_app()).await?;
        let all = server_secrets::list(change.transaction(), app.id).await?;
        let newest =
            all.into_iter().rfind(|secret| secret.environment == environment && secret.is_live(occasion.now));
        if let Some(ServerSecret { id, value, .. }) = newest {
            let owner = Owner::App(app.organization, app.id);
            let opened = self.vault.open_in(change.transaction(), value, owner, Kind::ServerSecret).await?;
            // Whoever writes to the database could else give preview the secret of production.
            if !opened.reveal_text().is_some_and(|text| ServerSecretText::is_of(text, environment)) {
                return Err(self.vault.swapped(value, owner).into());
            }
            return Ok(InjectedServerSecret { id, value: opened });
        }
        let new = NewServerSecret { environment, expires_at: None, previous_expires_at: None };
        let Written { issued, .. } = self.write(&change, &app, permit.user(), new, occasion.now).await?;
        let event = event(Actor::Person(permit.user()), &app, issued.secret.id)
            .during(occasion)
            .with(json!({ "after": { "environment": environment }, "for": "deployment" }));
        change.commit(event).await?;
        let value = SecretBytes::copy_of(issued.text.reveal().as_bytes());
        Ok(InjectedServerSecret { id: issued.secret.id, value })
    }

    /// Before a change that seals begins.
    pub(crate) async fn prepare(&self, organization: OrganizationId) -> Result<(), AppError> {
        Ok(self.vault.prepare(Owner::Organization(organization)).await?)
    }

    /// Refuses if a live secret of the environment was used just now.
    async fn check_unused(
        &self,
        change: &Change,
        app: &App,
        environment: Environment,
        now: OffsetDateTime,
    ) -> Result<(), AppError> {
        for other in server_secrets::list(change.transaction(), app.id).await? {
            let used = self.last_uses.latest(other.id, other.last_used_at);
            let in_use = used.is_some_and(|used| now < used + IN_USE);
            if other.environment == environment && other.is_live(now) && in_use {
                return Err(AppError::ServerSecretInUse);
            }
        }
        Ok(())
    }

    async fn finish_issue(
        &self,
        change: Change,
        app: &App,
        permit: &Permit<ManageServerSecrets>,
        new: NewServerSecret,
        occasion: Occasion,
    ) -> Result<IssuedServerSecret, AppError> {
        let all = server_secrets::list(change.transaction(), app.id).await?;
        let stays = |other: &ServerSecret| {
            let end = other.expires_at.into_iter().chain(new.previous_expires_at).min();
            other.environment == new.environment && end.is_none_or(|end| occasion.now < end)
        };
        if all.iter().filter(|other| stays(other)).count() >= MOST_LIVE {
            return Err(AppError::TooManyServerSecrets);
        }
        let Written { issued, ended } = self.write(&change, app, permit.user(), new, occasion.now).await?;
        let event = event(Actor::Person(permit.user()), app, issued.secret.id)
            .during(occasion)
            .with(json!({ "after": { "environment": new.environment }, "ended": ended }));
        change.commit(event).await?;
        Ok(issued)
    }

    /// Writes a new secret of an app that is locked, says when the environment's others end, and deletes those
    /// that have.
    pub(crate) async fn write(
        &self,
        change: &Change,
        app: &App,
        issuer: UserId,
        new: NewServerSecret,
        now: OffsetDateTime,
    ) -> Result<Written, AppError> {
        let text = ServerSecretText::generate(new.environment).map_err(AppError::Randomness)?;
        let secret = ServerSecret {
            id: ServerSecretId::generate(),
            value: SecretId::generate(),
            environment: new.environment,
            issued_by: issuer,
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
        };
        let ended = match new.previous_expires_at {
            Some(end) => self.end_others(change, app, new.environment, end, now).await?,
            None => Vec::new(),
        };
        let owner = Owner::App(app.organization, app.id);
        let value = NewValue { id: secret.value, owner, kind: Kind::ServerSecret };
        let bytes = SecretBytes::copy_of(text.reveal().as_bytes());
        self.vault.seal(change, value, &bytes, now).await?;
        server_secrets::insert(change.transaction(), app.id, &secret, self.hash(&text)).await?;
        Ok(Written { issued: IssuedServerSecret { secret, text }, ended })
    }

    async fn end_others(
        &self,
        change: &Change,
        app: &App,
        environment: Environment,
        end: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Vec<ServerSecretId>, AppError> {
        let mut ended = Vec::new();
        for other in server_secrets::list(change.transaction(), app.id).await? {
            if other.environment == environment && self.end(change, &other, end, now).await? {
                ended.push(other.id);
            }
        }
        Ok(ended)
    }

    /// Says when a secret stops counting, unless it does so earlier; now, it is deleted. Answers whether that
    /// changed anything.
    pub(crate) async fn end(
        &self,
        change: &Change,
        secret: &ServerSecret,
        end: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, AppError> {
        if secret.expires_at.is_some_and(|known| known <= end) {
            return Ok(false);
        }
        if end <= now {
            self.vault.delete(change, secret.value).await?;
        } else {
            server_secrets::expire(change.transaction(), secret.id, end).await?;
        }
        Ok(true)
    }

    /// Revokes a secret: it does not count from the next request on.
    ///
    /// # Errors
    /// The app has no such secret.
    pub async fn revoke(
        &self,
        permit: &Permit<ManageServerSecrets>,
        id: ServerSecretId,
        occasion: Occasion,
    ) -> Result<(), AppError> {
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        let secrets = server_secrets::list(change.transaction(), app.id).await?;
        let secret = secrets.iter().find(|secret| secret.id == id).ok_or(AppError::NotFound)?;
        self.vault.delete(&change, secret.value).await?;
        let event = event(Actor::Person(permit.user()), &app, id)
            .during(occasion)
            .with(json!({ "before": { "environment": secret.environment }, "after": null }));
        change.commit(event).await?;
        Ok(())
    }

    /// Deletes the secrets whose end has passed, with their values. They have not counted since.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn delete_ended(&self, now: OffsetDateTime) -> Result<(), AppError> {
        for (app, secret) in server_secrets::list_ending(self.store.database()).await? {
            if secret.is_live(now) {
                continue;
            }
            let change = self.store.begin().await?;
            match self.delete_one(change, app, secret).await {
                // With its app, or by another process, since it was read.
                Ok(()) | Err(AppError::NotFound | AppError::Vault(VaultError::NotFound)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn delete_one(
        &self,
        change: Change,
        app: ids::AppId,
        secret: ServerSecret,
    ) -> Result<(), AppError> {
        let app = store::lock(&change, app).await?;
        self.vault.delete(&change, secret.value).await?;
        let detail = json!({ "before": { "environment": secret.environment }, "after": null });
        let target = Target::ServerSecret(app.id, secret.id);
        let event = Event::done(Actor::System, END, target).of(app.organization).with(detail);
        Ok(change.commit(event).await?)
    }
}

fn event(actor: Actor, app: &App, id: ServerSecretId) -> Event {
    Event::done(actor, ManageServerSecrets::NAME, Target::ServerSecret(app.id, id)).of(app.organization)
}
